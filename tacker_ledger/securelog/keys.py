# SPDX-License-Identifier: Apache-2.0
"""The keys of a log: a directory with two pairs, one of them taken away.

``log-signing.key`` signs openings and checkpoints and stays with the
service; ``auditor.pub`` is whom secrets are sealed for.  ``auditor.key``
is made beside it and leaves the host before the first line is written.
Private keys are files of the keystore driver ``file``, public ones hold
the canonical CBOR of the key document.
"""

import dataclasses
import os
import pathlib
import stat

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.keystore import file as file_keystore

SIGNING = 'log-signing'
AUDITOR = 'auditor'
PUBLIC_SUFFIX = '.pub'
_SUITE = 'ed25519'


@dataclasses.dataclass(frozen=True, slots=True)
class WriterKeys:
    """What the writer of a log holds.

    :param signing: the log signing pair
    :param auditor: public half of the auditor's pair
    """

    signing: suite_module.KeyPair = dataclasses.field(repr=False)
    auditor: suite_module.KeyDocument


def generate(directory: str | os.PathLike[str],
             provider: provider_module.Provider) -> None:
    """Make both pairs in ``directory``.

    :raises Duplicate: there are keys already
    """
    store = file_keystore.FileKeystore(directory, provider=provider)
    number = suite_module.by_name(_SUITE).number
    taken = {SIGNING, AUDITOR}.intersection(store.names())
    if taken:
        raise errors.Duplicate(
            f'There is a key {min(taken)} in {directory} already.')
    for name, encryption in ((SIGNING, False), (AUDITOR, True)):
        pair = store.generate(name, number, encryption)
        path = pathlib.Path(directory).expanduser() / (name + PUBLIC_SUFFIX)
        try:
            path.write_bytes(pair.document.to_bytes())
        except OSError as error:
            raise errors.StorageFailed(
                f'{path}: {error.strerror}.') from error


def load_public(path: str | os.PathLike[str]) -> suite_module.KeyDocument:
    """Return the key document in a ``.pub`` file.

    :raises BadOption: there is no such file
    :raises BadKey: it is not one of these
    """
    try:
        with open(path, 'rb') as file:
            data = file.read(limits.KEY_DOCUMENT_MAX_BYTES + 1)
    except OSError as error:
        raise errors.BadOption(f'{path}: {error.strerror}.') from error
    document = suite_module.KeyDocument.from_bytes(data)
    if document.suite != suite_module.by_name(_SUITE).number:
        raise errors.BadKey(f'{path} is not a key of suite {_SUITE}.')
    return document


def load_writer(directory: str | os.PathLike[str],
                provider: provider_module.Provider) -> WriterKeys:
    """Return what a service needs to write a log.

    :raises LedgerError: a key is missing, damaged, or open to others
    """
    place = pathlib.Path(directory).expanduser()
    if not place.is_dir():
        raise errors.BadOption(
            f'There is no key directory {directory}: make it by '
            'tacker-ledger-securelog keygen.', directory=str(directory))
    signing = file_keystore.FileKeystore(
        place, provider=provider).pair(SIGNING)
    auditor = load_public(place / (AUDITOR + PUBLIC_SUFFIX))
    if auditor.encryption is None:
        raise errors.BadKey(f'{AUDITOR}{PUBLIC_SUFFIX} opens no wraps.')
    if signing.document.suite != suite_module.by_name(_SUITE).number:
        raise errors.BadKey(f'{SIGNING} is not a key of suite {_SUITE}.')
    return WriterKeys(signing, auditor)


def auditor_key_left(directory: str | os.PathLike[str]) -> bool:
    """Return whether the auditor's private key still lies there."""
    path = pathlib.Path(directory).expanduser() / f'{AUDITOR}.key'
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False
