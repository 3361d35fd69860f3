# SPDX-License-Identifier: Apache-2.0
"""HTTP requests which end in time and in memory, whatever the server does.

A node may be an enemy: it may drip one byte a second, send without end,
redirect, compress a bomb or set a cookie.  A :class:`Connection` bounds the
whole call with one deadline (each operation of a socket gets what is left
of it, so a slow drip gains nothing), bounds the bytes of the answer, takes
no redirect, no cookie, no compression, and nothing from the environment:
no proxy, no ``.netrc``, no authorities beside the pinned ones.

Only the resolving of a host name is outside the deadline: it is bounded by
the system's resolver.  Addresses of nodes are numbers as a rule.
"""

from collections.abc import Iterator
import contextlib
import contextvars
import dataclasses
import http.client
import http.cookiejar
import io
import socket
import ssl
import time
from typing import Any
import urllib.parse

import requests
from requests import adapters
import urllib3
from urllib3 import connection
from urllib3 import connectionpool
from urllib3 import exceptions

from tacker_ledger.core.configuration import bootstrap
from tacker_ledger.core import errors

_PIECE_BYTES = 64 * 1024
_USER_AGENT = 'tacker-ledger'

#: When the current call must have ended, in seconds of the monotonic clock.
_ends: contextvars.ContextVar[float | None] = contextvars.ContextVar(
    'tacker_ledger_call_ends', default=None)


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Bound all that our sockets do inside the block, taken together."""
    token = _ends.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(token)


def _left_seconds() -> float:
    ends = _ends.get()
    if ends is None:
        raise TimeoutError('a socket is used outside of a call')
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError('the call has run out of time')
    return left


class _Deadlined:
    """Gives each operation of a socket what is left of the call."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_left_seconds())  # type: ignore[attr-defined]
        return super().recv_into(*args, **kwargs)  # type: ignore[misc]

    def recv(self, *args: Any, **kwargs: Any) -> bytes:
        self.settimeout(_left_seconds())  # type: ignore[attr-defined]
        return super().recv(*args, **kwargs)  # type: ignore[misc]

    def send(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_left_seconds())  # type: ignore[attr-defined]
        return super().send(*args, **kwargs)  # type: ignore[misc]

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(_left_seconds())  # type: ignore[attr-defined]
        super().sendall(*args, **kwargs)  # type: ignore[misc]


class _PlainSocket(_Deadlined, socket.socket):
    pass


class _TLSSocket(_Deadlined, ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(_left_seconds())
        super().do_handshake(block)


class _Connecting:
    """Makes our kind of sockets for a connection of urllib3."""

    timeout: Any

    def _new_conn(self) -> socket.socket:
        self.timeout = _left_seconds()
        made = super()._new_conn()  # type: ignore[misc]
        return _PlainSocket(made.family, made.type, made.proto,
                            fileno=made.detach())


class _HTTPConnection(_Connecting, connection.HTTPConnection):
    pass


class _HTTPSConnection(_Connecting, connection.HTTPSConnection):
    pass


class _HTTPPool(connectionpool.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(connectionpool.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


def tls_context(ca_pem: str | None) -> ssl.SSLContext:
    """Return a context for TLS 1.3 towards a node.

    :param ca_pem: certificates (PEM) of the only authorities to believe;
        None: those of the system
    :raises BadOption: the text holds no certificate
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.sslsocket_class = _TLSSocket
    try:
        if ca_pem is None:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        else:
            context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError) as error:
        raise errors.BadOption(
            'The certificate of the federation CA is not readable.',
            option='ca') from error
    return context


class _Adapter(adapters.HTTPAdapter):
    """Keeps requests from adding authorities or proxies of its own."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=4, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int,
                         block: bool = False, **kwargs: Any) -> None:
        if self._context is not None:
            kwargs['ssl_context'] = self._context
            kwargs['cert_reqs'] = 'CERT_REQUIRED'
        self.poolmanager = urllib3.PoolManager(
            num_pools=connections, maxsize=maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            'http': _HTTPPool, 'https': _HTTPSPool}

    def get_connection_with_tls_context(self, request: Any, verify: Any,
                                        proxies: Any = None,
                                        cert: Any = None) -> Any:
        return self.poolmanager.connection_from_url(request.url)

    def cert_verify(self, conn: Any, url: str, verify: Any,
                    cert: Any) -> None:
        """Do nothing: the context was made with all it may believe."""


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """What came back.

    :param media_type: lower case, without parameters
    :param retry_after_seconds: 0 if the server named none
    """

    status: int
    media_type: str
    retry_after_seconds: float
    content: bytes


class Connection:
    """A kept-alive connection to one node.

    Calls may come from several threads; each has its own socket.

    :param url: of the door, without a path: ``https://host:port``; plain
        HTTP for loopback only
    :param ca_pem: see :func:`tls_context`
    :raises BadDocument: the URL is none of a door
    """

    def __init__(self, url: str, ca_pem: str | None = None) -> None:
        self._url = bootstrap.check_url('url', url)
        context = (tls_context(ca_pem) if self._url.startswith('https:')
                   else None)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers = requests.structures.CaseInsensitiveDict({
            'User-Agent': _USER_AGENT, 'Accept-Encoding': 'identity'})
        self._session.cookies.set_policy(
            http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        for scheme in list(self._session.adapters):
            del self._session.adapters[scheme]
        self._session.mount(f'{urllib.parse.urlsplit(self._url).scheme}://',
                            _Adapter(context))

    def close(self) -> None:
        """Give the sockets back."""
        self._session.close()

    def request(self, method: str, target: str, *, accept: str,
                body: bytes = b'', body_type: str = '', version: str = '',
                timeout_seconds: float, max_bytes: int) -> Response:
        """Send one request and return what came back.

        :param target: path and query, exactly as they are to be sent
        :param accept: media types to ask for
        :param version: microversion to be answered in
        :param timeout_seconds: for everything, from connecting to the last
            byte
        :param max_bytes: bound on the answer's body
        :raises Timeout: it was not all there in time
        :raises NoNode: no connection, or it broke
        :raises TooLarge: the body is over the bound
        :raises BadAnswer: a redirect, a compressed body, or no HTTP
        """
        headers = {'Accept': accept}
        if body_type:
            headers['Content-Type'] = body_type
        if version:
            headers['OpenStack-API-Version'] = f'vnf-ledger {version}'
        prepared = self._session.prepare_request(requests.Request(
            method, self._url + target, headers=headers, data=body or None))
        if prepared.path_url != target:
            raise errors.BadOption('The target is not in its normal form.',
                                   target=target)
        with deadline(timeout_seconds):
            try:
                try:
                    return self._send(prepared, max_bytes)
                except requests.ConnectionError as error:
                    # A kept connection which the node had just closed.
                    if not _broke(error):
                        raise
                    return self._send(prepared, max_bytes)
            except (requests.RequestException, exceptions.HTTPError,
                    http.client.HTTPException, OSError,
                    ValueError) as error:
                raise self._mapped(error) from error

    def _send(self, prepared: requests.PreparedRequest,
              max_bytes: int) -> Response:
        response = self._session.send(
            prepared, stream=True, allow_redirects=False,
            timeout=_left_seconds())
        try:
            content = self._read(response, max_bytes)
        except BaseException:
            response.close()
            raise
        return Response(
            response.status_code,
            response.headers.get('Content-Type', '').partition(
                ';')[0].strip().lower(),
            _seconds(response.headers.get('Retry-After')), content)

    def _read(self, response: requests.Response, max_bytes: int) -> bytes:
        if 300 <= response.status_code < 400:
            raise errors.BadAnswer('The node answered with a redirect.',
                                   url=self._url)
        encoding = response.headers.get('Content-Encoding', 'identity')
        if encoding.strip().lower() != 'identity':
            raise errors.BadAnswer('The node compressed its answer.',
                                   url=self._url)
        announced = response.headers.get('Content-Length', '')
        if announced.isdecimal() and int(announced[:20]) > max_bytes:
            raise self._too_large(max_bytes)
        content = io.BytesIO()
        while piece := response.raw.read(_PIECE_BYTES, decode_content=False):
            content.write(piece)
            if content.tell() > max_bytes:
                raise self._too_large(max_bytes)
        if announced.isdecimal() and content.tell() < int(announced[:20]):
            raise http.client.IncompleteRead(content.getvalue())
        return content.getvalue()

    def _too_large(self, max_bytes: int) -> errors.TooLarge:
        return errors.TooLarge(
            f'The answer of {self._url} has more than {max_bytes} bytes.',
            url=self._url, limit=max_bytes)

    def _mapped(self, error: Exception) -> errors.LedgerError:
        try:
            _left_seconds()
        except TimeoutError:
            return errors.Timeout(f'{self._url} did not answer in time.',
                                  url=self._url)
        if isinstance(error, TimeoutError | requests.Timeout):
            return errors.Timeout(f'{self._url} did not answer in time.',
                                  url=self._url)
        if isinstance(error, ValueError) and not isinstance(error, OSError):
            return errors.BadAnswer(f'{self._url} does not speak HTTP.',
                                    url=self._url)
        reason = _reason(error)
        return errors.NoNode(f'{self._url} is not to be reached: {reason}',
                             url=self._url, reason=reason)


def _broke(error: requests.ConnectionError) -> bool:
    """Return whether an established connection ended before an answer."""
    return bool(error.args) and isinstance(error.args[0],
                                           exceptions.ProtocolError)


def _reason(error: BaseException) -> str:
    """Return the innermost reason, short: the outer ones repeat the URL."""
    seen = 0
    while seen < 8:
        inner = getattr(error, 'reason', None)
        if not isinstance(inner, BaseException):
            inner = next((arg for arg in error.args
                          if isinstance(arg, BaseException)), None)
        if inner is None:
            break
        error = inner
        seen += 1
    return printable(f'{type(error).__name__}: {error}'[:300])


def printable(text: str) -> str:
    """Return text from a stranger without what could drive a terminal."""
    return ''.join(sign if sign.isprintable() else '?' for sign in text)


def _seconds(text: str | None) -> float:
    """Return the seconds of a Retry-After header, bounded; 0 without."""
    if text is None or not text.isdecimal() or len(text) > 6:
        return 0.0
    return float(text)
