# SPDX-License-Identifier: Apache-2.0
"""The profile: which chain, which nodes, which keystore.

``tenant.conf`` is an oslo.config file with the group ``[tenant_client]``.
:func:`create` writes it from what a federation hands out: its signed
document of genesis, the certificate of its CA and, if they are not those of
the document, the addresses of its doors.
"""

from collections.abc import Sequence
import dataclasses
import os
import pathlib
import re
from typing import Any

from stevedore import driver as stevedore_driver
from stevedore import exception as stevedore_exception

from tacker_ledger import conf as conf_module
from tacker_ledger.core.configuration import bootstrap
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import federation
from tacker_ledger.core import limits
from tacker_ledger.keystore import base as keystore_base
from tacker_ledger.keystore import file as keystore_file
from tacker_ledger.tenant_client import keys
from tacker_ledger.tenant_client import store as store_module

#: The directory unless told otherwise, and what may tell.
DEFAULT_DIRECTORY = '~/.config/tacker-ledger'
DIRECTORY_VARIABLE = 'TACKER_LEDGER_HOME'
FILE = 'tenant.conf'
FEDERATION_FILE = 'federation.cbor'
CA_FILE = 'ca.pem'
KEYSTORE_NAMESPACE = 'tacker_ledger.keystores'

_GROUP = 'tenant_client'
_CONF_MAX_BYTES = 1024 * 1024
_FEDERATION_MAX_BYTES = 2 * limits.FEDERATION_DOCUMENT_MAX_BYTES
#: ``URL`` or ``MEMBER=URL``
_NODE = re.compile(r'(?:([A-Za-z0-9][A-Za-z0-9._-]{0,63})=)?(\S+)\Z')


@dataclasses.dataclass(frozen=True, slots=True)
class Profile:
    """What a tenant client needs to know before its first request.

    :param genesis: the federation at genesis; pins the chain
    :param signed_genesis: its signed document, encoded
    :param ca_pem: text; None to trust the system's authorities
    :param nodes: (URL, member index)
    :param recovery, auditor: keys that open all that is published
    """

    genesis: federation.Federation
    signed_genesis: bytes
    ca_pem: str | None
    nodes: tuple[tuple[str, int], ...]
    keystore: str
    passphrase: bytes | None = dataclasses.field(repr=False)
    provider: provider_module.Provider = dataclasses.field(repr=False)
    suite: str
    request_timeout_seconds: float
    commit_timeout_seconds: float
    recovery: suite_module.KeyDocument | None = None
    auditor: suite_module.KeyDocument | None = None


def default_directory() -> pathlib.Path:
    """Return the tenant's directory as the environment has it."""
    return pathlib.Path(os.environ.get(DIRECTORY_VARIABLE)
                        or DEFAULT_DIRECTORY).expanduser()


def create(store: store_module.Store, *, signed_genesis: bytes,
           ca_pem: str | None, nodes: Sequence[str] = (),
           suite: str = 'rsa2048', passphrase_file: str = '',
           recovery_key_file: str = '', auditor_key_file: str = '',
           crypto_provider: str = '') -> Profile:
    """Write a profile and return it.

    :param nodes: ``URL`` or ``MEMBER=URL``; none: the document's doors
    :raises Duplicate: the directory has one of another chain
    :raises BadOption, FormatError, AuthenticityError: what was handed out
        is not a federation's
    """
    signed = federation.SignedFederation.from_bytes(signed_genesis)
    provider = _provider(crypto_provider)
    genesis = federation.check_genesis(provider, signed)
    with store.locked():
        present = store.read(FEDERATION_FILE, _FEDERATION_MAX_BYTES)
        if present is not None and federation.SignedFederation.from_bytes(
                present).document != signed.document:
            raise errors.Duplicate(
                f'{store.directory} belongs to another chain: choose '
                'another directory.', directory=str(store.directory))
        parse_nodes(genesis, nodes)
        store.write(FEDERATION_FILE, signed_genesis)
        if ca_pem is not None:
            store.write(CA_FILE, ca_pem.encode('utf-8'))
        lines = ['[tenant_client]',
                 f'federation_document = {FEDERATION_FILE}',
                 f'ca_file = {CA_FILE if ca_pem is not None else ""}',
                 f'nodes = {",".join(nodes)}', f'suite = {suite}',
                 f'key_passphrase_file = {passphrase_file}',
                 f'recovery_key_file = {recovery_key_file}',
                 f'auditor_key_file = {auditor_key_file}',
                 f'crypto_provider = {crypto_provider}', '']
        store.write(FILE, '\n'.join(lines).encode('utf-8'))
    return load(store)


def load(store: store_module.Store, nodes: Sequence[str] = ()) -> Profile:
    """Return the profile in a directory.

    :param nodes: ``URL`` or ``MEMBER=URL`` to use instead of the profile's
    :raises BadOption: there is none, or an option cannot be
    """
    if store.read(FILE, _CONF_MAX_BYTES) is None:
        raise errors.BadOption(
            f'{store.directory} has no profile: make one with '
            '"vnf ledger init".', directory=str(store.directory))
    conf = conf_module.make_conf(
        groups=conf_module.TENANT_CLIENT, prog='tenant',
        default_config_files=[str(store.path(FILE))])
    return _profile(conf[_GROUP], nodes)


def _profile(group: Any, nodes: Sequence[str]) -> Profile:
    if not group.federation_document:
        raise conf_module.missing('federation_document', _GROUP)
    signed_genesis = keys.read_data(group.federation_document,
                                    _FEDERATION_MAX_BYTES)
    provider = _provider(group.crypto_provider)
    genesis = federation.check_genesis(
        provider, federation.SignedFederation.from_bytes(signed_genesis))
    ca_pem = None
    if group.ca_file:
        ca_pem = keys.read_text(group.ca_file, bootstrap.CA_MAX_CHARS)
    passphrase = None
    if group.key_passphrase_file:
        passphrase = keystore_file.read_passphrase(
            pathlib.Path(group.key_passphrase_file).expanduser())
    return Profile(
        genesis, signed_genesis, ca_pem,
        parse_nodes(genesis, nodes or group.nodes), group.keystore,
        passphrase, provider, group.suite, group.request_timeout_seconds,
        group.commit_timeout_seconds, _public(group.recovery_key_file),
        _public(group.auditor_key_file))


def _public(name: str) -> suite_module.KeyDocument | None:
    if not name:
        return None
    return keys.read_public_file(pathlib.Path(name).expanduser())


def _provider(name: str) -> provider_module.Provider:
    return providers.load(name) if name else providers.default()


def parse_nodes(genesis: federation.Federation, nodes: Sequence[str]
                ) -> tuple[tuple[str, int], ...]:
    """Return (URL, member index) for what a profile names.

    :param nodes: ``URL`` of a door in the document, or ``MEMBER=URL`` for
        one that is reached by another address; none: all of the document
    :raises BadOption: not a URL of a door, or of nobody
    """
    by_url = {member.door_url.rstrip('/'): index
              for index, member in enumerate(genesis.members)}
    by_name = {member.name: index
               for index, member in enumerate(genesis.members)}
    found = []
    for text in nodes or list(by_url):
        match = _NODE.match(text.strip())
        if match is None:
            raise errors.BadOption(f'Not a node: {text!r}.', option='nodes')
        try:
            url = bootstrap.check_url('nodes', match[2])
        except errors.BadDocument as error:
            raise errors.BadOption(f'{match[2]}: {error.message}',
                                   option='nodes') from error
        index = by_name.get(match[1]) if match[1] else by_url.get(url)
        if index is None:
            raise errors.BadOption(
                f'{text}: no member of the federation; for another address '
                'of a member\'s door write MEMBER=URL.', option='nodes',
                members=list(by_name))
        found.append((url, index))
    return tuple(found)


def open_keystore(store: store_module.Store, profile: Profile
                  ) -> keystore_base.Keystore:
    """Return the keystore driver that a profile names.

    :raises BadOption: there is no such driver
    """
    try:
        manager: stevedore_driver.DriverManager[Any]
        manager = stevedore_driver.DriverManager(
            KEYSTORE_NAMESPACE, profile.keystore, invoke_on_load=True,
            invoke_args=(store.path('keys'), profile.passphrase,
                         profile.provider))
    except stevedore_exception.NoMatches as error:
        raise errors.BadOption(
            f'There is no keystore {profile.keystore!r}.',
            option='keystore') from error
    keystore: Any = manager.driver
    return keystore
