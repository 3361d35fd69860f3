# SPDX-License-Identifier: Apache-2.0
"""Who this node is: read from files, checked before anything starts.

Every wrong or missing file is ``bad-option`` with the name of its option.
"""

import dataclasses
import secrets
from typing import Any

from tacker_ledger import conf as conf_module
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core import limits
from tacker_ledger.keystore import file as keystore
from tacker_ledger.transport import peers
from tacker_ledger.transport import tls

SEED_BYTES = 32
_INSTANCE_BYTES = 16


@dataclasses.dataclass(frozen=True, slots=True)
class NodeIdentity:
    """This member.

    :param genesis: the checked genesis federation
    :param signed: the same with its signatures, encoded
    :param member: index there
    :param name: there
    :param vote_seed: secret of the vote key
    :param instance: 16 random bytes of this process
    """

    genesis: federation_module.Federation
    signed: bytes
    member: int
    name: str
    vote_seed: bytes = dataclasses.field(repr=False)
    instance: bytes


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

    :raises BadOption: a file is missing, damaged, open to others, or not
        the one the federation document names
    :raises UnsupportedVersion: the document names rules or an engine that
        this release does not know
    """
    provider = provider or providers.default()
    genesis, signed = load_federation(conf, provider)
    names = [member.name for member in genesis.members]
    if conf.node.member not in names:
        raise conf_module.bad(
            'member', 'node', f'{conf.node.member!r} is no member of the '
            f'federation: {", ".join(names[:20])}')
    index = names.index(conf.node.member)
    member = genesis.members[index]
    seed = _seed(conf, 'vote_key_file')
    if provider.ed25519_public(seed) != member.vote_key:
        raise conf_module.bad('vote_key_file', 'node',
                              'not the vote key of this member')
    if provider.ed25519_public(
            _seed(conf, 'answer_key_file')) != member.answer_key:
        raise conf_module.bad('answer_key_file', 'node',
                              'not the answer key of this member')
    _check_private(conf)
    if tls.key_of_file(conf.node.certificate_file) != (
            member.node_key.signing):
        raise conf_module.bad(
            'certificate_file', 'node', 'its key is not the node key of '
            'this member in the federation document')
    # read when they are needed; wrong ones must not wait for that
    enrolled_keys(conf)
    peer_list(conf, genesis, index)
    return NodeIdentity(genesis, signed, index, member.name, seed,
                        secrets.token_bytes(_INSTANCE_BYTES))


def _check_private(conf: Any) -> None:
    try:
        keystore.read_secret(conf.node.node_key_file, 65536)
    except errors.BadOption as error:
        raise conf_module.bad('node_key_file', 'node',
                              error.message) from error


def _seed(conf: Any, option: str) -> bytes:
    try:
        seed = keystore.read_secret(conf.node[option], SEED_BYTES)
    except errors.BadOption as error:
        raise conf_module.bad(option, 'node', error.message) from error
    if len(seed) != SEED_BYTES:
        raise conf_module.bad(option, 'node',
                              f'not a key of {SEED_BYTES} bytes')
    return seed


def answer_seed(conf: Any) -> bytes:
    """Return the secret of the answer key, 32 bytes.

    :raises BadOption: the file is missing, damaged or open to others
    """
    return _seed(conf, 'answer_key_file')


def peer_list(conf: Any, federation: federation_module.Federation,
              own: int) -> list[peers.Peer]:
    """Return the other members as the transport needs them.

    :raises BadOption: ``neighbours`` is not understood
    """
    replaced = _neighbours(conf, federation)
    found = []
    for index, member in enumerate(federation.members):
        if index == own:
            continue
        host, port = split_address(
            replaced.get(member.name, member.peer_address))
        found.append(peers.Peer(index, member.name, host, port,
                                member.node_key.signing))
    return found


def _neighbours(conf: Any, federation: federation_module.Federation
                ) -> dict[str, str]:
    names = {member.name for member in federation.members}
    replaced = {}
    for item in conf.node.neighbours:
        name, separator, address = item.partition('=')
        if not separator or name not in names:
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
