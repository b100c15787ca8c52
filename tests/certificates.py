"""Certificates made by the tests themselves."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization


def name_of(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def signed(subject, issuer, key, signer, extension, critical, days=(-1, 1)):
    """A certificate for `key` that lives between these days from now, signed by `signer`."""
    now = datetime.datetime.now(datetime.timezone.utc)
    begin, end = (now + datetime.timedelta(days=number) for number in days)
    return (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(name_of(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(extension, critical=critical)
        .sign(signer, hashes.SHA256())
    )


def certificate(subject, issuer, key, signer, ca=None, days=(-1, 1)):
    """A certificate for `key`, signed by `signer`; a CA's if it is its own issuer."""
    ca = subject == issuer if ca is None else ca
    limits = x509.BasicConstraints(ca, None)
    return signed(subject, issuer, key, signer, limits, critical=True, days=days)


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
