# SPDX-License-Identifier: Apache-2.0
"""Who this node is: read from files, checked before anything starts.

Every wrong or missing file is ``bad-option`` with the name of its option.
"""

from collections.abc import Iterable
import dataclasses
import os
import secrets
from typing import Any

from tacker_ledger import conf as conf_module
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core import limits
from tacker_ledger.keystore import file as keystore
from tacker_ledger.transport import peers
from tacker_ledger.transport import tls

SEED_BYTES = 32
_INSTANCE_BYTES = 16


#: Index of who is no member.
NO_MEMBER = -1
#: After the name of a file: the key that is to follow it.
NEXT = '.next'


@dataclasses.dataclass(frozen=True, slots=True)
class NodeIdentity:
    """This member, by the keys that it holds.

    :param genesis: the checked genesis federation
    :param signed: the same with its signatures, encoded
    :param newest: a later document which says whom to connect to, and
        which is believed in nothing else; None without one
    :param name: its own, as documents name it
    :param vote_seeds: secrets of its vote keys: the one in use, then the
        one to follow it if there is one
    :param vote_keys: their public halves
    :param instance: 16 random bytes of this process
    """

    genesis: federation_module.Federation
    signed: bytes
    newest: federation_module.Federation | None
    name: str
    vote_seeds: tuple[bytes, ...] = dataclasses.field(repr=False)
    vote_keys: tuple[bytes, ...]
    instance: bytes

    def index_in(self, federation: federation_module.Federation) -> int:
        """Return this member's index, :data:`NO_MEMBER` if it has none."""
        for index, member in enumerate(federation.members):
            if member.vote_key in self.vote_keys:
                return index
        return NO_MEMBER

    def seed_in(self, federation: federation_module.Federation) -> bytes:
        """Return the secret of the vote key which a federation names.

        That of the key in use if it names none.
        """
        named = {member.vote_key for member in federation.members}
        for key, seed in zip(self.vote_keys, self.vote_seeds, strict=True):
            if key in named:
                return seed
        return self.vote_seeds[0]

    def keys_in(self, federation: federation_module.Federation
                ) -> list[bytes]:
        """Return the own vote keys that bind this member.

        Those which the federation names, or which a later one may name.
        """
        index = self.index_in(federation)
        if index == NO_MEMBER:
            return list(self.vote_keys)
        named = federation.members[index].vote_key
        return list(self.vote_keys[self.vote_keys.index(named):])


def load_federation(conf: Any, provider: provider_module.Provider
                    ) -> tuple[federation_module.Federation, bytes]:
    """Return the genesis federation of a configuration, and its bytes.

    :raises BadOption: the file is missing or holds no valid document
    :raises UnsupportedVersion: it names rules this release does not know
    """
    path = conf.node.federation_document
    try:
        with open(path, 'rb') as file:
            signed = file.read(limits.FEDERATION_SIGNED_MAX_BYTES + 1)
    except OSError as error:
        raise conf_module.bad('federation_document', 'node',
                              f'{path}: {error.strerror}') from error
    try:
        genesis = federation_module.check_genesis(
            provider, federation_module.SignedFederation.from_bytes(signed))
    except errors.UnsupportedVersion:
        raise
    except errors.LedgerError as error:
        raise conf_module.bad('federation_document', 'node',
                              f'{path}: {error.message}') from error
    genesis.rules_at(0)
    return genesis, signed


def load(conf: Any, provider: provider_module.Provider | None = None
         ) -> NodeIdentity:
    """Return who a configuration says this node is.

    Whether the federation in force names these keys is seen when the chain
    is open (``assembly.check_place``).

    :raises BadOption: a file is missing, damaged, open to others, or is
        another member's
    :raises UnsupportedVersion: the document names rules or an engine that
        this release does not know
    """
    provider = provider or providers.default()
    genesis, signed = load_federation(conf, provider)
    seeds = _seeds(conf, 'vote_key_file')
    own = NodeIdentity(
        genesis, signed, _newest(conf, provider, genesis), conf.node.member,
        seeds, tuple(map(provider.ed25519_public, seeds)),
        secrets.token_bytes(_INSTANCE_BYTES))
    _check_private(conf)
    _check_not_anothers(conf, provider, own)
    # read when they are needed; wrong ones must not wait for that
    enrolled_keys(conf)
    _neighbours(conf, [member.name for document in (genesis, own.newest)
                       if document is not None
                       for member in document.members])
    return own


def reread(conf: Any, provider: provider_module.Provider,
           own: NodeIdentity) -> NodeIdentity:
    """Return the same process with the vote keys that lie there now.

    :raises BadOption: a file is missing, damaged or open to others
    """
    seeds = _seeds(conf, 'vote_key_file')
    return dataclasses.replace(own, vote_seeds=seeds, vote_keys=tuple(
        map(provider.ed25519_public, seeds)))


def _newest(conf: Any, provider: provider_module.Provider,
            genesis: federation_module.Federation
            ) -> federation_module.Federation | None:
    path = conf.node.newest_federation_document
    if not path:
        return None
    try:
        with open(path, 'rb') as file:
            data = file.read(limits.FEDERATION_SIGNED_MAX_BYTES + 1)
        return federation_module.check_in_force(
            hashing.hasher(genesis.chain_id), provider,
            federation_module.SignedFederation.from_bytes(data))
    except OSError as error:
        raise conf_module.bad('newest_federation_document', 'node',
                              f'{path}: {error.strerror}') from error
    except errors.LedgerError as error:
        raise conf_module.bad('newest_federation_document', 'node',
                              f'{path}: {error.message}') from error


def _check_not_anothers(conf: Any, provider: provider_module.Provider,
                        own: NodeIdentity) -> None:
    """Raise BadOption where a file is, by all that is known, another's."""
    answer_keys = set(map(provider.ed25519_public,
                          _seeds(conf, 'answer_key_file')))
    node_key = tls.key_of_file(conf.node.certificate_file)
    members = [member for federation in (own.genesis, own.newest)
               if federation is not None for member in federation.members]
    mine = [member for member in members if member.name == own.name]
    keys = set(own.vote_keys)
    if not mine and any(member.vote_key in keys for member in members):
        raise conf_module.bad(
            'member', 'node', f'{own.name!r} is no member of the federation '
            'with the vote key given: '
            + ', '.join(member.name for member in members[:20]))
    for member in members:
        if member.name == own.name:
            continue
        for option, is_theirs in (
                ('vote_key_file', member.vote_key in keys),
                ('answer_key_file', member.answer_key in answer_keys),
                ('certificate_file', member.node_key.signing == node_key)):
            if is_theirs:
                raise conf_module.bad(
                    option, 'node', f'it is that of {member.name}, not of '
                    f'{own.name}')


def _check_private(conf: Any) -> None:
    try:
        keystore.read_secret(conf.node.node_key_file, 65536)
    except errors.BadOption as error:
        raise conf_module.bad('node_key_file', 'node',
                              error.message) from error


def _seeds(conf: Any, option: str) -> tuple[bytes, ...]:
    """Return the key in use, then the one to follow it if there is one."""
    path = conf.node[option]
    seeds = [_seed(option, path)]
    if os.path.exists(path + NEXT):
        seeds.append(_seed(option, path + NEXT))
    return tuple(seeds)


def _seed(option: str, path: str) -> bytes:
    try:
        seed = keystore.read_secret(path, SEED_BYTES)
    except errors.BadOption as error:
        raise conf_module.bad(option, 'node', error.message) from error
    if len(seed) != SEED_BYTES:
        raise conf_module.bad(option, 'node',
                              f'not a key of {SEED_BYTES} bytes')
    return seed


def answer_seeds(conf: Any) -> tuple[bytes, ...]:
    """Return the secrets of the answer keys, 32 bytes each.

    The key in use, then the one to follow it if there is one.

    :raises BadOption: a file is missing, damaged or open to others
    """
    return _seeds(conf, 'answer_key_file')


def peer_list(conf: Any, own: NodeIdentity,
              federation: federation_module.Federation,
              before: federation_module.Federation | None = None
              ) -> list[peers.Peer]:
    """Return the others as the transport needs them.

    Members of the federation in force have their indices.  Members of the
    one before, and of the newest that this node was told of, are guests:
    the one lags perhaps, the other has the blocks that this node lacks.

    :param before: the document which that in force has replaced
    """
    index = own.index_in(federation)
    documents = [federation, *filter(None, (before, own.newest))]
    replaced = _neighbours(conf)
    found: dict[bytes, peers.Peer] = {}
    taken: set[tuple[str, int]] = set()
    for document in documents:
        for place, member in enumerate(document.members):
            key = member.node_key.signing
            if key in found or member.vote_key in own.vote_keys or (
                    member.name == own.name):
                continue
            host, port = split_address(
                replaced.get(member.name, member.peer_address))
            number = (place if document is federation
                      else peers.GUEST_FIRST + len(found))
            found[key] = peers.Peer(number, member.name, host, port, key,
                                    (host, port) not in taken)
            taken.add((host, port))
    return [peer for peer in found.values() if peer.member != index]


def _neighbours(conf: Any, names: Iterable[str] | None = None
                ) -> dict[str, str]:
    """Return name -> address.

    :param names: those that are allowed; None: any
    """
    allowed = None if names is None else set(names)
    replaced = {}
    for item in conf.node.neighbours:
        name, separator, address = item.partition('=')
        if not separator or (allowed is not None and name not in allowed):
            raise conf_module.bad(
                'neighbours', 'node',
                f'{item!r} is not NAME=HOST:PORT with a member\'s name')
        try:
            split_address(address)
        except ValueError:
            raise conf_module.bad('neighbours', 'node',
                                  f'{address!r} is not HOST:PORT') from None
        replaced[name] = address
    return replaced


def enrolled_keys(conf: Any) -> list[bytes]:
    """Return the key ids which the configuration enrols.

    :raises BadOption: one is not 64 hexadecimal digits
    """
    found = []
    for text in conf.node.enrolled_keys:
        try:
            found.append(identifiers.parse_hex(text.lower(), 32))
        except errors.BadOption:
            raise conf_module.bad('enrolled_keys', 'node',
                                  f'{text[:80]!r} is not a key id') from None
    return found


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port`` or ``[v6]:port``.

    :raises ValueError: it is not so
    """
    host, separator, port = address.rpartition(':')
    if not separator or not host or not 0 < int(port) < 65536:
        raise ValueError(address)
    return host.strip('[]'), int(port)
