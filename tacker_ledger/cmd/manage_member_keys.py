# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-manage federation join`` and ``member-keys``.

A member makes its keys itself and hands out its *public material*: name,
addresses, public keys, and a certificate signing request for the node key.
Nothing in it is secret.  New keys of a member lie beside those in use, with
``.next`` after their names; the node takes those that the federation in
force names, at the height from which it names them.
"""

import argparse
import dataclasses
import pathlib
from typing import Any

from tacker_ledger.cmd import federation_files
from tacker_ledger.cmd import manage_federation
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import federation_change
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.keystore import file as keystore
from tacker_ledger.transport import certificates

#: What a member may renew of itself.
_KINDS = ('node', 'vote', 'answer')
_SEED_BYTES = 32


def add_parsers(actions: Any) -> None:
    """Add the commands to the parser of ``federation``."""
    join = actions.add_parser(
        'join', help='newcomer: make keys, configuration and public '
                     'material of a member to be')
    join.add_argument('--name', required=True, help='of the member')
    join.add_argument('--genesis', required=True, metavar='FILE',
                      help='federation document at genesis')
    join.add_argument('--newest', metavar='FILE',
                      help='document in force, if it is another: tells the '
                           'new node whom to connect to')
    join.add_argument('--directory', required=True, metavar='D',
                      help='new directory to make')
    join.add_argument('--host', required=True,
                      help='address at which the member is reached')
    join.add_argument('--peer-port', type=int, default=9700)
    join.add_argument('--door-port', type=int, default=9800)
    join.add_argument('--operator-port', type=int, default=9900)
    join.add_argument('--suite', default='rsa2048',
                      choices=[s.name for s in suite_module.suites()],
                      help='suite of the node key')
    join.add_argument('--admission', default='registered',
                      choices=['registered', 'open'])
    join.add_argument('--plain-http', action='store_true',
                      help='door without TLS; loopback only')
    join.set_defaults(run=run_join)
    keys = actions.add_parser(
        'member-keys', help='member: make new keys beside those in use, and '
                            'public material that names them')
    keys.add_argument('--name', required=True, help='of the member')
    keys.add_argument('--directory', required=True, metavar='D',
                      help='of the member, where its key files lie')
    keys.add_argument('--current', metavar='PLACE',
                      help='as for propose (default: data in the directory)')
    keys.add_argument('--genesis', metavar='FILE')
    keys.add_argument('--keys', default='vote,answer', metavar='KINDS',
                      help='which: node, vote, answer, with commas (default '
                           'vote,answer); an empty text for addresses alone')
    keys.add_argument('--peer-address', metavar='HOST:PORT',
                      help='where it is reached by members from now on')
    keys.add_argument('--door-url', metavar='URL',
                      help='where its door is from now on')
    keys.add_argument('--out', required=True, metavar='FILE',
                      help='new file for the public material')
    keys.set_defaults(run=run_keys)
    issuer = actions.add_parser(
        'issuer-key', help='issuing party: make a new issuing key')
    issuer.add_argument('--out', required=True, metavar='FILE',
                        help='new file, readable by its owner only')
    issuer.add_argument('--suite', default='rsa2048',
                        choices=[s.name for s in suite_module.suites()])
    issuer.set_defaults(run=run_issuer)


def run_join(arguments: argparse.Namespace,
             provider: provider_module.Provider) -> str:
    """Make a newcomer's directory; return what to hand out."""
    genesis_file = federation_files.read_signed(arguments.genesis)
    genesis = federation_module.check_genesis(provider, genesis_file)
    newest = (federation_files.read_signed(arguments.newest)
              if arguments.newest else None)
    seat = manage_federation.Seat(
        arguments.name, arguments.host, arguments.peer_port,
        arguments.door_port, arguments.operator_port)
    manage_federation.check_plain(arguments, [arguments.host])
    number = suite_module.by_name(arguments.suite).number
    keys = manage_federation.Keys(
        provider.generate(number, encryption=False),
        provider.random_bytes(_SEED_BYTES), provider.random_bytes(
            _SEED_BYTES))
    member = manage_federation.member_of(provider, seat, keys,
                                         arguments.plain_http)
    material = _material(genesis.chain_id, member, keys.pair)
    home = pathlib.Path(arguments.directory)
    try:
        home.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise errors.BadOption(f'{home}: {error.strerror}.') from error
    (home / 'data').mkdir(mode=0o700)
    manage_federation.write_keys(home, keys)
    federation_files.write(home / 'federation.cbor', genesis_file.to_bytes())
    if newest is not None:
        federation_files.write(home / 'newest.cbor', newest.to_bytes())
    federation_files.write(
        home / 'tacker-ledger.conf', manage_federation.configuration(
            arguments, seat, genesis.chain_id,
            _joining(seat, newest is not None)).encode())
    out = home / f'{arguments.name}.member'
    federation_files.write(out, material.to_bytes())
    return '\n'.join([
        *federation_change.described(member),
        (f'Hand {out} to the issuing party; it is public. Put the '
         f'certificate that comes back at {home / "node.pem"} and the CA at '
         f'{home / "ca.pem"}, then start the node.')])


def _joining(seat: manage_federation.Seat, has_newest: bool) -> str:
    """Return options that no document can give until one names it."""
    host = seat.host.strip('[]')
    lines = f'bind_host = {host}\nbind_port = {seat.peer_port}\n'
    if has_newest:
        lines += 'newest_federation_document = newest.cbor\n'
    return lines


def run_keys(arguments: argparse.Namespace,
             provider: provider_module.Provider) -> str:
    """Make new keys of a member; return what to hand out."""
    home = pathlib.Path(arguments.directory)
    kinds = [kind for kind in arguments.keys.split(',') if kind]
    if not set(kinds) <= set(_KINDS):
        raise errors.BadOption(f'--keys: of {", ".join(_KINDS)}.')
    current = federation_files.read_current(
        provider, arguments.current or str(home / 'data'), arguments.genesis)
    old = next((member for member in current.federation.members
                if member.name == arguments.name), None)
    if old is None:
        raise errors.BadOption(f'--name: {arguments.name} is no member.')
    changes: dict[str, Any] = {}
    if arguments.peer_address:
        changes['peer_address'] = arguments.peer_address
    if arguments.door_url:
        changes['door_url'] = arguments.door_url
    if not kinds and not changes:
        raise errors.BadOption('Nothing is to change.')
    secrets: dict[str, bytes] = {}
    for kind in ('vote', 'answer'):
        if kind in kinds:
            seed = provider.random_bytes(_SEED_BYTES)
            secrets[f'{kind}.key.next'] = seed
            changes[f'{kind}_key'] = provider.ed25519_public(seed)
    if 'node' in kinds:
        pair = provider.generate(old.node_key.suite, encryption=False)
        changes['node_key'] = pair.document
        secrets['node.key.next'] = certificates.key_pem(
            federation_files.tls_key(pair))
    else:
        pair = federation_files.pair_of_pem(provider, home / 'node.key')
        if pair.document != old.node_key:
            raise errors.BadOption(
                f'{home / "node.key"} is not the node key of '
                f'{arguments.name}.')
    try:
        member = federation_document.Member.from_bytes(
            dataclasses.replace(old, **changes).to_bytes())
    except errors.FormatError as error:
        raise errors.BadOption(f'{error.message}.') from error
    _write_secrets(home, secrets)
    federation_files.write(arguments.out, _material(
        current.federation.chain_id, member, pair).to_bytes())
    return '\n'.join([
        *federation_change.described(member),
        (f'Hand {arguments.out} to the issuing party; it is public. The '
         'running node takes the new keys when a document names them.')])


def _write_secrets(home: pathlib.Path, secrets: dict[str, bytes]) -> None:
    taken = [name for name in secrets if (home / name).exists()]
    if taken:
        raise errors.BadOption(
            f'{home / taken[0]} exists: a change is under way. Put it in '
            'the place of the key in use, or remove it, first.')
    for name, secret in secrets.items():
        keystore.write_secret(home / name, secret)


def _material(chain_id: bytes, member: federation_document.Member,
              pair: provider_module.SoftwareKeyPair
              ) -> federation_files.Material:
    return federation_files.Material(
        chain_id, member, certificates.request(
            federation_files.tls_key(pair), member.name))


def run_issuer(arguments: argparse.Namespace,
               provider: provider_module.Provider) -> str:
    """Make an issuing key."""
    pair = provider.generate(
        suite_module.by_name(arguments.suite).number, encryption=False)
    try:
        keystore.write_secret(arguments.out, pair.to_private_bytes())
    except OSError as error:
        raise errors.BadOption(
            f'{arguments.out}: {error.strerror}.') from error
    return ('Issuing key '
            f'{federation_change.fingerprint(pair.document.signing)} is in '
            f'{arguments.out}.')
