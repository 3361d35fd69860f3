# SPDX-License-Identifier: Apache-2.0
"""RPC and notifications inside the cloud: topics, versions, clients.

Services of the cloud talk to a node over oslo.messaging (topic
``tacker_ledger.node``).  Where no ``transport_url`` is set nothing of this
is used: a door inside the node's process calls the façade itself.

Bytes travel as hexadecimal (ids) or base64 (submissions).  A refusal comes
back as the error it is, with its stable code.

Notifications go to the topics of ``[oslo_messaging_notifications]``, as those
of other services do; what they say is the business of who sends them.

Queues (:class:`QueueClient`, :class:`QueueServer`) hand work from one service
to the next: their names are the topics themselves.
"""

import base64
from collections.abc import Callable
from collections.abc import Sequence
import queue
import threading
from typing import Any
import warnings

from oslo_config import cfg
from oslo_log import log as logging
from oslo_service import backend

# oslo.messaging imports oslo.service, which would take eventlet where
# nobody has chosen; a process that has chosen keeps its choice.
backend.register_backend_default_hook(
    lambda: backend.BackendType.THREADING)
# Where eventlet is installed, futurist imports it and it complains; here
# nothing uses it.
warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')

from kombu import exceptions as kombu_exceptions  # noqa: E402
import oslo_messaging  # noqa: E402
from oslo_messaging._metrics import client as _metrics  # noqa: E402
from oslo_messaging import opts as messaging_opts  # noqa: E402
try:
    from oslo_messaging._tracing import client as _tracing
except ImportError:
    # older releases trace nothing
    _tracing = None

from tacker_ledger.core import errors  # noqa: E402

LOG = logging.getLogger(__name__)

NODE_TOPIC = 'tacker_ledger.node'
NODE_VERSION = '1.0'
#: Named before the member in the publisher's id.
PUBLISHER = 'tacker-ledger-node'
_NOTIFICATIONS = 'oslo_messaging_notifications'
_NOTIFICATIONS_MAX_COUNT = 1_000
_NOTIFICATION_RETRIES = 2
_STOP_SECONDS = 5.0
QUEUE_VERSION = '1.0'
#: S1's queues, between publisher, validator and client.
TRANSACTIONS_QUEUE = 'transactions'
OP_RETURN_QUEUE = 'op_return_hashes'
VALIDATION_QUEUE = 'validation_messages'
#: Checkpoint records of other hosts, for a publisher.
CHECKPOINTS_QUEUE = 'checkpoints'
#: The driver lets errors of the library below it through.
_BROKER_ERRORS = (oslo_messaging.MessagingException, OSError,
                  kombu_exceptions.KombuError)
#: Its own: queues here are durable, and the exchange of other services, of
#: which there is one for a whole cloud, need not be.
_QUEUE_EXCHANGE = 'tacker-ledger-anchoring'
_QUEUE_METHOD = 'take'
_QUEUE_RETRIES = 2
_QUEUE_ANSWER_SECONDS = 15


def register_options(conf: Any) -> None:
    """Register all options of oslo.messaging.

    Its clients read two groups which it registers on the global object
    alone, so they are taken from where it defines them.
    """
    for group, options in messaging_opts.list_opts():
        conf.register_opts(list(options), group=group)
    for module, name in ((_metrics, 'oslo_messaging_metrics'),
                         (_tracing, 'oslo_messaging_tracing')):
        if module is not None:
            conf.register_opts(getattr(module, name), group=name)


def is_configured(conf: Any) -> bool:
    """Return whether the configuration names a broker."""
    location = conf.get_location('transport_url')
    return bool(location is not None
                and location.location != cfg.Locations.opt_default)


def _no_url(group: str) -> errors.BadOption:
    """Return the error; what parsers say may be a piece of the password."""
    return errors.BadOption(
        'Option transport_url is no URL; in user and password ":", "/" and '
        '"@" are written as %3A, %2F and %40', option='transport_url',
        group=group)


def get_transport(conf: Any) -> Any:
    """Return the RPC transport of a configuration.

    :raises BadOption: the URL is wrong or its driver is missing
    """
    register_options(conf)
    try:
        return oslo_messaging.get_rpc_transport(conf)
    except (oslo_messaging.InvalidTransportURL,
            oslo_messaging.DriverLoadFailure) as error:
        raise errors.BadOption(
            f'Option transport_url: {error}', option='transport_url',
            group='DEFAULT') from error
    except ValueError:
        raise _no_url('DEFAULT') from None


def sends_notifications(conf: Any) -> bool:
    """Return whether the configuration says where notifications go."""
    options = conf[_NOTIFICATIONS]
    return bool(is_configured(conf) or options.transport_url
                or options.driver)


def node_target(server: str | None = None) -> Any:
    """Return where a node listens.

    :param server: member name; None for any node
    """
    return oslo_messaging.Target(topic=NODE_TOPIC, version=NODE_VERSION,
                                 server=server)


class NodeClient:
    """Calls a node by RPC, blocking; a refusal raises its LedgerError.

    :param transport: of :func:`get_transport`
    :param server: member name; None for any node
    :param timeout_seconds: how long a call may take
    """

    def __init__(self, transport: Any, server: str | None = None,
                 timeout_seconds: float = 30.0) -> None:
        self._client = oslo_messaging.get_rpc_client(
            transport, oslo_messaging.Target(topic=NODE_TOPIC,
                                             version=NODE_VERSION))
        self._prepared = self._client.prepare(server=server,
                                              timeout=timeout_seconds)

    def _call(self, method: str, **arguments: Any) -> Any:
        try:
            reply = self._prepared.call({}, method, **arguments)
        except oslo_messaging.MessagingTimeout:
            raise errors.Timeout('No node answered by RPC.') from None
        except oslo_messaging.MessagingException as error:
            raise errors.NoNode(
                f'RPC failed: {type(error).__name__}') from error
        if 'error' in reply:
            raise errors.from_dict(reply['error'])
        return reply['result']

    def submit(self, submissions: Sequence[bytes],
               address: str | None = None) -> list[dict[str, Any]]:
        """Submit a batch.

        :returns: per submission ``txid`` (hex or None), ``code``,
            ``message``, ``details``; code is None when it was accepted
        """
        found: list[dict[str, Any]] = self._call(
            'submit', address=address, submissions=[
                base64.b64encode(submission).decode()
                for submission in submissions])
        return found

    def status(self) -> dict[str, Any]:
        """Return the node's status."""
        found: dict[str, Any] = self._call('status')
        return found

    def peers(self) -> list[dict[str, Any]]:
        """Return the other members as the node sees them."""
        found: list[dict[str, Any]] = self._call('peers')
        return found

    def usage(self) -> list[dict[str, Any]]:
        """Return disk use per sender."""
        found: list[dict[str, Any]] = self._call('usage')
        return found

    def enrol(self, key_id: bytes, label: str = '') -> dict[str, Any]:
        """Let a key write."""
        found: dict[str, Any] = self._call('enrol', key_id=key_id.hex(),
                                           label=label)
        return found

    def unenrol(self, key_id: bytes) -> None:
        """Take back an enrolment."""
        self._call('unenrol', key_id=key_id.hex())

    def enrolments(self) -> list[dict[str, Any]]:
        """Return all enrolments."""
        found: list[dict[str, Any]] = self._call('enrolments')
        return found

    def evidence(self) -> list[dict[str, Any]]:
        """Return kept proofs of members' faults."""
        found: list[dict[str, Any]] = self._call('evidence')
        return found

    def head(self) -> dict[str, Any]:
        """Return ``header`` and ``certificate`` (base64) of the head."""
        found: dict[str, Any] = self._call('head')
        return found

    def transaction(self, txid: bytes) -> dict[str, Any]:
        """Return a committed transaction, its place and head pair.

        :raises NotFound: it is in no block
        """
        found: dict[str, Any] = self._call('transaction', txid=txid.hex())
        return found

    def search(self, **conditions: Any) -> list[dict[str, Any]]:
        """Ask the node's index; not proven.

        :param conditions: those of ``node.query``'s search, ids as hex
        """
        found: list[dict[str, Any]] = self._call('search', **conditions)
        return found


class Notifier:
    """Sends notifications from a thread of its own.

    Whoever notifies never waits: what a broker that is away cannot take in
    time is dropped, and said so.

    :param conf: with all options registered; driver, topics and retries are
        those of ``[oslo_messaging_notifications]``, the driver
        ``messagingv2`` where it names none
    :param host: the member's name
    :raises BadOption: the transport URL is wrong or its driver is missing
    """

    def __init__(self, conf: Any, host: str) -> None:
        try:
            self._transport = oslo_messaging.get_notification_transport(conf)
        except (oslo_messaging.InvalidTransportURL,
                oslo_messaging.DriverLoadFailure) as error:
            raise errors.BadOption(
                f'Option transport_url: {error}', option='transport_url',
                group=_NOTIFICATIONS) from error
        except ValueError:
            raise _no_url(_NOTIFICATIONS) from None
        chosen = conf[_NOTIFICATIONS].driver
        self._notifier = oslo_messaging.Notifier(
            self._transport, publisher_id=f'{PUBLISHER}.{host}',
            driver=None if chosen else 'messagingv2',
            retry=_NOTIFICATION_RETRIES)
        self._queue: queue.Queue[tuple[str, dict[str, Any], bool] | None] = (
            queue.Queue(_NOTIFICATIONS_MAX_COUNT))
        self._dropped = 0
        self._thread = threading.Thread(
            target=self._run, name='notifications', daemon=True)

    def start(self) -> None:
        """Send from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Send what waits, as far as that takes no more than seconds."""
        try:
            self._queue.put(None, timeout=_STOP_SECONDS)
        except queue.Full:
            return  # the broker is away; the thread ends with the process
        self._thread.join(_STOP_SECONDS)
        if not self._thread.is_alive():
            self._transport.cleanup()

    def notify(self, event_type: str, payload: dict[str, Any], *,
               is_error: bool = False) -> None:
        """Send a notification when the broker takes it; returns at once."""
        try:
            self._queue.put_nowait((event_type, payload, is_error))
        except queue.Full:
            self._dropped += 1
            if self._dropped == 1:
                LOG.error('The broker takes no notifications: they are '
                          'dropped until it does')
        else:
            if self._dropped:
                LOG.warning('The broker takes notifications again, %s were '
                            'dropped', self._dropped)
                self._dropped = 0

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            event_type, payload, is_error = item
            try:
                (self._notifier.error if is_error else self._notifier.info)(
                    {}, event_type, payload)
            except Exception:
                LOG.exception('Notification %s is lost', event_type)


def _queue_target(queue: str, host: str | None = None) -> Any:
    return oslo_messaging.Target(
        exchange=_QUEUE_EXCHANGE, topic=queue, server=host,
        version=QUEUE_VERSION)


class QueueClient:
    """Puts messages into queues whose names are the topics themselves.

    A message waits in its queue while nobody listens.  A queue begins to
    exist when somebody listens for the first time.

    :param transport: of :func:`get_transport`
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._clients: dict[str, Any] = {}

    def _client(self, queue: str) -> Any:
        client = self._clients.get(queue)
        if client is None:
            client = self._clients[queue] = oslo_messaging.get_rpc_client(
                self._transport, _queue_target(queue),
                retry=_QUEUE_RETRIES, timeout=_QUEUE_ANSWER_SECONDS,
                transport_options=oslo_messaging.TransportOptions(
                    at_least_once=True))
        return client

    def hand_over(self, queue: str, message: dict[str, Any]) -> bool:
        """Wait until somebody has taken a message and kept it.

        :returns: whether somebody has
        """
        try:
            return bool(self._client(queue).call({}, _QUEUE_METHOD,
                                                 message=message))
        except _BROKER_ERRORS as error:
            LOG.warning('Nobody takes a message from %s: %s', queue,
                        type(error).__name__)
            return False

    def put(self, queue: str, message: dict[str, Any]) -> bool:
        """Put a message into a queue; return whether the broker has it.

        :param message: what JSON can carry
        """
        try:
            self._client(queue).cast({}, _QUEUE_METHOD, message=message)
        except oslo_messaging.MessageUndeliverable:
            LOG.debug('Nobody has listened to the queue %s yet', queue)
            return False
        except _BROKER_ERRORS as error:
            LOG.warning('The broker does not take a message for %s: %s',
                        queue, type(error).__name__)
            return False
        return True


class QueueServer:
    """Hands the messages of one queue to a function, one after the other.

    :param transport: of :func:`get_transport`
    :param queue: the queue's name
    :param host: whose listener this is; several hosts share the messages
    :param handle: called with each message, in a thread of the server; what
        it raises is logged, and the message is gone
    """

    def __init__(self, transport: Any, queue: str, host: str,
                 handle: Callable[[Any], None]) -> None:
        self._server = oslo_messaging.get_rpc_server(
            transport, _queue_target(queue, host),
            [_QueueEndpoint(queue, handle)], executor='threading')

    def start(self) -> None:
        """Listen from now on."""
        self._server.start()

    def stop(self) -> None:
        """Stop listening and wait for the message in hand."""
        self._server.stop()
        self._server.wait()


class _QueueEndpoint:
    """What oslo.messaging dispatches to."""

    target = oslo_messaging.Target(version=QUEUE_VERSION)

    def __init__(self, queue: str, handle: Callable[[Any], None]) -> None:
        self._queue = queue
        self._handle = handle
        self._lock = threading.Lock()

    def take(self, context: Any, message: Any = None) -> bool:
        """See :class:`QueueClient`; return whether it was taken."""
        with self._lock:
            try:
                self._handle(message)
            except Exception:
                LOG.exception('A message of the queue %s was not taken',
                              self._queue)
                return False
        return True
