# SPDX-License-Identifier: Apache-2.0
"""S1's secure logger: one process' sessions in the files of one log.

Not for several threads at once: the handler above it holds a lock.  Nothing
here waits for a disk but at an opening, and nothing that a disk does ends a
service: a line that cannot be written is kept, later ones are counted as
lost, and both are said when there is room again.
"""

from collections.abc import Callable
import contextlib
import os
import secrets
import socket
import sys
import time

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import session as session_module
from tacker_ledger.securelog import files
from tacker_ledger.securelog import keys as keys_module

_SALTS_PER_DRAW = 256
_DRAW_BYTES = entry.SALT_BYTES * _SALTS_PER_DRAW
#: Where they stand in what stat(2) gives, cheaper than by name.
_INODE, _DEVICE, _SIZE = 1, 2, 6
_stat = os.stat
_write = os.write
#: A session that could not be opened is not tried at each line.
_RETRY_SECONDS = 1.0
#: What escaping can make of the host and the service together.
_NAME_PART_MAX_CHARS = 60


def default_name(path: str) -> str:
    """Return what a log is called if nothing is said: host and file."""
    service = os.path.basename(path).removesuffix('.log')
    return (f'{socket.gethostname()[:_NAME_PART_MAX_CHARS]}/'
            f'{service[:_NAME_PART_MAX_CHARS]}')


def say(message: str) -> None:
    """Write one line to standard error, where a log cannot be written."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f'tacker-ledger secure log: {message}\n')
        sys.stderr.flush()


class Logger:
    """Writes lines into a secure log; opens a session at the first one.

    :param path: of the log, its slot 0
    :param name: of the log, for people; empty: host and file
    :param block_lines: lines until a checkpoint
    :param notice: makes a text, as :func:`entry.escape` gives it, of a
        warning that concerns the log itself
    :raises BadOption: a number or the name is out of bounds
    """

    def __init__(self, path: str, keys: keys_module.WriterKeys,
                 provider: provider_module.Provider, *, name: str = '',
                 block_lines: int = 100,
                 notice: Callable[[str], bytes] = entry.escape) -> None:
        name = name or default_name(path)
        if not 1 <= block_lines <= limits.LOG_BLOCK_MAX_LINES:
            raise errors.BadOption(
                'A checkpoint closes 1 to '
                f'{limits.LOG_BLOCK_MAX_LINES} lines.', value=block_lines)
        if len(name.encode('utf-8', 'replace')) > limits.LOG_NAME_MAX_BYTES:
            raise errors.BadOption(
                'The name of a log has at most '
                f'{limits.LOG_NAME_MAX_BYTES} bytes.')
        self._path = os.path.abspath(path)
        self._keys = keys
        self._provider = provider
        self._name = name
        self._block_lines = block_lines
        self._notice = notice
        self._lost = 0
        self._lost_why = ''
        self._retry_at = 0.0
        self._forget()

    def _forget(self) -> None:
        """Begin without a session and without anything open."""
        self._session: session_module.Session | None = None
        self._held: list[int] = []
        self._descriptor = -1
        self._state: files.StateFile | None = None
        self._slot = 0
        self._file = self._path
        self._inode = self._device = -1
        #: Whether it was said that a moved file has no successor.
        self._stuck = False
        #: Size of the file up to our last whole record.
        self._end = 0
        #: Where the session stood at the last checkpoint that was noted.
        self._noted = (-1, -1)
        #: Whether a record may not be on disk.
        self._waiting = False
        #: Lines until the next checkpoint.
        self._left = self._block_lines
        self._salts: list[bytes] = []
        self._checkpoint_at = 0.0

    @property
    def session(self) -> session_module.Session | None:
        """The session, if one is open."""
        return self._session

    @property
    def checkpoint_age_seconds(self) -> float:
        """Time since the last checkpoint or opening; 0 without session."""
        if self._session is None:
            return 0.0
        return time.monotonic() - self._checkpoint_at

    def check(self) -> None:
        """Find out early what would fail at the first line.

        :raises LedgerError: a key does not do what it is for
        :raises OSError: the file cannot be written
        """
        os.close(files.open_append(self._path))
        # Libraries import parts of themselves when first used. Were that at
        # a line, a fork by another thread could give a child an import lock
        # which nobody in it will ever release.
        secret = self._provider.random_bytes(entry.KEY_BYTES)
        tried = session_module.Session.open(
            session_module.Head(
                secret[:entry.LOG_ID_BYTES], 1, 0, files.boot_id(), _now_ms(),
                self._name, self._keys.signing.document.key_id,
                self._keys.auditor.key_id, records.NO_DIGEST, None),
            session_module.Secrets(
                secret, secret, secret,
                self._provider.wrap(self._keys.auditor, secret)),
            self._keys.signing.sign, self._provider)
        tried.close(_now_ms())

    def write(self, text: bytes) -> None:
        """Write one line.

        :param text: by :func:`entry.escape`
        """
        session = self._session
        if session is None:
            session = self._try_open()
            if session is None:
                self._lost += 1
                return
        try:
            found = _stat(self._file)
            if found[_INODE] != self._inode or found[_SIZE] < self._end:
                self._look()
        except OSError:
            self._rotate()
        if (self._waiting or self._lost) and not self._recover(session):
            self._lost += 1
            return
        salts = self._salts
        if not salts:
            self._draw(salts)
        # until the end of this method, what stands on disk is not sure
        self._waiting = True
        data = session.line(text, salts.pop())
        try:
            written = _write(self._descriptor, data)
        except OSError as error:
            self._trouble(error)
            return
        if written != len(data):
            if not self._flush(session):
                return
        else:
            session.sent()
            self._end += written
            self._waiting = False
        self._left -= 1
        if self._left <= 0:
            self.checkpoint(records.REASON_COUNT)

    def _draw(self, salts: list[bytes]) -> None:
        """Draw many salts at once."""
        drawn = secrets.token_bytes(_DRAW_BYTES)
        salts += [drawn[at:at + entry.SALT_BYTES]
                  for at in range(0, _DRAW_BYTES, entry.SALT_BYTES)]

    def _send(self, session: session_module.Session, data: bytes) -> bool:
        """Write all that is unsent; return whether it stands on disk."""
        self._waiting = True
        try:
            written = _write(self._descriptor, data)
        except OSError as error:
            self._trouble(error)
            return False
        if written != len(data):
            return self._flush(session)
        session.sent()
        self._end += written
        self._waiting = False
        return True

    def _flush(self, session: session_module.Session) -> bool:
        """Go on where a write ended half-way; return whether all stands.

        What stands on disk decides, not what a call returned: an exception
        may have come between the two.
        """
        data = session.unsent
        if not data:
            self._waiting = False
            return True
        try:
            landed = os.pread(self._descriptor, len(data), self._end)
            done = len(landed) if data.startswith(landed) else 0
            while done < len(data):
                done += os.write(self._descriptor, data[done:])
        except OSError as error:
            self._trouble(error)
            return False
        session.sent()
        self._end += len(data)
        self._waiting = False
        return True

    def _recover(self, session: session_module.Session) -> bool:
        """Write what waits and say what was lost; return whether it went."""
        if not self._flush(session):
            return False
        self._note(session)
        if not self._lost:
            if self._lost_why:
                self._lost_why = ''
                say(f'{self._file}: written again; nothing was lost')
            return True
        lost, why = self._lost, self._lost_why
        self._lost = 0
        self._lost_why = ''
        lines = 'line was' if lost == 1 else 'lines were'
        message = f'{lost} {lines} lost here: {why or "no session"}'
        if not self._own_line(session, message):
            return False
        say(f'{self._file}: written again; {message}')
        return True

    def _own_line(self, session: session_module.Session, message: str
                  ) -> bool:
        """Write a line that concerns the log itself."""
        self._waiting = True
        data = session.line(self._notice(message),
                            secrets.token_bytes(entry.SALT_BYTES))
        return self._send(session, data)

    def _trouble(self, error: OSError | errors.LedgerError) -> None:
        """Say once, until it works again, that lines are lost."""
        if isinstance(error, OSError):
            why = error.strerror or type(error).__name__
        else:
            why = error.message
        if not self._lost_why:
            say(f'{self._file}: {why}: lines are lost until this ends')
        self._lost_why = why

    # Checkpoints

    def checkpoint(self, reason: int) -> None:
        """Close the block, unless an earlier record still waits."""
        session = self._session
        if session is None or session.closed:
            return
        if reason != records.REASON_COUNT:
            # an idle service has no line that notices a rotation
            self._look()
        if self._waiting and not self._recover(session):
            return
        agreement = None
        if session.wants_agreement:
            secret = self._provider.random_bytes(entry.KEY_BYTES)
            agreement = (secret,
                         self._provider.wrap(self._keys.auditor, secret))
        self._waiting = True
        data = session.checkpoint(
            _now_ms(), reason, self._provider.random_bytes(entry.KEY_BYTES),
            agreement)
        self._checkpoint_at = time.monotonic()
        self._left = self._block_lines
        self._send(session, data)
        self._note(session)

    def _note(self, session: session_module.Session) -> None:
        """Note the last checkpoint in the state file once it is on disk."""
        if session.unsent or self._state is None:
            return
        place = (session.number, session.sequence)
        if session.block_lines or place == self._noted:
            return
        try:
            self._state.note_slot(self._slot, files.SlotState(
                session.opening.writer,
                (session.sequence - 1, session.chained), session.closed))
        except OSError as error:
            self._trouble(error)
        else:
            self._noted = place

    # The file

    def _look(self) -> None:
        """Notice that the file was moved away, or cut in place."""
        try:
            found = _stat(self._file)
        except OSError:
            self._rotate()
            return
        if (found[_INODE] != self._inode
                or found[_DEVICE] != self._device):
            self._rotate()
        elif found[_SIZE] < self._end:
            self._cut(int(found[_SIZE]))

    def _rotate(self) -> None:
        """Go on in a new file; if there can be none, in the old one."""
        session = self._session
        assert session is not None
        try:
            descriptor = files.open_append(self._file)
        except OSError as error:
            if not self._stuck:
                self._stuck = True
                say(f'{self._file}: {error.strerror}: lines go on into the '
                    'file that was moved away')
            return
        self._stuck = False
        if session.unsent:
            # the next file gets that record as a whole
            with contextlib.suppress(OSError):
                if os.fstat(self._descriptor).st_size > self._end:
                    os.ftruncate(self._descriptor, self._end)
        old = self._descriptor
        self._adopt(descriptor)
        self._held.remove(old)
        os.close(old)

    def _adopt(self, descriptor: int) -> None:
        """Write to an opened file from now on."""
        found = os.fstat(descriptor)
        self._held.append(descriptor)
        self._descriptor = descriptor
        self._inode = found.st_ino
        self._device = found.st_dev
        self._end = found.st_size

    def _cut(self, size: int) -> None:
        """Say that the file was cut in place; the chain goes on."""
        session = self._session
        assert session is not None
        message = (
            f'{self._file} was cut from {self._end} to {size} bytes while in '
            'use: what is missing counts as an alteration. A secure log '
            'is rotated by moving it, never by copytruncate.')
        self._end = size
        say(message)
        if self._flush(session):
            self._own_line(session, message)

    # Sessions

    def _try_open(self) -> session_module.Session | None:
        """Open a session; None: it cannot be done now."""
        now = time.monotonic()
        if now < self._retry_at:
            return None
        try:
            return self._open()
        except (OSError, errors.LedgerError) as error:
            # from now on: the attempt itself may have waited for a lock
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            self._close_files()
            self._trouble(error)
            return None
        except BaseException:
            self._close_files()
            raise

    def _open(self) -> session_module.Session:
        self._slot, slot_lock = files.take_slot(self._path)
        self._held.append(slot_lock)
        self._file = files.slot_path(self._path, self._slot)
        self._adopt(files.open_append(self._file))
        self._state = files.StateFile(self._path)
        self._held.append(self._state.descriptor)
        manifest = files.open_append(f'{self._path}.manifest')
        self._held.append(manifest)
        files.lock(manifest)
        try:
            session = self._announce(manifest, self._state)
        finally:
            self._held.remove(manifest)
            files.release(manifest)
        self._session = session
        self._checkpoint_at = time.monotonic()
        # a part of the opening may stand there when the disk is full
        self._waiting = True
        if self._flush(session):
            self._note(session)
        return session

    def _announce(self, manifest: int, state: files.StateFile
                  ) -> session_module.Session:
        """Add the opening of a new session to the locked manifest."""
        provider = self._provider
        manifest_tail = files.read_tail(manifest)
        log = files.log_state(
            state.log(), manifest_tail,
            provider.random_bytes(entry.LOG_ID_BYTES))
        tail = files.read_tail(self._descriptor)
        writer = log.last_writer + 1
        if writer > records.WRITER_MAX:
            raise errors.CorruptStore(
                f'{self._path}.state or .manifest names a last session that '
                'leaves no number')
        head = session_module.Head(
            log.log_id, writer, self._slot, files.boot_id(), _now_ms(),
            self._name, self._keys.signing.document.key_id,
            self._keys.auditor.key_id, log.manifest_digest,
            files.previous_session(
                state.slot(self._slot), tail, writer))
        seal = provider.random_bytes(entry.KEY_BYTES)
        session = session_module.Session.open(
            head, session_module.Secrets(
                provider.random_bytes(entry.KEY_BYTES),
                provider.random_bytes(entry.KEY_BYTES), seal,
                provider.wrap(self._keys.auditor, seal)),
            self._keys.signing.sign, provider)
        line = session.unsent
        if tail.torn_bytes:
            session.begin_on_new_line()
        # first the note: were it last, a crash in between would leave a
        # session that nobody knows to be empty
        state.note_slot(self._slot, files.SlotState(writer, None, False))
        if files.cut_torn(manifest, manifest_tail, log):
            line = b'\n' + line
        files.append_whole(manifest, line)
        state.note_log(files.LogState(
            log.log_id, writer,
            records.record_digest(session.opening.to_bytes())))
        return session

    def close(self) -> None:
        """End the session by a last checkpoint and let its files go."""
        session = self._session
        if session is not None:
            self._look()
            if not self._waiting or self._recover(session):
                if not session.closed:
                    self._waiting = True
                    self._send(session, session.close(_now_ms()))
                self._note(session)
        self._close_files()

    def _close_files(self) -> None:
        held = self._held
        self._forget()
        for descriptor in held:
            with contextlib.suppress(OSError):
                files.release(descriptor)

    def abandon(self) -> None:
        """Forget the session, which belongs to the process forked from.

        Its files are closed and stay locked for their owner.
        """
        held = self._held
        self._lost = 0
        self._lost_why = ''
        self._retry_at = 0.0
        self._forget()
        for descriptor in held:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
