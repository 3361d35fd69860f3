# SPDX-License-Identifier: Apache-2.0
"""A WSGI application (PEP 3333) behind an ASGI server, in a few threads.

It lets the operator door run inside the node's process, where the loop
belongs to consensus: a request costs a thread for as long as it runs, and
there are few.  Bodies are small on both sides and held whole.
"""

import asyncio
import concurrent.futures
import io
import sys
from typing import Any

from oslo_log import log as logging

from tacker_ledger.api import errors as api_errors
from tacker_ledger.core import errors

LOG = logging.getLogger(__name__)

BODY_MAX_BYTES = 128 * 1024
RECEIVE_SECONDS = 30


class Bridge:
    """An ASGI application which calls a WSGI application.

    :param application: WSGI
    :param threads: requests served at a time
    """

    def __init__(self, application: Any, threads: int) -> None:
        self._application = application
        self._threads = concurrent.futures.ThreadPoolExecutor(
            threads, thread_name_prefix='operator-door')

    def close(self) -> None:
        """Start no more requests."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: dict[str, Any], receive: Any,
                       send: Any) -> None:
        try:
            async with asyncio.timeout(RECEIVE_SECONDS):
                body = await _body(receive)
        except TimeoutError:
            return
        except errors.TooLarge as error:
            await _send(send, 413, [(b'content-type', b'application/json'),
                                    (b'connection', b'close')],
                        api_errors.body_of(error))
            return
        if body is None:
            return
        status, headers, data = await asyncio.get_running_loop(
            ).run_in_executor(self._threads, self._run, scope, body)
        await _send(send, status, headers, data)

    def _run(self, scope: dict[str, Any], body: bytes
             ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        started: list[tuple[str, list[tuple[str, str]]]] = []
        written = io.BytesIO()

        def start_response(status: str, headers: list[tuple[str, str]],
                           exc_info: Any = None) -> Any:
            started[:] = [(status, headers)]
            return written.write

        result = self._application(_environ(scope, body), start_response)
        try:
            for part in result:
                written.write(part)
        finally:
            if hasattr(result, 'close'):
                result.close()
        status, headers = started[0]
        return (int(status[:3]),
                [(name.lower().encode('latin-1'), value.encode('latin-1'))
                 for name, value in headers], written.getvalue())


async def _body(receive: Any) -> bytes | None:
    """Return the request's body, None if the client has gone.

    :raises TooLarge: it is over the bound
    """
    body = bytearray()
    while True:
        event = await receive()
        if event['type'] == 'http.disconnect':
            return None
        body += event.get('body', b'')
        if len(body) > BODY_MAX_BYTES:
            raise errors.TooLarge('The request is too large.',
                                  limit=BODY_MAX_BYTES)
        if not event.get('more_body', False):
            return bytes(body)


async def _send(send: Any, status: int, headers: list[tuple[bytes, bytes]],
                data: bytes) -> None:
    if status not in (204, 304) and not any(
            name == b'content-length' for name, _value in headers):
        headers.append((b'content-length', str(len(data)).encode()))
    await send({'type': 'http.response.start', 'status': status,
                'headers': headers})
    await send({'type': 'http.response.body', 'body': data})


def _environ(scope: dict[str, Any], body: bytes) -> dict[str, Any]:
    server = scope.get('server') or ('', 0)
    client = scope.get('client') or ('', 0)
    environ: dict[str, Any] = {
        'REQUEST_METHOD': scope['method'], 'SCRIPT_NAME': '',
        # PEP 3333: text in which each character stands for one byte
        'PATH_INFO': scope['path'].encode().decode('latin-1'),
        'QUERY_STRING': scope['query_string'].decode('latin-1'),
        'SERVER_PROTOCOL': f'HTTP/{scope["http_version"]}',
        'SERVER_NAME': server[0], 'SERVER_PORT': str(server[1] or 0),
        'REMOTE_ADDR': client[0], 'REMOTE_PORT': str(client[1]),
        'wsgi.version': (1, 0), 'wsgi.url_scheme': scope['scheme'],
        'wsgi.input': io.BytesIO(body), 'wsgi.errors': sys.stderr,
        'wsgi.multithread': True, 'wsgi.multiprocess': False,
        'wsgi.run_once': False}
    for name, value in scope['headers']:
        text = value.decode('latin-1')
        key = name.decode('latin-1').upper().replace('-', '_')
        if b'_' in name:
            # X_Auth would be taken for X-Auth
            continue
        if key not in ('CONTENT_TYPE', 'CONTENT_LENGTH'):
            key = 'HTTP_' + key
        environ[key] = (f'{environ[key]},{text}' if key in environ else text)
    environ['CONTENT_LENGTH'] = str(len(body))
    return environ
