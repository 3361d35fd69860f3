# SPDX-License-Identifier: Apache-2.0
"""Turns a plain log into a secure one that ends with a clean close.

As S1 did with a sample of Tacker's log (section 12.2).  The session's boot
id is the mark of a file that was sealed at once, so whoever cuts the result
anywhere has altered it: a verifier expects the close.
"""

import os
import pathlib
import secrets
import time

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import session as session_module
from tacker_ledger.core.securelog import sessions
from tacker_ledger.securelog import keys

LINES_PER_CHECKPOINT = 100
_READ_BYTES = 4 * limits.LOG_TEXT_MAX_BYTES


def seal(source: str, output: str, directory: str,
         provider: provider_module.Provider) -> int:
    """Write the secure form of ``source`` to ``output``.

    :param directory: of the keys that write
    :returns: how many lines it has
    :raises Duplicate: ``output`` exists
    :raises BadOption: ``source`` cannot be read
    """
    held = keys.load_writer(directory, provider)
    target = pathlib.Path(output)
    name = pathlib.Path(source).name[:limits.LOG_NAME_MAX_BYTES // 4]
    count = 0
    begun = False
    try:
        with open(source, 'rb') as plain, open(target, 'xb') as secure:
            begun = True
            session = _open(name, held, provider)
            secure.write(session.unsent)
            session.sent()
            while line := plain.readline(_READ_BYTES):
                if session.block_lines == LINES_PER_CHECKPOINT:
                    secure.write(_checkpoint(session, held, provider))
                    session.sent()
                secure.write(session.line(
                    entry.escape_bytes(line.removesuffix(b'\n')),
                    secrets.token_bytes(entry.SALT_BYTES)))
                session.sent()
                count += 1
            secure.write(session.close(_now_ms()))
            secure.flush()
            os.fsync(secure.fileno())
    except FileExistsError:
        raise errors.Duplicate(f'There is a file {output} already.'
                               ) from None
    except OSError as error:
        if begun:
            target.unlink(missing_ok=True)
        raise errors.BadOption(
            f'{error.filename or source}: {error.strerror}.') from error
    return count


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _open(name: str, held: keys.WriterKeys,
          provider: provider_module.Provider) -> session_module.Session:
    secret = secrets.token_bytes(entry.KEY_BYTES)
    return session_module.Session.open(
        session_module.Head(
            secrets.token_bytes(entry.LOG_ID_BYTES), 1, 0,
            sessions.SEALED_BOOT_ID, _now_ms(), name,
            held.signing.document.key_id, held.auditor.key_id,
            records.NO_DIGEST, None),
        session_module.Secrets(
            secrets.token_bytes(entry.KEY_BYTES),
            secrets.token_bytes(entry.KEY_BYTES), secret,
            provider.wrap(held.auditor, secret)),
        held.signing.sign, provider)


def _checkpoint(session: session_module.Session, held: keys.WriterKeys,
                provider: provider_module.Provider) -> bytes:
    agreement = None
    if session.wants_agreement:
        secret = secrets.token_bytes(entry.KEY_BYTES)
        agreement = (secret, provider.wrap(held.auditor, secret))
    return session.checkpoint(
        _now_ms(), records.REASON_COUNT,
        secrets.token_bytes(entry.KEY_BYTES), agreement)
