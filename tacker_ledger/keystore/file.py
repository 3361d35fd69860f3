# SPDX-License-Identifier: Apache-2.0
"""Private keys in files: mode 0600, replaced atomically, sealed if asked.

A file ``<name>.key`` holds canonical CBOR, one of::

    [1, [0, secret]]
    [1, [1, log2 N, r, p, salt (16), nonce (12), ciphertext]]

The second is sealed with AES-256-GCM under scrypt (RFC 7914) of a
passphrase; associated data is the key's name, so two files cannot be
swapped.  A file which others can read is refused, not used.
"""

import contextlib
import hashlib
import os
import pathlib
import stat
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.keystore import base

_SUFFIX = '.key'
_VERSION = 1
_PLAIN = 0
_SEALED = 1
_SALT_BYTES = 16
_NONCE_BYTES = 12
_SECRET_MAX_BYTES = 64 * 1024
_FILE_MAX_BYTES = _SECRET_MAX_BYTES + 1024
_PASSPHRASE_MAX_BYTES = 4096
#: 2^15 * 8 * 128 = 32 MiB and about 0.1 s for each guess.
_SCRYPT_LOG2_N = 15
_SCRYPT_R = 8
_SCRYPT_P = 1

_SCHEMA = codec.Record(codec.Const(_VERSION), codec.Tagged({
    _PLAIN: codec.Record(codec.Const(_PLAIN),
                         codec.Bytes(0, _SECRET_MAX_BYTES)),
    _SEALED: codec.Record(
        codec.Const(_SEALED), codec.Int(10, 17), codec.Int(1, 8),
        codec.Int(1, 4), codec.Bytes.exact(_SALT_BYTES),
        codec.Bytes.exact(_NONCE_BYTES),
        codec.Bytes(0, _SECRET_MAX_BYTES + 64)),
}))


class FileKeystore:
    """A directory of key files; see :class:`base.Keystore`.

    :param directory: made with mode 0700 if it does not exist
    :param passphrase: seals what is stored from now on and opens what was
        sealed; None leaves secrets to the permissions of files
    :param provider: None for the process-wide one
    """

    def __init__(self, directory: str | os.PathLike[str],
                 passphrase: bytes | None = None,
                 provider: provider_module.Provider | None = None) -> None:
        self._directory = pathlib.Path(directory).expanduser()
        self._passphrase = passphrase
        self._provider = provider or providers.default()
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise errors.BadOption(
                f'Key directory {self._directory}: {error.strerror}.'
            ) from error

    def __repr__(self) -> str:
        return f'{type(self).__name__}({str(self._directory)!r})'

    def _path(self, name: str) -> pathlib.Path:
        return self._directory / (base.check_name(name) + _SUFFIX)

    def names(self) -> list[str]:
        """See :meth:`base.Keystore.names`."""
        return sorted(path.name.removesuffix(_SUFFIX)
                      for path in self._directory.iterdir()
                      if path.name.endswith(_SUFFIX)
                      and not path.name.startswith('.'))

    def pair(self, name: str) -> suite_module.KeyPair:
        """See :meth:`base.Keystore.pair`."""
        return self._provider.load_private(self.secret(name))

    def generate(self, name: str, suite: int,
                 encryption: bool = True) -> suite_module.KeyPair:
        """See :meth:`base.Keystore.generate`."""
        if self._path(name).exists():
            raise errors.Duplicate(f'There is a key {name} already.')
        pair = self._provider.generate(suite, encryption)
        self.store(name, pair.to_private_bytes())
        return pair

    def store(self, name: str, secret: bytes, replace: bool = False) -> None:
        """See :meth:`base.Keystore.store`."""
        if len(secret) > _SECRET_MAX_BYTES:
            raise errors.TooLarge('A stored secret has at most 64 KiB.')
        path = self._path(name)
        data = codec.encode(self._protect(name, secret))
        try:
            write_secret(path, data, replace)
        except FileExistsError:
            raise errors.Duplicate(
                f'There is a key {name} already.') from None
        except OSError as error:
            raise errors.StorageFailed(
                f'Key {name} was not stored: {error.strerror}.') from error

    def secret(self, name: str) -> bytes:
        """See :meth:`base.Keystore.secret`."""
        path = self._path(name)
        if not path.exists():
            raise errors.NotFound(f'There is no key {name}.')
        data = read_secret(path, _FILE_MAX_BYTES)
        try:
            stored = codec.decode(data, _SCHEMA, _FILE_MAX_BYTES)
        except errors.FormatError as error:
            raise errors.CorruptStore(
                f'Key file {path} is damaged.') from error
        return self._reveal(name, stored)

    def delete(self, name: str) -> None:
        """See :meth:`base.Keystore.delete`."""
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            raise errors.NotFound(f'There is no key {name}.') from None
        _sync_directory(self._directory)

    def _protect(self, name: str, secret: bytes) -> tuple[Any, ...]:
        if self._passphrase is None:
            return (_VERSION, (_PLAIN, secret))
        salt = self._provider.random_bytes(_SALT_BYTES)
        nonce = self._provider.random_bytes(_NONCE_BYTES)
        key = _stretch(self._passphrase, salt, _SCRYPT_LOG2_N, _SCRYPT_R,
                       _SCRYPT_P)
        sealed = self._provider.seal(key, nonce, secret, name.encode())
        return (_VERSION, (_SEALED, _SCRYPT_LOG2_N, _SCRYPT_R, _SCRYPT_P,
                           salt, nonce, sealed))

    def _reveal(self, name: str, stored: tuple[Any, ...]) -> bytes:
        protection, *fields = stored[1]
        if protection == _PLAIN:
            secret: bytes = fields[0]
            return secret
        if self._passphrase is None:
            raise errors.Undecryptable(
                f'Key {name} is sealed: a passphrase is needed.')
        log2_n, r, p, salt, nonce, sealed = fields
        key = _stretch(self._passphrase, salt, log2_n, r, p)
        try:
            return self._provider.open(key, nonce, sealed, name.encode())
        except errors.Undecryptable:
            raise errors.Undecryptable(
                f'Key {name} does not open with this passphrase.') from None


def _stretch(passphrase: bytes, salt: bytes, log2_n: int, r: int,
             p: int) -> bytes:
    memory = 128 * r * ((1 << log2_n) + p) + 1024 * 1024
    return hashlib.scrypt(passphrase, salt=salt, n=1 << log2_n, r=r, p=p,
                          maxmem=memory, dklen=provider_module.KEY_BYTES)


def read_passphrase(path: str | os.PathLike[str]) -> bytes:
    """Return the passphrase in a file, without the end of its line.

    :raises BadOption: not readable, empty, or readable by others
    """
    data = read_secret(path, _PASSPHRASE_MAX_BYTES).rstrip(b'\r\n')
    if not data:
        raise errors.BadOption(f'Passphrase file {path} is empty.')
    return data


def read_secret(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Return the content of a file which only its owner may read.

    :raises BadOption: it is missing, too long or open to others
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, 'rb') as file:
            mode = os.fstat(descriptor).st_mode
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise errors.BadOption(
            f'Secret file {path}: {error.strerror}.', path=str(path)
        ) from error
    if stat.S_IMODE(mode) & 0o077:
        raise errors.BadOption(
            f'Secret file {path} is open to others (mode '
            f'{stat.S_IMODE(mode):o}): only its owner may read it.',
            path=str(path))
    if len(data) > max_bytes:
        raise errors.BadOption(f'Secret file {path} is too long.',
                               path=str(path))
    return data


def write_secret(path: str | os.PathLike[str], data: bytes,
                 replace: bool = False) -> None:
    """Write a file of mode 0600 atomically and durably.

    :raises FileExistsError: it exists and ``replace`` is false
    """
    target = pathlib.Path(path)
    draft = target.with_name(f'.{target.name}.{os.urandom(6).hex()}')
    descriptor = os.open(
        draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, 'wb') as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        if replace:
            os.replace(draft, target)
        else:
            os.link(draft, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
    _sync_directory(target.parent)


def _sync_directory(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
