# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-manage federation init``: the directories of N members.

Everything of a federation is made at one place and then handed out: each
``node-K`` goes to the host of its member, ``ca`` stays with the issuing
party, best off line.  For a federation of strangers every member makes its
keys itself; then only the document is common.
"""

import argparse
import dataclasses
import datetime
import ipaddress
import os
import pathlib
import time

from tacker_ledger.core import codec
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
_MODE_PUBLIC = 0o644
_PRIVATE_FORM = codec.Record(
    codec.Int(), codec.Int(), codec.Bytes(1, 8192),
    codec.Optional(codec.Bytes(1, 8192)))

_CONF = """\
# Member {name} of the federation {chain_id}.
# Relative paths start at the directory of this file.

[node]
member = {name}
data_directory = data
federation_document = federation.cbor
node_key_file = node.key
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
class _Seat:
    """A member before it has keys."""

    index: int
    name: str
    host: str
    peer_port: int

    @property
    def door_port(self) -> int:
        return self.peer_port + _DOOR_OFFSET

    @property
    def operator_port(self) -> int:
        return self.peer_port + _OPERATOR_OFFSET


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class _Keys:
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
    keys = [_Keys(provider.generate(number, encryption=False),
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


def _seats(arguments: argparse.Namespace) -> list[_Seat]:
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
    for host in hosts:
        if arguments.plain_http and not _loopback(host):
            raise errors.BadOption(
                f'--plain-http: {host} is not a loopback address.')
    return [_Seat(index, f'{arguments.name_prefix}{index}', host,
                  arguments.base_port + index)
            for index, host in enumerate(hosts)]


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip('[]')).is_loopback
    except ValueError:
        return host == 'localhost'


def _document(arguments: argparse.Namespace,
              provider: provider_module.Provider, seats: list[_Seat],
              issuer: provider_module.SoftwareKeyPair,
              keys: list[_Keys]) -> federation.SignedFederation:
    now_ms = time.time_ns() // 1_000_000
    scheme = 'http' if arguments.plain_http else 'https'
    members = tuple(
        federation_document.Member(
            name=seat.name, peer_address=f'{seat.host}:{seat.peer_port}',
            door_url=f'{scheme}://{seat.host}:{seat.door_port}',
            node_key=own.pair.document,
            vote_key=provider.ed25519_public(own.vote_seed),
            answer_key=provider.ed25519_public(own.answer_seed))
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
               seats: list[_Seat], issuer: provider_module.SoftwareKeyPair,
               keys: list[_Keys],
               signed: federation.SignedFederation) -> None:
    now = datetime.datetime.now(datetime.UTC)
    authority_key = _tls_key(issuer)
    authority = certificates.authority(
        authority_key, 'Tacker ledger federation CA', now, arguments.days)
    authority_pem = certificates.pem(authority)
    ca = directory / 'ca'
    ca.mkdir(mode=0o700)
    _write_public(ca / 'ca.pem', authority_pem)
    keystore.write_secret(ca / 'ca.key', certificates.key_pem(authority_key))
    keystore.write_secret(ca / 'issuer.key', issuer.to_private_bytes())
    _write_public(directory / 'federation.cbor', signed.to_bytes())
    for seat, own in zip(seats, keys, strict=True):
        home = directory / f'node-{seat.index}'
        home.mkdir(mode=0o700)
        (home / 'data').mkdir(mode=0o700)
        key = _tls_key(own.pair)
        certificate = certificates.issue(
            authority_key, authority, key, seat.name,
            [seat.host.strip('[]'), 'localhost'], now, arguments.days)
        _write_public(home / 'node.pem', certificates.pem(certificate))
        _write_public(home / 'ca.pem', authority_pem)
        _write_public(home / 'federation.cbor', signed.to_bytes())
        keystore.write_secret(home / 'node.key', certificates.key_pem(key))
        keystore.write_secret(home / 'node.private',
                              own.pair.to_private_bytes())
        keystore.write_secret(home / 'vote.key', own.vote_seed)
        keystore.write_secret(home / 'answer.key', own.answer_seed)
        _write_public(home / 'tacker-ledger.conf',
                      _conf(arguments, seat, signed).encode())


def _conf(arguments: argparse.Namespace, seat: _Seat,
          signed: federation.SignedFederation) -> str:
    # The operator door of a laptop needs no Keystone; anywhere else it does.
    local = _loopback(seat.host)
    return _CONF.format(
        name=seat.name,
        chain_id=federation.chain_id_of(signed.document).hex(),
        admission=arguments.admission, host=seat.host.strip('[]'),
        door_port=seat.door_port, plain_http=arguments.plain_http,
        operator_host=seat.host.strip('[]'),
        operator_port=seat.operator_port,
        auth_strategy='noauth' if local else 'keystone',
        operator_plain_http=local)


def _tls_key(pair: provider_module.SoftwareKeyPair
             ) -> certificates.PrivateKey:
    fields = codec.decode(pair.to_private_bytes(), _PRIVATE_FORM, 16384)
    return certificates.load_key(fields[2])


def _write_public(path: pathlib.Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL,
                         _MODE_PUBLIC)
    with os.fdopen(descriptor, 'wb') as file:
        file.write(data)
