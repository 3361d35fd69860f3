# SPDX-License-Identifier: Apache-2.0
"""TLS between members: 1.3 only, mutual, from the federation CA, pinned.

A certificate from the CA is not enough to be a member: the key in it has
to be the node key which the federation document names.  So a CA that is
lost or deceived cannot add a member, and names are not compared at all.
"""

import ssl

from cryptography.hazmat.primitives import serialization
from cryptography import x509

from tacker_ledger.core import errors


def server_context(certificate_file: str, key_file: str,
                   ca_file: str) -> ssl.SSLContext:
    """Return the context of the side that is dialled.

    :raises BadOption: a file is missing or they do not belong together
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # A resumed session would not show its certificate again.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    return _complete(context, certificate_file, key_file, ca_file)


def client_context(certificate_file: str, key_file: str,
                   ca_file: str) -> ssl.SSLContext:
    """Return the context of the side that dials.

    :raises BadOption: a file is missing or they do not belong together
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The pinned key says who it is; addresses may be translated.
    context.check_hostname = False
    return _complete(context, certificate_file, key_file, ca_file)


def _complete(context: ssl.SSLContext, certificate_file: str, key_file: str,
              ca_file: str) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    load_certificate(context, certificate_file, key_file)
    try:
        context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise errors.BadOption(
            f'Option ca_file in [node]: {ca_file}: {error}',
            option='ca_file', group='node') from error
    return context


def load_certificate(context: ssl.SSLContext, certificate_file: str,
                     key_file: str) -> None:
    """Load a certificate and its key into a context.

    :raises BadOption: a file is missing or they do not belong together
    """
    try:
        context.load_cert_chain(certificate_file, key_file)
    except (OSError, ssl.SSLError) as error:
        raise errors.BadOption(
            'Options certificate_file and node_key_file in [node]: '
            f'{certificate_file}, {key_file}: {error}',
            option='certificate_file', group='node') from error


def key_of_certificate(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo (DER) in a certificate (DER).

    :raises BadKey: it is no certificate or of an unknown kind of key
    """
    try:
        public = x509.load_der_x509_certificate(certificate).public_key()
        return public.public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError) as error:
        raise errors.BadKey(f'Not a certificate: {error}') from error


def key_of_file(certificate_file: str) -> bytes:
    """Return the SubjectPublicKeyInfo (DER) of a certificate file (PEM).

    :raises BadOption: it cannot be read
    """
    try:
        with open(certificate_file, 'rb') as file:
            certificate = x509.load_pem_x509_certificate(file.read(65536))
    except (OSError, ValueError) as error:
        raise errors.BadOption(
            f'Option certificate_file in [node]: {certificate_file}: '
            f'{error}', option='certificate_file', group='node') from error
    return key_of_certificate(
        certificate.public_bytes(serialization.Encoding.DER))
