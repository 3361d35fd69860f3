# SPDX-License-Identifier: Apache-2.0
"""A logging handler that writes a secure log.

Plain :mod:`logging` is all it asks of a service: name it in a logging
configuration (OpenStack: ``log_config_append``) in place of a
``WatchedFileHandler`` or beside it.  Threads, green threads and forks are
the service's: locks and threads come from :mod:`threading`, whatever that
has been patched to, and a child begins a session of its own.
"""

from collections.abc import Iterable
import logging
import os
import sys
import threading
import weakref

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records
from tacker_ledger.securelog import keys as keys_module
from tacker_ledger.securelog import logger as logger_module
from tacker_ledger.securelog import masking

_handlers: 'weakref.WeakSet[SecureLogHandler]' = weakref.WeakSet()
_SECONDS_MAX = 86400.0


class SecureLogHandler(logging.Handler):
    """Writes each record as a line that cannot be altered unseen.

    :param filename: of the log; further processes write ``.w1``, ``.w2``
        and so on beside it
    :param keys: directory with ``log-signing.key`` and ``auditor.pub``
    :param name: of the log, as verdicts show it; empty: host and file
    :param checkpoint_lines: lines until a checkpoint
    :param checkpoint_seconds: time until a checkpoint, also of an idle
        log; 0: none by time
    :param mask: whether secrets are masked before a line is sealed
    :param mask_patterns: regular expressions beside the usual ones, each
        with a group ``secret``
    :raises LedgerError: a key or a setting cannot be used
    :raises OSError: the file cannot be written
    """

    def __init__(self, filename: str | os.PathLike[str],
                 keys: str | os.PathLike[str], name: str = '',
                 checkpoint_lines: int = 100,
                 checkpoint_seconds: float = 60.0, mask: bool = True,
                 mask_patterns: Iterable[str] = ()) -> None:
        if not 0 <= checkpoint_seconds <= _SECONDS_MAX:
            raise errors.BadOption(
                'checkpoint_seconds lies between 0 and '
                f'{_SECONDS_MAX:.0f}.', value=checkpoint_seconds)
        provider = providers.default()
        self._mask = masking.Masker(mask_patterns) if mask else None
        self._seconds = float(checkpoint_seconds)
        self._busy = False
        self._ended = False
        #: Whether the thread runs and the end has not come.
        self._settled = False
        self._later: list[bytes] = []
        self._pulse: _Pulse | None = None
        self._logger = logger_module.Logger(
            os.fspath(filename), keys_module.load_writer(keys, provider),
            provider, name=name, block_lines=checkpoint_lines,
            notice=self._notice)
        self._logger.check()
        # only now: logging closes at its end what began here
        super().__init__()
        if keys_module.auditor_key_left(keys):
            logger_module.say(
                f'{os.fspath(keys)}: the auditor\'s private key still lies '
                'beside the log signing key: take it to the auditor, else '
                'lines are not forward-secure')
        _handlers.add(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; whatever fails stays here."""
        try:
            text = self.format(record)
            if self._mask is not None:
                text = self._mask(text)
            data = entry.escape(text)
            if self._busy:
                # the handler of a signal that came while a line was written
                self._later.append(data)
                return
            self._busy = True
            try:
                self._logger.write(data)
                if self._later or not self._settled:
                    self._settle()
            finally:
                self._busy = False
        except Exception:  # noqa: BLE001 as every handler of logging
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say which record could not be written, and why.

        Never what it holds, as the handlers of logging do: what failed may
        be the masking of its secrets.
        """
        kind = sys.exc_info()[0] or Exception
        logger_module.say(
            f'{kind.__name__} at a record of {record.name!r}, '
            f'{record.pathname}:{record.lineno}: it is not in the log')

    def _settle(self) -> None:
        """Do what a line seldom needs after it."""
        while self._later:
            self._logger.write(self._later.pop(0))
        if self._ended:
            # a line after the end, at the exit of a process
            self._logger.close()
            return
        if self._pulse is None and self._seconds:
            self._pulse = _Pulse(self, self._seconds)
        self._settled = True

    def _notice(self, message: str) -> bytes:
        """Return a warning of our own in the form of the other lines."""
        return entry.escape(self.format(logging.LogRecord(
            __name__, logging.WARNING, __file__, 0, message, None, None)))

    def flush(self) -> None:
        """Do nothing: each line is handed to the system at once."""

    def close(self) -> None:
        """Make the last checkpoint and let the files go."""
        pulse = self._pulse
        self._pulse = None
        if pulse is not None:
            pulse.stop()
        self.acquire()
        try:
            self._ended = True
            self._settled = False
            if not self._busy:
                self._busy = True
                try:
                    self._logger.close()
                    if self._later:
                        self._settle()
                finally:
                    self._busy = False
        finally:
            self.release()
            super().close()

    def beat(self) -> None:
        """Make a checkpoint if the last one is old enough."""
        self.acquire()
        try:
            if self._busy or self._ended:
                return
            self._busy = True
            try:
                if self._logger.checkpoint_age_seconds >= self._seconds:
                    self._logger.checkpoint(records.REASON_TIME)
            finally:
                self._busy = False
        finally:
            self.release()

    def after_fork(self) -> None:
        """Leave the session to the parent; the child opens its own."""
        self._busy = False
        self._later = []
        self._pulse = None
        self._settled = False
        self._logger.abandon()


class _Pulse:
    """A thread that makes the checkpoints of time.

    :param handler: asked by a weak reference: one that is dropped ends it
    """

    def __init__(self, handler: SecureLogHandler, seconds: float) -> None:
        self._handler = weakref.ref(handler)
        # looked at often enough, so that a checkpoint is little late
        self._pause_seconds = max(0.01, seconds / 4)
        self._stopped = threading.Event()
        thread = threading.Thread(
            target=self._run, name='secure-log-pulse', daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # the interpreter ends
            self._stopped.set()

    def stop(self) -> None:
        """Let the thread end; does not wait for it."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._pause_seconds):
            handler = self._handler()
            if handler is None:
                return
            try:
                handler.beat()
            except Exception as error:  # noqa: BLE001 the service goes on
                logger_module.say(f'checkpoint by time: {error}')
            del handler


def _after_fork_in_child() -> None:
    for handler in list(_handlers):
        handler.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
