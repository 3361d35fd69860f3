# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-manage federation certify`` and ``renew``.

Certificates end; members do not.  A running node reads its certificate, key
and CA files again when they change, for new connections; those that are
there live on.  A new CA comes in three steps, each at all members before the
next: trust both, use the new one, trust the new one alone.
"""

import argparse
import datetime
import pathlib
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography import x509

from tacker_ledger.cmd import federation_files
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.keystore import file as keystore
from tacker_ledger.transport import certificates

_FILE_MAX_BYTES = 256 * 1024
_STEPS = ('make', 'use', 'finish')
_NAME = 'Tacker ledger federation CA'


def add_parsers(actions: Any) -> None:
    """Add the commands to the parser of ``federation``."""
    certify = actions.add_parser(
        'certify', help='issuing party: certificate for the node key in a '
                        'member\'s public material')
    certify.add_argument('material', metavar='MATERIAL')
    certify.add_argument('--genesis', required=True, metavar='FILE')
    certify.add_argument('--ca', required=True, metavar='DIRECTORY',
                         help='with ca.pem and ca.key')
    certify.add_argument('--out', required=True, metavar='FILE',
                         help='new file for the certificate')
    certify.add_argument('--days', type=int, default=3650)
    certify.set_defaults(run=run_certify)
    renew = actions.add_parser(
        'renew', help='issuing party: new certificates for the node keys '
                      'there are, or a new CA in steps')
    renew.add_argument('certificates', metavar='CERTIFICATE', nargs='*',
                       help='certificates of the members, as they are')
    renew.add_argument('--ca', metavar='DIRECTORY',
                       help='with ca.pem and ca.key')
    renew.add_argument('--out', metavar='DIRECTORY',
                       help='where to write what is to be handed out')
    renew.add_argument('--directory', metavar='D',
                       help='in place of all these: what "init" made, with '
                            'all members in it; files are replaced there')
    renew.add_argument('--new-ca', choices=_STEPS,
                       help='"make": a new CA, and ca.pem with both; "use": '
                            'certificates by the new one; "finish": ca.pem '
                            'with the new one alone')
    renew.add_argument('--days', type=int, default=3650)
    renew.set_defaults(run=run_renew)


class _Authority:
    """The files of a CA.

    :param directory: with ``ca.pem`` (the CA in use is the first in it)
        and ``ca.key``; during a change also ``ca-new.pem`` and
        ``ca-new.key``
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory

    def certificate(self, name: str = 'ca') -> x509.Certificate:
        """Return a CA certificate."""
        return read_certificate(self.directory / f'{name}.pem')

    def key(self, name: str = 'ca') -> certificates.PrivateKey:
        """Return its key."""
        path = self.directory / f'{name}.key'
        data = keystore.read_secret(path, _FILE_MAX_BYTES)
        try:
            key = serialization.load_pem_private_key(data, password=None)
            certificates.suite_of(key)
        except (ValueError, TypeError, errors.BadKey) as error:
            raise errors.BadOption(f'{path} holds no key.') from error
        return key  # type: ignore[return-value]

    @property
    def changes(self) -> bool:
        """Whether a new CA has been made."""
        return (self.directory / 'ca-new.pem').exists()


def read_certificate(path: pathlib.Path) -> x509.Certificate:
    """Return the first certificate in a PEM file.

    :raises BadOption: there is none
    """
    try:
        return x509.load_pem_x509_certificates(
            federation_files.read(path, _FILE_MAX_BYTES))[0]
    except ValueError as error:
        raise errors.BadOption(f'{path} holds no certificate.') from error


def run_certify(arguments: argparse.Namespace,
                provider: provider_module.Provider) -> str:
    """Write a certificate for a member's node key."""
    current = federation_files.read_current(provider, arguments.genesis)
    material = federation_files.read_material(
        arguments.material, current.federation.chain_id)
    authority = _Authority(pathlib.Path(arguments.ca))
    member = material.member
    hosts = [_host(member.peer_address),
             _host(member.door_url.partition('//')[2].partition('/')[0]),
             'localhost']
    certificate = certificates.issue(
        authority.key(), authority.certificate(),
        certificates.public_of_spki(member.node_key.signing), member.name,
        hosts, _now(), _days(arguments))
    federation_files.write(arguments.out, certificates.pem(certificate))
    return (f'Certificate of {member.name} until '
            f'{certificate.not_valid_after_utc:%Y-%m-%d} is in '
            f'{arguments.out}.')


def run_renew(arguments: argparse.Namespace,
              provider: provider_module.Provider) -> str:
    """Renew certificates, or take one step to a new CA."""
    days = _days(arguments)
    if arguments.directory:
        if arguments.ca or arguments.out or arguments.certificates:
            raise errors.BadOption('--directory stands alone.')
        root = pathlib.Path(arguments.directory)
        homes = sorted(path.parent for path in root.glob('*/node.pem'))
        authority = _Authority(root / 'ca')
        sources = [(home / 'node.pem', home / 'node.pem') for home in homes]
        trust = [authority.directory / 'ca.pem',
                 *(home / 'ca.pem' for home in homes)]
    else:
        if not (arguments.ca and arguments.out):
            raise errors.BadOption('--ca and --out, or --directory.')
        out = pathlib.Path(arguments.out)
        out.mkdir(parents=True, exist_ok=True)
        authority = _Authority(pathlib.Path(arguments.ca))
        sources = [(pathlib.Path(path), out / f'{_name_in(path)}.pem')
                   for path in arguments.certificates]
        trust = [authority.directory / 'ca.pem', out / 'ca.pem']
    if arguments.new_ca == 'make':
        return _make(provider, authority, trust, days)
    if arguments.new_ca == 'finish':
        return _finish(authority, trust)
    return _reissue(authority, sources, days,
                    'ca-new' if arguments.new_ca == 'use' else 'ca')


def _make(provider: provider_module.Provider, authority: _Authority,
          trust: list[pathlib.Path], days: int) -> str:
    if authority.changes:
        raise errors.BadOption('A new CA has been made already.')
    old = authority.certificate()
    pair = provider.generate(certificates.suite_of(authority.key()),
                             encryption=False)
    key = federation_files.tls_key(pair)
    new = certificates.authority(key, _NAME, _now(), days)
    keystore.write_secret(authority.directory / 'ca-new.key',
                          certificates.key_pem(key))
    federation_files.write(authority.directory / 'ca-new.pem',
                           certificates.pem(new))
    bundle = certificates.pem(old) + certificates.pem(new)
    for path in trust:
        federation_files.write(path, bundle, replace=True)
    return ('A new CA is made. ca.pem trusts both: have it at every member '
            'and client, then go on with --new-ca use.')


def _finish(authority: _Authority, trust: list[pathlib.Path]) -> str:
    if not authority.changes:
        raise errors.BadOption('No new CA has been made.')
    directory = authority.directory
    new = certificates.pem(authority.certificate('ca-new'))
    for path in trust:
        federation_files.write(path, new, replace=True)
    (directory / 'ca-new.key').replace(directory / 'ca.key')
    (directory / 'ca-new.pem').unlink()
    return ('ca.pem trusts the new CA alone: have it at every member and '
            'client.')


def _reissue(authority: _Authority,
             sources: list[tuple[pathlib.Path, pathlib.Path]], days: int,
             name: str) -> str:
    if name == 'ca-new' and not authority.changes:
        raise errors.BadOption('No new CA has been made.')
    if not sources:
        raise errors.BadOption('No certificates are named.')
    key, issuer = authority.key(name), authority.certificate(name)
    made = [(target, certificates.reissue(
        key, issuer, read_certificate(source), _now(), days))
        for source, target in sources]
    for target, certificate in made:
        federation_files.write(target, certificates.pem(certificate),
                               replace=True)
    until = made[0][1].not_valid_after_utc
    return (f'{len(made)} certificates until {until:%Y-%m-%d}: '
            + ', '.join(str(target) for target, _ in made))


def _name_in(path: str) -> str:
    found = read_certificate(pathlib.Path(path)).subject
    return str(found.rfc4514_string()).removeprefix('CN=')


def _host(address: str) -> str:
    host, separator, _port = address.rpartition(':')
    return (host if separator and not address.endswith(']')
            else address).strip('[]')


def _days(arguments: argparse.Namespace) -> int:
    if arguments.days < 1:
        raise errors.BadOption('--days: at least 1.')
    return int(arguments.days)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
