"""Certificates of a CA of one's own, registered as AWS has it."""

from cryptography.hazmat.primitives.asymmetric import ec

from certificates import certificate, key_pem, pem
from harness import ALLOW_ALL, Device
from mqtt_client import Client, tls_client


def test_a_device_with_a_certificate_of_a_registered_authority_connects(server, tmp_path):
    iot = server.client("iot")
    authority, verifier, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    ca = certificate("My CA", "My CA", authority, authority)
    code = iot.get_registration_code()["registrationCode"]
    iot.register_ca_certificate(
        caCertificate=pem(ca),
        verificationCertificate=pem(certificate(code, "My CA", verifier, authority)),
        setAsActive=True,
    )
    device_certificate = certificate("device", "My CA", key, authority)
    (tmp_path / "crt").write_text(pem(device_certificate))
    (tmp_path / "key").write_text(key_pem(key))
    device = Device("", "", tmp_path / "crt", tmp_path / "key", server.ca_file)

    # Not before it is registered.
    try:
        Client("c").tls(device).start(server.mqtts_port).closed()
    except OSError:
        pass

    registered = iot.register_certificate(
        certificatePem=pem(device_certificate), caCertificatePem=pem(ca), status="ACTIVE"
    )
    server.allow(registered["certificateArn"], ALLOW_ALL)
    with tls_client(server, device, "c") as client:
        assert client.publish("test/topic") == 0
