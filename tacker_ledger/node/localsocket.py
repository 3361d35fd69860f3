# SPDX-License-Identifier: Apache-2.0
"""The node's Unix socket: API processes hear of heads and hand on writes.

Frames (``transport.framing``) of canonical CBOR:

* node, first: ``[0, chain id, member, name, instance]``
* node, at once and for every block:
  ``[1, height, time_ms, digest, [changed key...], [txid...]]``
* client: ``[2, number, method, arguments as JSON, [submission...]]``
* node: ``[3, number, result as JSON]`` or ``[4, number, error as JSON]``

The socket is readable and writable by the node's user alone.
"""

import asyncio
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import itertools
import json
import os
import pathlib
import socket
from typing import Any

from oslo_log import log as logging

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.node import submit as submit_module
from tacker_ledger.transport import framing

LOG = logging.getLogger(__name__)

_GREETING, _HEAD, _CALL, _RESULT, _ERROR = range(5)
_JSON_MAX_BYTES = 8 * 1024 * 1024
_CALLS_MAX_COUNT = 256
_CHUNK_BYTES = 4 * 1024 * 1024
_KEYS = codec.Array(codec.Bytes.exact(32), 0, 100_000)
_JSON = codec.Text(_JSON_MAX_BYTES)
_FROM_NODE = codec.Tagged({
    _GREETING: codec.Record(
        codec.Const(_GREETING), codec.Bytes.exact(32), codec.Int(),
        codec.Text(256), codec.Bytes.exact(16)),
    _HEAD: codec.Record(
        codec.Const(_HEAD), codec.Int(), codec.Int(), codec.Bytes.exact(32),
        _KEYS, _KEYS),
    _RESULT: codec.Record(codec.Const(_RESULT), codec.Int(), _JSON),
    _ERROR: codec.Record(codec.Const(_ERROR), codec.Int(), _JSON)})
_FROM_CLIENT = codec.Record(
    codec.Const(_CALL), codec.Int(), codec.Text(32), _JSON,
    codec.Array(codec.Bytes(1, limits.SUBMISSION_MAX_BYTES), 0,
                limits.BATCH_SUBMIT_MAX_COUNT))


class LocalServer:
    """The node's side.

    :param facade: the node
    :param path: of the socket
    :param head: returns an event about the newest block
    """

    def __init__(self, facade: submit_module.NodeFacade, path: str,
                 head: Callable[[], submit_module.HeadEvent]) -> None:
        self._facade = facade
        self._path = pathlib.Path(path)
        self._head = head
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._calls: set[asyncio.Task[None]] = set()
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Listen.

        :raises BadOption: the socket cannot be made
        """
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Nothing else runs between these lines: the mask is the
            # process's, so it must not be left to an await.
            before = os.umask(0o177)
            try:
                listening.bind(str(self._path))
            finally:
                os.umask(before)
            self._server = await asyncio.start_unix_server(
                self._serve, sock=listening, limit=1024 * 1024)
        except OSError as error:
            listening.close()
            raise errors.BadOption(
                f'Option socket_file in [node]: {self._path}: '
                f'{error.strerror or error}', option='socket_file',
                group='node') from error
        self._unsubscribe = self._facade.subscribe(self._tell)

    async def stop(self) -> None:
        """Close all connections."""
        self._unsubscribe()
        if self._server is not None:
            self._server.close()
        for task in list(self._calls):
            task.cancel()
        for writer in list(self._clients):
            writer.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    async def _tell(self, event: submit_module.HeadEvent) -> None:
        data = framing.frame(_head_frame(event))
        for writer in list(self._clients):
            if writer.transport.get_write_buffer_size() < _CHUNK_BYTES:
                writer.write(data)
            else:
                # it has stopped reading; it will come back for the head
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader,
                     writer: asyncio.StreamWriter) -> None:
        own = self._facade.identity
        writer.write(framing.frame(codec.encode(
            (_GREETING, own.chain_id, own.member, own.name, own.instance))))
        writer.write(framing.frame(_head_frame(self._head())))
        self._clients.add(writer)
        room = asyncio.Semaphore(_CALLS_MAX_COUNT)
        try:
            async for frame in _frames(reader):
                _, number, method, arguments, submissions = codec.decode(
                    frame, _FROM_CLIENT, limits.FRAME_MAX_BYTES)
                await room.acquire()
                task = asyncio.create_task(self._call(
                    writer, number, method, arguments, submissions))
                self._calls.add(task)
                task.add_done_callback(self._calls.discard)
                task.add_done_callback(lambda _: room.release())
        except (errors.FormatError, OSError) as error:
            LOG.warning('Local socket: %s', error)
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _call(self, writer: asyncio.StreamWriter, number: int,
                    method: str, arguments: str,
                    submissions: Sequence[bytes]) -> None:
        try:
            result = await self._dispatch(method, json.loads(arguments),
                                          submissions)
            reply = (_RESULT, number, json.dumps(result))
        except errors.LedgerError as error:
            reply = (_ERROR, number, json.dumps(error.to_dict()))
        except (ValueError, TypeError) as error:
            reply = (_ERROR, number, json.dumps(
                errors.Malformed(str(error)).to_dict()))
        if not writer.is_closing():
            writer.write(framing.frame(codec.encode(reply)))
            with contextlib.suppress(OSError):
                await writer.drain()

    async def _dispatch(self, method: str, arguments: list[Any],
                        submissions: Sequence[bytes]) -> Any:
        if method == 'submit':
            results = await self._facade.submit(submissions, *arguments)
            return [[r.txid.hex() if r.txid else None, r.code, r.message,
                     r.details] for r in results]
        if method in ('enrol', 'unenrol', 'fate'):
            key_id, *rest = arguments
            return await getattr(self._facade, method)(
                bytes.fromhex(key_id), *rest)
        if method in ('status', 'peers', 'usage', 'enrolments', 'evidence'):
            return await getattr(self._facade, method)()
        raise errors.NotFound(f'There is no method {method}.')


async def _frames(reader: asyncio.StreamReader) -> Any:
    """Yield frames until the stream ends."""
    cutter = framing.FrameReader()
    while data := await reader.read(256 * 1024):
        for frame in cutter.feed(data):
            yield frame


def _head_frame(event: submit_module.HeadEvent) -> bytes:
    return codec.encode((_HEAD, event.height, event.time_ms, event.digest,
                         sorted(event.changed), sorted(event.txids)))


class LocalClient:
    """The API process's side: a :class:`submit_module.NodeFacade`.

    :param path: of the socket
    :param retry_seconds: pause between two attempts to connect
    """

    def __init__(self, path: str, retry_seconds: float = 0.2) -> None:
        self._path = path
        self._retry_seconds = retry_seconds
        self._identity: submit_module.Identity | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listeners: list[submit_module.HeadListener] = []
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._joined = True

    async def start(self, timeout_seconds: float = 30.0) -> None:
        """Connect; afterwards the identity is known.

        :raises Timeout: the node's socket did not appear
        """
        self._task = asyncio.create_task(self._stay_connected())
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._connected.wait()
        except TimeoutError:
            await self.stop()
            raise errors.Timeout(
                f'No node answers on {self._path}.') from None

    async def stop(self) -> None:
        """Disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def identity(self) -> submit_module.Identity:
        """See :class:`submit_module.NodeFacade`."""
        assert self._identity is not None, 'start() first'
        return self._identity

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._connection()
            except (OSError, errors.FormatError) as error:
                LOG.debug('Local socket %s: %s', self._path, error)
            await asyncio.sleep(self._retry_seconds)

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_unix_connection(self._path)
        self._writer = writer
        try:
            async for frame in _frames(reader):
                await self._received(codec.decode(
                    frame, _FROM_NODE, limits.FRAME_MAX_BYTES))
        finally:
            self._writer = None
            writer.close()
            waiting, self._waiting = self._waiting, {}
            for future in waiting.values():
                if not future.done():
                    future.set_exception(_away())

    async def _received(self, message: tuple[Any, ...]) -> None:
        kind, *fields = message
        if kind == _GREETING:
            chain_id, member, name, instance = fields
            self._identity = submit_module.Identity(chain_id, member, name,
                                                    instance)
            self._joined = True
            self._connected.set()
        elif kind == _HEAD:
            height, time_ms, digest, changed, txids = fields
            # what changed while nobody listened is not told
            event = submit_module.HeadEvent(
                height, time_ms, digest, frozenset(changed),
                frozenset(txids), complete=not self._joined)
            self._joined = False
            for listener in list(self._listeners):
                await listener(event)
        else:
            future = self._waiting.pop(fields[0], None)
            if future is None or future.done():
                return
            value = json.loads(fields[1])
            if kind == _RESULT:
                future.set_result(value)
            else:
                future.set_exception(errors.from_dict(value))

    async def _call(self, method: str, arguments: Sequence[Any] = (),
                    submissions: Sequence[bytes] = ()) -> Any:
        if self._writer is None:
            raise _away()
        number = next(self._numbers)
        future: asyncio.Future[Any] = (
            asyncio.get_running_loop().create_future())
        self._waiting[number] = future
        try:
            self._writer.write(framing.frame(codec.encode(
                (_CALL, number, method, json.dumps(list(arguments)),
                 tuple(submissions)))))
            await self._writer.drain()
            return await future
        except OSError:
            raise _away() from None
        finally:
            self._waiting.pop(number, None)

    async def submit(self, submissions: Sequence[bytes],
                     address: str | None = None
                     ) -> list[submit_module.SubmitResult]:
        """See :meth:`submit_module.NodeFacade.submit`."""
        results = []
        for chunk in _chunks(submissions):
            try:
                rows = await self._call('submit', [address], chunk)
            except errors.LedgerError as error:
                results += [submit_module.SubmitResult.refused(None, error)
                            for _ in chunk]
                continue
            results += [
                submit_module.SubmitResult(
                    bytes.fromhex(txid) if txid else None, code, message,
                    details)
                for txid, code, message, details in rows]
        return results

    async def status(self) -> dict[str, Any]:
        """See :meth:`submit_module.NodeFacade.status`."""
        found: dict[str, Any] = await self._call('status')
        return found

    async def peers(self) -> list[dict[str, Any]]:
        """See :meth:`submit_module.NodeFacade.peers`."""
        found: list[dict[str, Any]] = await self._call('peers')
        return found

    async def usage(self) -> list[dict[str, Any]]:
        """See :meth:`submit_module.NodeFacade.usage`."""
        found: list[dict[str, Any]] = await self._call('usage')
        return found

    async def enrol(self, key_id: bytes, label: str = '') -> dict[str, Any]:
        """See :meth:`submit_module.NodeFacade.enrol`."""
        found: dict[str, Any] = await self._call(
            'enrol', [key_id.hex(), label])
        return found

    async def unenrol(self, key_id: bytes) -> None:
        """See :meth:`submit_module.NodeFacade.unenrol`."""
        await self._call('unenrol', [key_id.hex()])

    async def enrolments(self) -> list[dict[str, Any]]:
        """See :meth:`submit_module.NodeFacade.enrolments`."""
        found: list[dict[str, Any]] = await self._call('enrolments')
        return found

    async def evidence(self) -> list[dict[str, Any]]:
        """See :meth:`submit_module.NodeFacade.evidence`."""
        found: list[dict[str, Any]] = await self._call('evidence')
        return found

    async def fate(self, txid: bytes) -> dict[str, Any] | None:
        """See :meth:`submit_module.NodeFacade.fate`."""
        found: dict[str, Any] | None = await self._call(
            'fate', [txid.hex()])
        return found

    def subscribe(self, listener: submit_module.HeadListener
                  ) -> Callable[[], None]:
        """See :meth:`submit_module.NodeFacade.subscribe`."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe


def _chunks(submissions: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Cut a batch into calls that each fit a frame."""
    chunk: list[bytes] = []
    size = 0
    for submission in submissions:
        if chunk and size + len(submission) > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(submission)
        size += len(submission)
    if chunk:
        yield chunk


def _away() -> errors.Busy:
    return errors.Busy('The node process does not answer at present.')
