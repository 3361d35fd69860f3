# SPDX-License-Identifier: Apache-2.0
"""Runs a program: no shell, bounded time, bounded output, no leftovers."""

from collections.abc import Sequence
import contextlib
import dataclasses
import os
import selectors
import shlex
import signal
import subprocess
import time
from typing import Any
from typing import IO

from tacker_ledger.core import errors

OUTPUT_MAX_BYTES = 8 * 1024 * 1024
#: How much of what a program said is repeated in an error.
_SAID_MAX_CHARS = 300
_CHUNK_BYTES = 65536
_POLL_SECONDS = 0.05
_ENVIRONMENT = ('PATH', 'HOME', 'TZ')
_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


@dataclasses.dataclass(frozen=True, slots=True)
class Completed:
    """A program that has ended.

    :param status: exit status; negative: the signal that ended it
    """

    program: str
    status: int
    stdout: bytes
    stderr: bytes

    def said(self) -> str:
        """Return what it complained about, short, on one line."""
        text = (self.stderr or self.stdout).decode('utf-8', 'replace')
        printable = ''.join(c if c.isprintable() else ' ' for c in text)
        return ' '.join(printable.split())[:_SAID_MAX_CHARS]


def split(command: str) -> tuple[str, ...]:
    """Return the program and the arguments in an option's text.

    :raises BadOption: a quote does not close
    """
    try:
        return tuple(shlex.split(command))
    except ValueError as exc:
        raise errors.BadOption(f'{command!r}: {exc}.') from exc


def named(option: str, values: Sequence[str]) -> dict[str, str]:
    """Return name -> value of an option whose values are NAME=VALUE.

    :raises BadOption: another form, or a name twice
    """
    found: dict[str, str] = {}
    for text in values:
        name, equals, value = (part.strip() for part in text.partition('='))
        if not name or not equals or not value or name in found:
            raise errors.BadOption(
                f'{option}: {text!r} is not NAME=VALUE, each name once.',
                option=option)
        found[name] = value
    return found


def named_commands(option: str, values: Sequence[str]
                   ) -> dict[str, tuple[str, ...]]:
    """Return name -> program and arguments of NAME=COMMAND values."""
    return {name: split(value) for name, value
            in named(option, values).items()}


def run(command: Sequence[str], *, timeout_seconds: float, data: bytes = b'',
        output_max_bytes: int = OUTPUT_MAX_BYTES) -> Completed:
    """Run a program to its end and return what became of it.

    It gets ``data`` on its standard input and a session of its own, which is
    ended with it when time is over.  A daemon it leaves behind may live on.

    :raises Timeout: it took longer
    :raises TooLarge: it wrote more
    :raises NotFound: it cannot be started
    """
    environment = {name: os.environ[name] for name in _ENVIRONMENT
                   if name in os.environ}
    environment.setdefault('PATH', _PATH)
    environment['LC_ALL'] = 'C.UTF-8'
    try:
        process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment, cwd='/',
            start_new_session=True)
    except (OSError, ValueError) as exc:
        raise errors.NotFound(f'{command[0]} cannot be started: '
                              f'{getattr(exc, "strerror", exc)}.') from exc
    exchange = _Exchange(process, data, output_max_bytes)
    try:
        exchange.finish(time.monotonic() + timeout_seconds)
    except BaseException:
        _end(process)
        raise
    finally:
        exchange.close()
    return Completed(os.path.basename(command[0]), process.returncode,
                     bytes(exchange.stdout), bytes(exchange.stderr))


def _end(process: 'subprocess.Popen[bytes]') -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Exchange:
    """Feeds a program and collects what it writes."""

    def __init__(self, process: 'subprocess.Popen[bytes]', data: bytes,
                 output_max_bytes: int) -> None:
        assert process.stdin and process.stdout and process.stderr
        self._process = process
        self._input: IO[bytes] = process.stdin
        self._left = memoryview(data)
        self._max_bytes = output_max_bytes
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._outputs = {process.stdout: self.stdout,
                         process.stderr: self.stderr}
        self._selector = selectors.DefaultSelector()
        for stream in (process.stdin, *self._outputs):
            os.set_blocking(stream.fileno(), False)
        for stream in self._outputs:
            self._selector.register(stream, selectors.EVENT_READ)
        self._selector.register(self._input, selectors.EVENT_WRITE)

    def finish(self, deadline: float) -> None:
        """Exchange until the program has ended.

        Not until its outputs are closed: a daemon may have inherited them.
        """
        while self._process.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise errors.Timeout('The command took too long.')
            self._step(min(left, _POLL_SECONDS))
        for stream in [one for one in self._outputs if not one.closed]:
            with contextlib.suppress(BlockingIOError):
                while self._read(stream):
                    pass

    def _step(self, wait_seconds: float) -> None:
        """Move what can be moved."""
        if not self._selector.get_map():
            time.sleep(wait_seconds)
            return
        for key, _events in self._selector.select(wait_seconds):
            if key.fileobj is self._input:
                self._write()
            else:
                self._read(key.fileobj)

    def _write(self) -> None:
        try:
            if self._left:
                written = os.write(self._input.fileno(),
                                   self._left[:_CHUNK_BYTES])
                self._left = self._left[written:]
        except BlockingIOError:
            return
        except BrokenPipeError:
            # It may succeed without having read all.
            self._left = self._left[:0]
        if not self._left:
            self._drop(self._input)

    def _read(self, stream: Any) -> bool:
        """Collect a chunk; return False at the end of the stream."""
        chunk = os.read(stream.fileno(), _CHUNK_BYTES)
        if not chunk:
            self._drop(stream)
            return False
        collected = self._outputs[stream]
        collected += chunk
        if len(collected) > self._max_bytes:
            raise errors.TooLarge('The command wrote too much.',
                                  limit=self._max_bytes)
        return True

    def _drop(self, stream: Any) -> None:
        self._selector.unregister(stream)
        with contextlib.suppress(BrokenPipeError):
            stream.close()

    def close(self) -> None:
        """Close what is still open."""
        for key in list(self._selector.get_map().values()):
            self._drop(key.fileobj)
        self._selector.close()
