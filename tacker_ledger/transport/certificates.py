# SPDX-License-Identifier: Apache-2.0
"""The federation CA: X.509 certificates (RFC 5280) for node keys.

The CA's key is the issuer key of the federation document.  A certificate
lets browsers and HTTP clients recognise a node; what makes a node a member
is its key in the federation document (``transport.tls``).
"""

from collections.abc import Sequence
import datetime
import ipaddress

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography import x509
from cryptography.x509 import oid

from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey

#: Clocks of two hosts may differ so much at the start of a certificate.
_BACKDATED = datetime.timedelta(hours=1)


def load_key(pkcs8: bytes) -> PrivateKey:
    """Return the private key in PKCS#8 (DER)."""
    key = serialization.load_der_private_key(pkcs8, password=None)
    assert isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey)
    return key


def key_pem(key: PrivateKey) -> bytes:
    """Return a private key as unencrypted PKCS#8 in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption())


def authority(key: PrivateKey, name: str, now: datetime.datetime,
              days: int) -> x509.Certificate:
    """Return the self-signed certificate of a CA.

    :param name: common name
    :param now: start of its validity
    """
    subject = _name(name)
    builder = _builder(subject, subject, key, now, days)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(sign_certificates=True),
                                    critical=True)
    return builder.sign(key, _hash_for(key))


def issue(authority_key: PrivateKey, authority_certificate: x509.Certificate,
          key: PrivateKey | PublicKey, name: str, hosts: Sequence[str],
          now: datetime.datetime, days: int) -> x509.Certificate:
    """Return a certificate for a node key, good for both sides of TLS.

    :param key: of the node; only its public half is used
    :param hosts: addresses and names at which the node is reached
    """
    builder = _builder(_name(name), authority_certificate.subject, key, now,
                       days, authority_key)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(sign_certificates=False),
                                    critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([
        oid.ExtendedKeyUsageOID.SERVER_AUTH,
        oid.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(
        [_alternative(host) for host in dict.fromkeys(hosts)]),
        critical=False)
    return builder.sign(authority_key, _hash_for(authority_key))


def reissue(authority_key: PrivateKey,
            authority_certificate: x509.Certificate,
            old: x509.Certificate, now: datetime.datetime, days: int
            ) -> x509.Certificate:
    """Return a certificate with the name, key and addresses of another."""
    names = old.subject.get_attributes_for_oid(oid.NameOID.COMMON_NAME)
    alternatives = old.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    hosts = [str(one.value) for one in alternatives]
    return issue(authority_key, authority_certificate,
                 _known(old.public_key()), str(names[0].value), hosts, now,
                 days)


def public_of_spki(spki: bytes) -> PublicKey:
    """Return the public key in a SubjectPublicKeyInfo (DER).

    :raises BadKey: it is of no suite
    """
    return _known(serialization.load_der_public_key(spki))


def _known(key: object) -> PublicKey:
    if not isinstance(key, rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise errors.BadKey('No suite has keys of this kind.')
    return key


def request(key: PrivateKey, name: str) -> bytes:
    """Return a certificate signing request (RFC 2986, DER) by a key."""
    signed = x509.CertificateSigningRequestBuilder().subject_name(
        _name(name)).sign(key, _hash_for(key))
    return signed.public_bytes(serialization.Encoding.DER)


def key_of_request(found: x509.CertificateSigningRequest) -> bytes:
    """Return the SubjectPublicKeyInfo (DER) that signed a request.

    :raises BadKey: it is not signed by the key in it
    """
    if not found.is_signature_valid:
        raise errors.BadKey('The request is not signed by its own key.')
    return found.public_key().public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)


def suite_of(key: object) -> int:
    """Return the number of the suite that a key belongs to.

    :raises BadKey: it belongs to none
    """
    if isinstance(key, rsa.RSAPrivateKey):
        return suite_module.by_name('rsa2048').number
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return suite_module.by_name('ed25519').number
    raise errors.BadKey('No suite has keys of this kind.')


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate in PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def _builder(subject: x509.Name, issuer: x509.Name,
             key: PrivateKey | PublicKey, now: datetime.datetime, days: int,
             issuer_key: PrivateKey | None = None) -> x509.CertificateBuilder:
    public = _public(key)
    signer = _public(issuer_key or key)
    return (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(
            public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
            signer), critical=False))


def _public(key: PrivateKey | PublicKey) -> PublicKey:
    if isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        return key.public_key()
    return key


def _usage(sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False,
        key_cert_sign=sign_certificates, crl_sign=sign_certificates,
        encipher_only=False, decipher_only=False)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(
        oid.NameOID.COMMON_NAME, common_name)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _hash_for(key: PrivateKey) -> hashes.SHA256 | None:
    return hashes.SHA256() if isinstance(key, rsa.RSAPrivateKey) else None
