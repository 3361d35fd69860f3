# SPDX-License-Identifier: Apache-2.0
"""The door for tenants and VNFs: HTTPS inside the loop of a process.

Writers are known by the signatures of their transactions and reading is
open, as S0's ledger is: nobody logs in, which would undo the anonymity.
The route table is :data:`ROUTES`; each handler is thin.
"""

from collections.abc import Callable
import concurrent.futures
import time
from typing import Any

import falcon
import falcon.asgi
from oslo_log import log as logging

from tacker_ledger.api import answers
from tacker_ledger.api import budget
from tacker_ledger.api import errors as api_errors
from tacker_ledger.api.handlers import base
from tacker_ledger.api.handlers import blocks
from tacker_ledger.api.handlers import federation as federation_handler
from tacker_ledger.api.handlers import head
from tacker_ledger.api.handlers import histories
from tacker_ledger.api.handlers import search
from tacker_ledger.api.handlers import state
from tacker_ledger.api.handlers import status
from tacker_ledger.api.handlers import transactions
from tacker_ledger.api import http_protocol
from tacker_ledger.api import listening
from tacker_ledger.api import microversion
from tacker_ledger.api import ratelimit
from tacker_ledger.api import waiters
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.node import query
from tacker_ledger.node import submit

LOG = logging.getLogger(__name__)

INCOMING_MAX_BYTES = 256 * 1024 * 1024
OUTGOING_MAX_BYTES = 256 * 1024 * 1024
_THREADS = 2
#: Where the ASGI receive function is put for those who watch for the end.
_RECEIVE = 'tacker_ledger.receive'

#: Path template -> resource.
ROUTES: tuple[tuple[str, type[base.Resource]], ...] = (
    ('/', status.Versions),
    ('/healthcheck', status.Health),
    ('/v1/openapi.json', status.Description),
    ('/v1/status', status.Status),
    ('/v1/head', head.Head),
    ('/v1/state', state.State),
    ('/v1/histories/{state_key}', histories.History),
    ('/v1/transactions', transactions.Transactions),
    ('/v1/transactions/{txid}', transactions.Transaction),
    ('/v1/transactions/{txid}/fate', transactions.Fate),
    ('/v1/blocks/{height}', blocks.Block),
    ('/v1/federation', federation_handler.Federation),
    ('/v1/search', search.Search),
)


class _Entrance:
    """Middleware: who asks, how often, in which version."""

    def __init__(self, context: base.Context) -> None:
        self._context = context

    async def process_request(self, req: Any, resp: Any) -> None:
        scope = req.scope
        context = self._context
        client = scope.get('client')
        address = context.addresses.client(
            client[0] if client else '', req.get_header('X-Forwarded-For'))
        req.context.address = address
        req.context.group = group = context.addresses.group(address)
        req.context.now = now = time.monotonic()
        req.context.gone = _Gone(scope[_RECEIVE])
        if scope['method'] == 'POST':
            context.limiter.write(group, now)
        else:
            context.limiter.read(group, now)
        req.context.version = microversion.negotiate(
            req.get_header(microversion.HEADER), resp)


class _Unread:
    """Lets a request be judged before anything of its body is there.

    Falcon asks for the first part of a body before it looks at the rest of
    a request, so a client that announces a body and sends none would be
    neither refused nor bounded in time.
    """

    __slots__ = ('_receive', '_event')

    def __init__(self, receive: Callable[[], Any], has_body: bool) -> None:
        self._receive = receive
        self._event: dict[str, Any] | None = {
            'type': 'http.request', 'body': b'', 'more_body': has_body}

    async def __call__(self) -> Any:
        event, self._event = self._event, None
        return event or await self._receive()


class _Gone:
    """A coroutine function that returns when the client has gone."""

    __slots__ = ('_receive',)

    def __init__(self, receive: Callable[[], Any]) -> None:
        self._receive = receive

    async def __call__(self) -> None:
        while True:
            event = await self._receive()
            # who waits has nothing to send: a body here is no client's
            if event['type'] != 'http.request' or event.get('body'):
                return


async def _on_ledger_error(_req: Any, resp: Any, error: errors.LedgerError,
                           _params: Any) -> None:
    if type(error) is errors.LedgerError:
        LOG.error('Internal fault: %s', error)
    if error.details.get('size', 0) and error.http_status == 413:
        # what follows is not worth reading
        resp.set_header('Connection', 'close')
    api_errors.write(resp, error)


async def _on_http_error(_req: Any, resp: Any, error: falcon.HTTPError,
                         _params: Any) -> None:
    api_errors.write_http(resp, error)


async def _on_fault(req: Any, resp: Any, error: Exception,
                    _params: Any) -> None:
    api_errors.write_unexpected(resp, error, req.method, req.path)


def make_application(context: base.Context) -> Callable[..., Any]:
    """Return the ASGI application of the door."""
    app = falcon.asgi.App(middleware=[_Entrance(context)])
    app.add_error_handler(Exception, _on_fault)
    app.add_error_handler(falcon.HTTPError, _on_http_error)
    app.add_error_handler(errors.LedgerError, _on_ledger_error)
    for template, resource in ROUTES:
        app.add_route(template, resource(context))

    async def application(scope: dict[str, Any], receive: Any,
                          send: Any) -> None:
        scope[_RECEIVE] = receive
        await app(scope, _at_once(receive), send)

    return application


def _at_once(receive: Callable[[], Any]) -> Callable[[], Any]:
    """Return a receive function whose first event is there already.

    Falcon awaits the first event before anything else: a client that
    announces a body and sends none would wait for ever, without a look at
    what it announces and out of reach of every timeout.
    """
    begun = False

    async def receive_at_once() -> Any:
        nonlocal begun
        if begun:
            return await receive()
        begun = True
        return {'type': 'http.request', 'body': b'', 'more_body': True}

    return receive_at_once


class Door:
    """The door of one process.

    :param conf: with groups ``door`` and ``node``
    :param facade: the node, in this process or another one
    :param reader: the chain
    :param signer: of the member's answers
    :param federation: returns the federation in force
    :raises BadOption: an option is not allowed; the message names it
    """

    def __init__(self, conf: Any, facade: submit.NodeFacade,
                 reader: query.Reader, signer: answers.Signer,
                 federation: Callable[[], federation_module.Federation]
                 ) -> None:
        options = conf.door
        listening.check_plain_http('door', options)
        context = None
        if not options.plain_http:
            context = listening.tls_context(
                'door', options.certificate_file or conf.node.certificate_file,
                options.key_file or conf.node.node_key_file)
        self._facade = facade
        self._waiters = waiters.Waiters(options.waiters_max,
                                        options.waiters_per_address_max)
        self._threads = concurrent.futures.ThreadPoolExecutor(
            _THREADS, thread_name_prefix='door')
        self.context = base.Context(
            options=options, reader=reader, facade=facade,
            federation=federation,
            answerer=answers.Answerer(signer, reader, federation,
                                      lambda: facade.identity),
            waiters=self._waiters, limiter=ratelimit.Limiter(options),
            addresses=ratelimit.Addresses(options.trusted_proxies),
            threads=self._threads, incoming=budget.Budget(INCOMING_MAX_BYTES),
            outgoing=budget.Budget(OUTGOING_MAX_BYTES))
        self._listener = listening.Listener(
            make_application(self.context), 'door', options, context,
            http_protocol.Bounds(options.connections_max,
                                 options.receive_timeout_seconds),
            options.keep_alive_seconds)
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        """Where the door listens, once it does."""
        return self._listener.url

    async def start(self) -> None:
        """Listen; return when clients can connect.

        :raises BadOption: the address cannot be had
        """
        self._unsubscribe = self._facade.subscribe(self._on_head)
        await self._listener.start()

    async def stop(self) -> None:
        """Let waiting clients go, end requests in flight, close."""
        self._unsubscribe()
        self._waiters.close()
        await self._listener.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _on_head(self, event: submit.HeadEvent) -> None:
        self._waiters.wake(event.changed | event.txids if event.complete
                           else None)
