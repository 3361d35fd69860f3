# SPDX-License-Identifier: Apache-2.0
"""The tenant's key pairs: make, show, export, back up, restore.

A key's private half stays in the keystore driver under ``KIND.NAME``.  Its
public document is written beside it once, so that listing needs no
passphrase and no private key is opened without need.
"""

import base64
import binascii
import dataclasses
import hashlib
import os
import pathlib
import re

from tacker_ledger.core import codec
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.keystore import base as keystore_base
from tacker_ledger.keystore import file as keystore_file
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import store as store_module

#: Publishes and requests; its public half is a *commander* of VNFs.
TENANT = 'tenant'
#: Kept offline; outranks a tenant key at the VNFs that name it.
RECOVERY = 'recovery'
#: Opens what was wrapped for it, publishes nothing.
AUDITOR = 'auditor'
GROUP = 'group'
KINDS = (TENANT, RECOVERY, AUDITOR)

BEGIN = '-----BEGIN TACKER LEDGER PUBLIC KEY-----'
END = '-----END TACKER LEDGER PUBLIC KEY-----'
_PUBLIC = re.compile(
    re.escape(BEGIN) + r'\s+([A-Za-z0-9+/=\s]{1,4096}?)\s*' + re.escape(END))
_COLUMNS = 64
PUBLIC_FILE_MAX_BYTES = 16 * 1024

_BACKUP_MAX_BYTES = 64 * 1024 * 1024
_BACKUP_AAD = b'tacker-ledger/1/backup'
_SCRYPT_LOG2_N = 16
_SCRYPT_R = 8
_SCRYPT_P = 1
_BACKUP = codec.Record(
    codec.Const(1), codec.Int(10, 20), codec.Int(1, 8), codec.Int(1, 4),
    codec.Bytes.exact(16), codec.Bytes.exact(12),
    codec.Bytes(16, _BACKUP_MAX_BYTES))
_CONTENTS = codec.Record(
    codec.Array(codec.Record(codec.Text(256), codec.Bytes(1, 64 * 1024)),
                0, 100_000),
    codec.Optional(codec.Bytes(1, _BACKUP_MAX_BYTES)))
_DOCUMENT_SUFFIX = '.pub'


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A key of the tenant's, its public half.

    :param kind: one of :data:`KINDS`
    """

    name: str
    kind: str
    document: suite_module.KeyDocument

    @property
    def key_id(self) -> bytes:
        """32 bytes; shown in hex it is the key's fingerprint."""
        return self.document.key_id

    @property
    def suite_name(self) -> str:
        """The name of the suite."""
        return suite_module.by_number(self.document.suite).name


class KeyRing:
    """Key pairs of one tenant.

    :param keystore: the driver that holds the private halves
    """

    def __init__(self, store: store_module.Store,
                 keystore: keystore_base.Keystore,
                 provider: provider_module.Provider) -> None:
        self._store = store
        self._keystore = keystore
        self._provider = provider
        #: By key id.
        self._pairs: dict[bytes, suite_module.KeyPair] = {}

    def create(self, name: str, kind: str = TENANT, suite: str = 'rsa2048'
               ) -> Key:
        """Make a key pair and return its public half.

        :raises Duplicate: a key of that kind has the name
        :raises BadOption: name, kind or suite cannot be
        """
        inventory.check_name(name)
        if kind not in KINDS:
            raise errors.BadOption(f'There is no kind of key {kind!r}.',
                                   known=list(KINDS))
        number = suite_module.by_name(suite).number
        with self._store.locked():
            pair = self._keystore.generate(f'{kind}.{name}', number)
            self._put_document(f'{kind}.{name}', pair.document)
        return Key(name, kind, pair.document)

    def list_all(self, kind: str | None = None) -> list[Key]:
        """Return the keys, those of groups aside."""
        found = []
        for stored in self._keystore.names():
            key_kind, _, name = stored.partition('.')
            if key_kind in KINDS and kind in (None, key_kind):
                found.append(Key(name, key_kind, self._document(stored)))
        return sorted(found, key=lambda key: (key.kind, key.name))

    def find(self, name: str, kind: str = TENANT) -> Key:
        """Return a key.

        :raises NotFound: there is none
        """
        stored = f'{kind}.{inventory.check_name(name)}'
        if stored not in self._keystore.names():
            raise errors.NotFound(f'There is no {kind} key {name!r}.')
        return Key(name, kind, self._document(stored))

    def choose(self, name: str | None) -> Key:
        """Return the tenant key meant: named, or the only one there is.

        :raises NotFound: there is none
        :raises BadOption: there are several and none was named
        """
        if name:
            return self.find(name)
        keys = self.list_all(TENANT)
        if not keys:
            raise errors.NotFound(
                'There is no tenant key yet: make one with "key create".')
        if len(keys) > 1:
            raise errors.BadOption(
                'There are several tenant keys: name one with --key.',
                known=[key.name for key in keys])
        return keys[0]

    def pair(self, key: Key) -> suite_module.KeyPair:
        """Return the pair behind a public half of the tenant's.

        Loading an RSA key checks its primes, which costs more than all
        that is done with it; so it is loaded once.
        """
        if key.key_id not in self._pairs:
            self._pairs[key.key_id] = self._keystore.pair(
                f'{key.kind}.{key.name}')
        return self._pairs[key.key_id]

    # Group keys leave the keystore, sealed to members: software keys only.

    def create_group_key(self, group: str, epoch: int, suite: int
                         ) -> suite_module.KeyDocument:
        """Make the key pair of a group's epoch; a second call returns it."""
        stored = f'{GROUP}.{group}.{epoch}'
        with self._store.locked():
            if stored not in self._keystore.names():
                pair = self._provider.generate(suite)
                self._keystore.store(stored, pair.to_private_bytes())
            return self._document(stored)

    def group_secret(self, group: str, epoch: int) -> bytes:
        """Return the private form of a group's key, for its members."""
        return self._keystore.secret(f'{GROUP}.{group}.{epoch}')

    def _document(self, stored: str) -> suite_module.KeyDocument:
        data = self._store.read(f'public/{stored}{_DOCUMENT_SUFFIX}',
                                limits.KEY_DOCUMENT_MAX_BYTES)
        if data is not None:
            return suite_module.KeyDocument.from_bytes(data)
        document = self._keystore.pair(stored).document
        self._put_document(stored, document)
        return document

    def _put_document(self, stored: str, document: suite_module.KeyDocument
                      ) -> None:
        self._store.write(f'public/{stored}{_DOCUMENT_SUFFIX}',
                          document.to_bytes())

    # Backup

    def backup(self, path: str | os.PathLike[str], passphrase: bytes) -> int:
        """Write all keys and the inventory into one encrypted file.

        :returns: how many keys
        :raises BadOption: the file exists or cannot be written
        :raises Forbidden: the keystore gives no secrets away
        """
        with self._store.locked():
            secrets = tuple((name, self._keystore.secret(name))
                            for name in self._keystore.names())
            names = self._store.read(inventory.FILE, _BACKUP_MAX_BYTES)
        plaintext = codec.encode((secrets, names))
        salt = self._provider.random_bytes(16)
        nonce = self._provider.random_bytes(12)
        key = _stretch(passphrase, salt, _SCRYPT_LOG2_N, _SCRYPT_R,
                       _SCRYPT_P)
        sealed = self._provider.seal(key, nonce, plaintext, _BACKUP_AAD)
        try:
            keystore_file.write_secret(path, codec.encode((
                1, _SCRYPT_LOG2_N, _SCRYPT_R, _SCRYPT_P, salt, nonce,
                sealed)))
        except FileExistsError:
            raise errors.BadOption(f'{path} exists already.') from None
        except OSError as error:
            raise errors.BadOption(
                f'{path} was not written: {error.strerror}.') from error
        return len(secrets)

    def restore(self, path: str | os.PathLike[str], passphrase: bytes
                ) -> tuple[int, bool]:
        """Bring keys back from a backup; what is there is never replaced.

        :returns: how many keys were added, and whether the inventory was
            taken over (only where there was none)
        :raises Undecryptable: another passphrase, or a damaged file
        :raises Duplicate: another key has one of the names; then nothing
            was changed
        """
        data = keystore_file.read_secret(path, _BACKUP_MAX_BYTES)
        try:
            fields = codec.decode(data, _BACKUP, _BACKUP_MAX_BYTES)
        except errors.FormatError:
            raise errors.Malformed(f'{path} is not a backup.') from None
        _version, log2_n, r, p, salt, nonce, sealed = fields
        key = _stretch(passphrase, salt, log2_n, r, p)
        try:
            plaintext = self._provider.open(key, nonce, sealed, _BACKUP_AAD)
        except errors.Undecryptable:
            raise errors.Undecryptable(
                'The backup does not open with this passphrase.') from None
        secrets, names = codec.decode(plaintext, _CONTENTS,
                                      _BACKUP_MAX_BYTES)
        with self._store.locked():
            return self._take(secrets, names)

    def _take(self, secrets: tuple[tuple[str, bytes], ...],
              names: bytes | None) -> tuple[int, bool]:
        present = set(self._keystore.names())
        for name, secret in secrets:
            if name in present and self._keystore.secret(name) != secret:
                raise errors.Duplicate(
                    f'Another key {name} is here already; nothing was '
                    'restored.', name=name)
        missing = [item for item in secrets if item[0] not in present]
        for name, secret in missing:
            self._keystore.store(name, secret)
            self._document(name)
        take_names = (names is not None
                      and not self._store.path(inventory.FILE).exists())
        if names is not None and take_names:
            inventory.parse(names)
            self._store.write(inventory.FILE, names)
        return len(missing), take_names


def _stretch(passphrase: bytes, salt: bytes, log2_n: int, r: int, p: int
             ) -> bytes:
    memory = 128 * r * ((1 << log2_n) + p) + 1024 * 1024
    return hashlib.scrypt(passphrase, salt=salt, n=1 << log2_n, r=r, p=p,
                          maxmem=memory, dklen=provider_module.KEY_BYTES)


# Public keys as text


def public_text(document: suite_module.KeyDocument) -> str:
    """Return a key document as text to hand on."""
    encoded = base64.b64encode(document.to_bytes()).decode('ascii')
    lines = [encoded[start:start + _COLUMNS]
             for start in range(0, len(encoded), _COLUMNS)]
    return '\n'.join((BEGIN, *lines, END, ''))


def parse_public_text(text: str) -> suite_module.KeyDocument:
    """Return the one key document in a text.

    :raises BadKey: there is none, there are several, or it is damaged
    """
    bodies = _PUBLIC.findall(text)
    if len(bodies) != 1:
        raise errors.BadKey(
            f'{len(bodies)} public keys where one is expected')
    try:
        data = base64.b64decode(''.join(bodies[0].split()), validate=True)
    except (binascii.Error, ValueError):
        raise errors.BadKey('the public key is not base64') from None
    return suite_module.KeyDocument.from_bytes(data)


def read_public_file(path: str | os.PathLike[str]
                     ) -> suite_module.KeyDocument:
    """Return the key document in a file that :func:`public_text` filled.

    :raises BadOption: it cannot be read
    :raises BadKey: it holds no public key
    """
    return parse_public_text(read_text(path, PUBLIC_FILE_MAX_BYTES))


def read_passphrase(path: str | os.PathLike[str]) -> bytes:
    """Return the passphrase in a file that only its owner may read.

    :raises BadOption: missing, empty or open to others
    """
    return keystore_file.read_passphrase(path)


def read_text(path: str | os.PathLike[str], max_bytes: int) -> str:
    """Return a text file of at most ``max_bytes``.

    :raises BadOption: missing, too long or not UTF-8
    """
    return read_data(path, max_bytes).decode('utf-8', errors='replace')


def read_data(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Return a file of at most ``max_bytes``.

    :raises BadOption: missing or unreadable
    :raises TooLarge: it is longer
    """
    try:
        with pathlib.Path(path).open('rb') as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise errors.BadOption(f'{path}: {error.strerror}.',
                               path=str(path)) from error
    if len(data) > max_bytes:
        raise errors.TooLarge(f'{path} has more than {max_bytes} bytes.',
                              limit=max_bytes)
    return data
