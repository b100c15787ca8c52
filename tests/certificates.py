"""Certificates made by the tests themselves."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization


def name_of(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def signed(subject, issuer, key, signer, extension, critical):
    """A certificate for `key` that lives from yesterday to tomorrow, signed by `signer`."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(name_of(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(extension, critical=critical)
        .sign(signer, hashes.SHA256())
    )


def certificate(subject, issuer, key, signer, ca=None):
    """A certificate for `key`, signed by `signer`; a CA's if it is its own issuer."""
    ca = subject == issuer if ca is None else ca
    return signed(subject, issuer, key, signer, x509.BasicConstraints(ca, None), critical=True)


def server_certificate(host, issuer, key, signer):
    """A certificate of a server for `key`, signed by `signer`."""
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    return signed(host, issuer, key, signer, names, critical=False)


def request(subject, key):
    """A certificate signing request, PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(name_of(subject))
    return pem(builder.sign(key, hashes.SHA256()))


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key):
    form = serialization.PrivateFormat.TraditionalOpenSSL
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()
