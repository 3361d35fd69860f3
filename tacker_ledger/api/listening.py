# SPDX-License-Identifier: Apache-2.0
"""An ASGI application served inside a running loop, over TLS 1.3.

Both doors listen through here.  Plain HTTP is for loopback addresses: a
door that would speak it to others refuses to start and names the option.
"""

import asyncio
import contextlib
import ipaddress
import os
import resource
import socket
import ssl
from typing import Any

from oslo_log import log as logging
import uvicorn

from tacker_ledger.api import http_protocol
from tacker_ledger import conf as conf_module
from tacker_ledger.core import errors

LOG = logging.getLogger(__name__)

#: After this a request still running at shutdown is cut off.
STOP_SECONDS = 1
#: Files which a process has open beside a door's connections.
OTHER_FILES_COUNT = 1024
_BACKLOG_COUNT = 4096
_ALPN = ['http/1.1']
#: How often the files of a certificate are looked at.
RELOAD_SECONDS = 5.0


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address.

    :param host: a name or an address
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


class Context(ssl.SSLContext):
    """A server's context whose certificate can be renewed.

    Connections that are there live on; new ones use what is loaded.
    """

    _files = ('', '')
    _marks: tuple[object, ...] = ()

    def use(self, certificate_file: str, key_file: str) -> None:
        """Load a certificate and its key.

        :raises OSError: a file is missing
        :raises SSLError: they do not belong together; what was loaded stays
        """
        marks = _marks(certificate_file, key_file)
        # tried out first: half of a new pair must not replace a whole one
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self):
            # an empty password: an encrypted key is refused, nobody is asked
            context.load_cert_chain(certificate_file, key_file, password='')
        self._files = certificate_file, key_file
        self._marks = marks

    def refresh(self) -> None:
        """Load the files again if they have changed."""
        if _marks(*self._files) == self._marks:
            return
        try:
            self.use(*self._files)
        except (OSError, ssl.SSLError) as error:
            LOG.error('The certificate of a door is not read again: %s: %s',
                      self._files[0], error)
        else:
            LOG.info('The certificate of a door is read again: %s',
                     self._files[0])


def _marks(*paths: str) -> tuple[object, ...]:
    """Return what changes when a file is written or replaced."""
    found: list[object] = []
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def tls_context(group: str, certificate_file: str, key_file: str) -> Context:
    """Return the server's side of TLS: 1.3 and nothing older.

    :param group: of the options, for the error
    :raises BadOption: a file is missing or they do not belong together
    """
    context = Context(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(_ALPN)
    try:
        context.use(certificate_file, key_file)
    except (OSError, ssl.SSLError) as error:
        raise conf_module.bad('certificate_file', group,
                              f'{certificate_file}, {key_file}: {error}'
                              ) from error
    return context


def allow_open_files(count: int) -> None:
    """Raise this process's limit on open files, as far as it may.

    The usual one, 1024, is less than the connections of a door.

    :param count: files needed
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < count:
        LOG.warning('This process may open %s files, and its doors may need '
                    '%s: raise its limit (LimitNOFILE of systemd) or lower '
                    'connections_max in [door].', wanted, count)


def check_plain_http(group: str, options: Any) -> None:
    """Refuse plain HTTP that others could reach.

    :raises BadOption: it names the option
    """
    if options.plain_http and not is_loopback(options.host):
        raise conf_module.bad(
            'plain_http', group,
            f'{options.host} is no loopback address: only there may a door '
            'be without TLS.')


class _Server(uvicorn.Server):
    """Leaves signals to the process, which is more than its door."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


class Listener:
    """One address which an application is served at.

    :param application: ASGI
    :param group: of the options: ``door`` or ``operator``
    :param options: with ``host``, ``port``
    :param context: None for plain HTTP
    """

    def __init__(self, application: Any, group: str, options: Any,
                 context: Context | None,
                 bounds: http_protocol.Bounds,
                 keep_alive_seconds: int) -> None:
        self._group = group
        self._host = options.host
        self._port = options.port
        self._context = context
        self._connections = bounds.connections_max_count
        self._config = uvicorn.Config(
            application, http=http_protocol.protocol_class(bounds), ws='none',
            lifespan='off', log_config=None, log_level='error',
            access_log=False, proxy_headers=False, server_header=False,
            timeout_keep_alive=keep_alive_seconds,
            timeout_graceful_shutdown=STOP_SECONDS, backlog=_BACKLOG_COUNT,
            ssl_context_factory=(
                None if context is None else lambda *_args: context))
        self._server = _Server(self._config)
        self._task: asyncio.Task[None] | None = None
        self._fresh: asyncio.Task[None] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens, once it does."""
        host = f'[{self._host}]' if ':' in self._host else self._host
        scheme = 'http' if self._context is None else 'https'
        return f'{scheme}://{host}:{self.port}'

    async def start(self) -> None:
        """Listen; return when clients can connect.

        :raises BadOption: the address cannot be had
        """
        allow_open_files(self._connections + OTHER_FILES_COUNT)
        listening = self._bind()
        self.port = listening.getsockname()[1]
        self._task = asyncio.create_task(
            self._server.serve(sockets=[listening]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise errors.LedgerError('The HTTP server ended at start.')
            await asyncio.sleep(0.005)
        if self._context is not None:
            self._fresh = asyncio.create_task(self._keep_fresh(self._context))
        LOG.info('Listening at %s', self.url)

    @staticmethod
    async def _keep_fresh(context: Context) -> None:
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            context.refresh()

    def _bind(self) -> socket.socket:
        try:
            family = (socket.AF_INET6 if ':' in self._host
                      else socket.AF_INET)
            listening = socket.create_server(
                (self._host, self._port), family=family,
                backlog=_BACKLOG_COUNT)
        except OSError as error:
            raise conf_module.bad(
                'port', self._group,
                f'{self._host}:{self._port}: {error.strerror or error}'
                ) from error
        listening.setblocking(False)
        return listening

    async def stop(self) -> None:
        """Take no more connections; return when those open have ended."""
        if self._fresh is not None:
            self._fresh.cancel()
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
