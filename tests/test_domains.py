"""Custom domains: what a domain configuration says of the connections to its name."""

import json
import socket
import ssl

import pytest
import requests

from authorizers import add_function, invoked
from harness import DEADLINE_S, policy
from mqtt_client import V5, Client
from test_http import Alpn

DOMAIN = "iot.example.test"
OTHER_ARN = "arn:aws:acm:us-east-1:000000000000:certificate/a1b2c3d4-0000-4000-8000-000000000000"
EVERYTHING = policy(("iot:*", "*"))


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """The domain is this machine."""
    resolve = socket.getaddrinfo

    def local(host, *rest, **more):
        return resolve("127.0.0.1" if host == DOMAIN else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", local)


def configure(server, **members):
    server.client("iot").create_domain_configuration(
        domainConfigurationName="custom",
        domainName=DOMAIN,
        serverCertificateArns=[OTHER_ARN],
        **members,
    )


def shown(server, port, name, version=None):
    """The names in the certificate that a client of a name is shown."""
    context = ssl.create_default_context(cafile=server.ca_file)
    if version:
        context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", port), DEADLINE_S) as tcp,
        context.wrap_socket(tcp, server_hostname=name) as tls,
    ):
        return [value for _, value in tls.getpeercert()["subjectAltName"]]


def connack(client, port):
    reason, _, _ = client.start(port, DOMAIN).connacks.get(timeout=DEADLINE_S)
    client.close()
    return reason


def test_a_domain_shows_a_certificate_of_its_own(server):
    ports = (server.mqtts_port, server.https_port)
    for port in ports:
        with pytest.raises(ssl.SSLCertVerificationError):
            shown(server, port, DOMAIN)
    configure(server)
    for port in ports:
        assert shown(server, port, DOMAIN) == [DOMAIN]
        assert DOMAIN not in shown(server, port, "localhost")
    described = server.client("iot").describe_domain_configuration(domainConfigurationName="custom")
    assert described["serverCertificates"][0]["serverCertificateArn"] == OTHER_ARN


def test_a_domain_that_is_disabled_or_deleted_is_not_there(server):
    configure(server)
    iot, name = server.client("iot"), "custom"
    iot.update_domain_configuration(
        domainConfigurationName=name, domainConfigurationStatus="DISABLED"
    )
    with pytest.raises((ssl.SSLError, ConnectionError)):
        shown(server, server.mqtts_port, DOMAIN)
    iot.delete_domain_configuration(domainConfigurationName=name)
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(server, server.mqtts_port, DOMAIN)


@pytest.mark.parametrize(
    ("security_policy", "spoken", "refused"),
    [
        ("IoTSecurityPolicy_TLS13_1_3_2022_10", "TLSv1_3", "TLSv1_2"),
        ("IoTSecurityPolicy_TLS12_1_2_2022_10", "TLSv1_2", "TLSv1_3"),
    ],
)
def test_a_security_policy_chooses_the_versions_of_tls(server, security_policy, spoken, refused):
    configure(server, tlsConfig={"securityPolicy": security_policy})
    assert shown(server, server.https_port, DOMAIN, ssl.TLSVersion[spoken]) == [DOMAIN]
    with pytest.raises(ssl.SSLError):
        shown(server, server.https_port, DOMAIN, ssl.TLSVersion[refused])


def test_a_domain_of_mqtt_needs_no_alpn_on_the_https_port(server, tmp_path):
    configure(server, applicationProtocol="SECURE_MQTT", authenticationType="AWS_X509")
    device = server.device(tmp_path, EVERYTHING)
    assert connack(Client("lamp").tls(device), server.https_port) == "Success"
    with pytest.raises((ssl.SSLError, ConnectionError)), requests.Session() as session:
        session.mount("https://", Alpn(device, "http/1.1"))
        url = f"https://{DOMAIN}:{server.https_port}/topics/a"
        try:
            session.post(url, verify=str(device.ca), timeout=DEADLINE_S)
        except requests.ConnectionError as error:
            raise ConnectionError from error


@pytest.mark.parametrize(("protocol", "status"), [("HTTPS", 200), ("MQTT_WSS", 403)])
def test_a_domain_of_http_is_for_requests_or_for_websockets(server, tmp_path, protocol, status):
    configure(server, applicationProtocol=protocol, authenticationType="AWS_X509")
    device = server.device(tmp_path, EVERYTHING)
    with requests.Session() as session:
        session.mount("https://", Alpn(device))
        url = f"https://{DOMAIN}:{server.https_port}/topics/a?qos=1"
        answer = session.post(url, verify=str(device.ca), timeout=DEADLINE_S)
    assert answer.status_code == status
    # MQTT over TCP is for neither.
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Client("lamp").tls(device).start(server.mqtts_port, DOMAIN)


@pytest.fixture
def authorizer(server, tmp_path):
    server.client("iot").create_authorizer(
        authorizerName="passwords",
        authorizerFunctionArn=add_function(server, tmp_path / "function"),
        signingDisabled=True,
        status="ACTIVE",
    )
    return "passwords"


def custom(server, device=None, username="bob", password="pass"):
    client = Client("lamp", version=V5)
    client.tls(device, ca=server.ca_file)
    client.paho.username_pw_set(username, password)
    return client


@pytest.mark.parametrize("override", [False, True])
def test_a_domain_s_authorizer_decides_on_every_port(server, authorizer, override):
    config = {"defaultAuthorizerName": authorizer, "allowAuthorizerOverride": override}
    configure(server, authenticationType="CUSTOM_AUTH", authorizerConfig=config)
    for port in (server.mqtts_port, server.https_port):
        assert connack(custom(server), port) == "Success"
        assert connack(custom(server, password="wrong"), port) == "Not authorized"
        # An authorizer that is not there, named where it may be and where it is passed over.
        named = custom(server, username="bob?x-amz-customauthorizer-name=other")
        expected = "Not authorized" if override else "Success"
        assert connack(named, port) == expected


def test_a_domain_can_want_a_certificate_and_a_password(server, authorizer, tmp_path):
    config = {"defaultAuthorizerName": authorizer}
    configure(server, authenticationType="CUSTOM_AUTH_X509", authorizerConfig=config)
    # The certificate's own policies are not asked.
    device = server.device(tmp_path)
    assert connack(custom(server, device), server.mqtts_port) == "Success"
    assert connack(custom(server, device, password="no"), server.mqtts_port) == "Not authorized"
    shown_tls = invoked(server)[0]["protocolData"]["tls"]
    assert shown_tls["serverName"] == DOMAIN
    assert shown_tls["principalId"] == device.id
    assert shown_tls["x509CertificatePem"].startswith("-----BEGIN CERTIFICATE-----")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        shown(server, server.mqtts_port, DOMAIN, ssl.TLSVersion.TLSv1_2)


def test_a_dynamic_group_s_policies_are_its_members(server, tmp_path):
    iot = server.client("iot")
    iot.create_dynamic_thing_group(thingGroupName="bright", queryString="attributes.watt>50")
    iot.create_policy(policyName="bright", policyDocument=json.dumps(EVERYTHING))
    group = iot.describe_thing_group(thingGroupName="bright")["thingGroupArn"]
    iot.attach_policy(policyName="bright", target=group)
    device = server.device(tmp_path, things=["lamp"])

    def may_connect():
        client = Client("lamp", version=V5).tls(device).start(server.mqtts_port)
        reason, _, _ = client.connacks.get(timeout=DEADLINE_S)
        client.close()
        return reason == "Success"

    assert not may_connect()
    for watt, brightness in (("60", True), ("40", False)):
        payload = {"attributes": {"watt": watt}}
        iot.update_thing(thingName="lamp", attributePayload=payload)
        assert may_connect() is brightness
    found = iot.get_effective_policies(principal=device.arn, thingName="lamp")
    assert found["effectivePolicies"] == []
