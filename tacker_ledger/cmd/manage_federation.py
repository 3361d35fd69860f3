# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-manage federation init``: the directories of N members.

Everything of a federation is made at one place and then handed out: each
``node-K`` goes to the host of its member, ``ca`` stays with the issuing
party, best off line.  For a federation of strangers every member makes its
keys itself; then only the document is common.
"""

import argparse
from collections.abc import Iterable
import dataclasses
import datetime
import ipaddress
import pathlib
import time

from tacker_ledger.cmd import federation_files
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core import limits
from tacker_ledger.keystore import file as keystore
from tacker_ledger.transport import certificates

_DOOR_OFFSET = 100
_OPERATOR_OFFSET = 200

_CONF = """\
# Member {name} of the federation {chain_id}.
# Relative paths start at the directory of this file.

[node]
member = {name}
data_directory = data
federation_document = federation.cbor
{joining}node_key_file = node.key
certificate_file = node.pem
ca_file = ca.pem
vote_key_file = vote.key
answer_key_file = answer.key
admission = {admission}

[door]
host = {host}
port = {door_port}
plain_http = {plain_http}

[operator]
host = {operator_host}
port = {operator_port}
auth_strategy = {auth_strategy}
plain_http = {operator_plain_http}
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Seat:
    """A member before it has keys: its name and where it listens."""

    name: str
    host: str
    peer_port: int
    door_port: int
    operator_port: int


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The secrets of one member."""

    pair: provider_module.SoftwareKeyPair
    vote_seed: bytes
    answer_seed: bytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``federation init``."""
    parser.add_argument('--nodes', type=int, required=True, metavar='N',
                        help='number of members')
    parser.add_argument('--directory', required=True, metavar='D',
                        help='new directory to make')
    parser.add_argument('--host', action='append', default=[],
                        help='address of the members; once for all, or once '
                             'for each in their order (default 127.0.0.1)')
    parser.add_argument('--base-port', type=int, default=9700,
                        help='first port between members; doors use +100, '
                             'operator doors +200 (default 9700)')
    parser.add_argument('--heartbeat-seconds', type=float, default=30.0,
                        help='silence after which an empty block shows that '
                             'the federation is alive (default 30)')
    parser.add_argument('--batch-interval-ms', type=int, default=20,
                        help='how long a leader collects (default 20)')
    parser.add_argument('--name-prefix', default='node-',
                        help='members are called so with their index')
    parser.add_argument('--suite', default='rsa2048',
                        choices=[s.name for s in suite_module.suites()],
                        help='suite of issuer and node keys')
    parser.add_argument('--days', type=int, default=3650,
                        help='validity of document and certificates')
    parser.add_argument('--admission', default='registered',
                        choices=['registered', 'open'],
                        help='who may write (default registered)')
    parser.add_argument('--plain-http', action='store_true',
                        help='doors without TLS; loopback only')


def run(arguments: argparse.Namespace,
        provider: provider_module.Provider) -> str:
    """Make the directories; return a sentence about them.

    :raises BadOption: an argument is out of range or the directory exists
    """
    seats = _seats(arguments)
    number = suite_module.by_name(arguments.suite).number
    issuer = provider.generate(number, encryption=False)
    keys = [Keys(provider.generate(number, encryption=False),
                 provider.random_bytes(32), provider.random_bytes(32))
            for _ in seats]
    try:
        signed = _document(arguments, provider, seats, issuer, keys)
    except errors.FormatError as error:
        raise errors.BadOption(
            f'The federation document would be refused: {error.message}.'
        ) from error
    # nothing is made before everything is known to be good
    directory = pathlib.Path(arguments.directory)
    try:
        directory.mkdir(parents=True, exist_ok=False)
    except FileExistsError:
        raise errors.BadOption(
            f'--directory: {directory} exists already.') from None
    except OSError as error:
        raise errors.BadOption(
            f'--directory: {directory}: {error.strerror}.') from error
    _write_all(arguments, directory, seats, issuer, keys, signed)
    chain_id = federation.chain_id_of(signed.document)
    return (f'Federation {chain_id.hex()} of {len(seats)} members made in '
            f'{directory}.')


def _seats(arguments: argparse.Namespace) -> list[Seat]:
    count = arguments.nodes
    if not 1 <= count <= min(limits.MEMBERS_MAX_COUNT, _DOOR_OFFSET):
        raise errors.BadOption(
            f'--nodes: from 1 to {_DOOR_OFFSET}, not {count}.')
    hosts = arguments.host or ['127.0.0.1']
    if len(hosts) == 1:
        hosts = hosts * count
    if len(hosts) != count:
        raise errors.BadOption(
            f'--host: {len(hosts)} addresses for {count} members.')
    if not 1 <= arguments.base_port <= 65535 - _OPERATOR_OFFSET - count:
        raise errors.BadOption('--base-port: the ports go beyond 65535.')
    if arguments.days < 1:
        raise errors.BadOption('--days: at least 1.')
    check_plain(arguments, hosts)
    first = arguments.base_port
    return [Seat(f'{arguments.name_prefix}{index}', host, first + index,
                 first + index + _DOOR_OFFSET,
                 first + index + _OPERATOR_OFFSET)
            for index, host in enumerate(hosts)]


def check_plain(arguments: argparse.Namespace, hosts: Iterable[str]) -> None:
    """Raise BadOption where doors without TLS would be seen by others."""
    for host in hosts:
        if arguments.plain_http and not _loopback(host):
            raise errors.BadOption(
                f'--plain-http: {host} is not a loopback address.')


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip('[]')).is_loopback
    except ValueError:
        return host == 'localhost'


def member_of(provider: provider_module.Provider, seat: Seat, keys: Keys,
              plain_http: bool) -> federation_document.Member:
    """Return what others know of a member."""
    scheme = 'http' if plain_http else 'https'
    return federation_document.Member(
        name=seat.name, peer_address=f'{seat.host}:{seat.peer_port}',
        door_url=f'{scheme}://{seat.host}:{seat.door_port}',
        node_key=keys.pair.document,
        vote_key=provider.ed25519_public(keys.vote_seed),
        answer_key=provider.ed25519_public(keys.answer_seed))


def _document(arguments: argparse.Namespace,
              provider: provider_module.Provider, seats: list[Seat],
              issuer: provider_module.SoftwareKeyPair,
              keys: list[Keys]) -> federation.SignedFederation:
    now_ms = time.time_ns() // 1_000_000
    members = tuple(
        member_of(provider, seat, own, arguments.plain_http)
        for seat, own in zip(seats, keys, strict=True))
    parameters = federation_document.Parameters(
        heartbeat_ms=round(arguments.heartbeat_seconds * 1000),
        batch_interval_ms=arguments.batch_interval_ms)
    document = federation_document.Document(
        nonce=provider.random_bytes(16), epoch=0,
        predecessor=federation_document.NO_PREDECESSOR, created_ms=now_ms,
        expiry_ms=now_ms + arguments.days * 24 * 3600 * 1000,
        members=members, issuer=issuer.document, parameters=parameters)
    federation_document.Document.from_bytes(document.to_bytes())
    signed = federation.issue(issuer, document)
    h = hashing.hasher(federation.chain_id_of(signed.document))
    return signed.with_approvals(
        federation.approve(h, own.pair, signed, federation.SIDE_OWN, index)
        for index, own in enumerate(keys))


def _write_all(arguments: argparse.Namespace, directory: pathlib.Path,
               seats: list[Seat], issuer: provider_module.SoftwareKeyPair,
               keys: list[Keys],
               signed: federation.SignedFederation) -> None:
    now = datetime.datetime.now(datetime.UTC)
    authority_key = federation_files.tls_key(issuer)
    authority = certificates.authority(
        authority_key, 'Tacker ledger federation CA', now, arguments.days)
    authority_pem = certificates.pem(authority)
    ca = directory / 'ca'
    ca.mkdir(mode=0o700)
    federation_files.write(ca / 'ca.pem', authority_pem)
    keystore.write_secret(ca / 'ca.key', certificates.key_pem(authority_key))
    keystore.write_secret(ca / 'issuer.key', issuer.to_private_bytes())
    federation_files.write(directory / 'federation.cbor', signed.to_bytes())
    chain_id = federation.chain_id_of(signed.document)
    for index, (seat, own) in enumerate(zip(seats, keys, strict=True)):
        home = directory / f'node-{index}'
        home.mkdir(mode=0o700)
        (home / 'data').mkdir(mode=0o700)
        certificate = certificates.issue(
            authority_key, authority, federation_files.tls_key(own.pair),
            seat.name, [seat.host.strip('[]'), 'localhost'], now,
            arguments.days)
        federation_files.write(home / 'node.pem',
                               certificates.pem(certificate))
        federation_files.write(home / 'ca.pem', authority_pem)
        federation_files.write(home / 'federation.cbor', signed.to_bytes())
        write_keys(home, own)
        keystore.write_secret(home / 'node.private',
                              own.pair.to_private_bytes())
        federation_files.write(
            home / 'tacker-ledger.conf',
            configuration(arguments, seat, chain_id).encode())


def write_keys(home: pathlib.Path, keys: Keys) -> None:
    """Write a member's secrets into its directory."""
    keystore.write_secret(home / 'node.key', certificates.key_pem(
        federation_files.tls_key(keys.pair)))
    keystore.write_secret(home / 'vote.key', keys.vote_seed)
    keystore.write_secret(home / 'answer.key', keys.answer_seed)


def configuration(arguments: argparse.Namespace, seat: Seat,
                  chain_id: bytes, joining: str = '') -> str:
    """Return the text of a member's configuration file.

    :param joining: further lines, of a member that joins later
    """
    # The operator door of a laptop needs no Keystone; anywhere else it does.
    local = _loopback(seat.host)
    host = seat.host.strip('[]')
    return _CONF.format(
        name=seat.name, chain_id=chain_id.hex(),
        admission=arguments.admission, host=host,
        joining=joining,
        door_port=seat.door_port, plain_http=arguments.plain_http,
        operator_host=host, operator_port=seat.operator_port,
        auth_strategy='noauth' if local else 'keystone',
        operator_plain_http=local)
