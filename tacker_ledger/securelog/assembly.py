# SPDX-License-Identifier: Apache-2.0
"""Publisher and validator put together from their configuration."""

from collections.abc import Callable
import contextlib
import functools
import os
import secrets
import threading
import time
from typing import Any

from oslo_db import options as db_options
from oslo_log import log as logging
from stevedore import driver
from stevedore import exception as stevedore_exceptions

from tacker_ledger import conf as conf_module
from tacker_ledger import messaging
from tacker_ledger.securelog.anchor_drivers import base
from tacker_ledger.securelog.anchor_drivers import remote
from tacker_ledger.securelog.publisher import lease as lease_module
from tacker_ledger.securelog.publisher import provider
from tacker_ledger.securelog.publisher import searcher
from tacker_ledger.securelog.publisher import sender
from tacker_ledger.securelog import segments
from tacker_ledger.securelog import ticking
from tacker_ledger.securelog import trusted_keys
from tacker_ledger.securelog.validator import comparator
from tacker_ledger.securelog.validator import log_check
from tacker_ledger.securelog.validator import reader
from tacker_ledger.storage import anchor_verdicts
from tacker_ledger.storage import anchors

LOG = logging.getLogger(__name__)

ANCHORS = 'tacker_ledger.anchors'
#: Of oslo.db's options, those that make an engine.
_ENGINE_OPTIONS = (
    'sqlite_synchronous', 'mysql_sql_mode', 'connection_recycle_time',
    'max_pool_size', 'max_retries', 'retry_interval', 'max_overflow',
    'connection_debug', 'connection_trace', 'pool_timeout',
    'connection_parameters')


def register_options(conf: Any) -> None:
    """Register ``[database]`` and the options of oslo.messaging.

    Messages have to outlive the broker, so queues are durable by default.
    """
    conf.register_opts(db_options.database_opts, group='database')
    messaging.register_options(conf)
    conf.set_default('amqp_durable_queues', True,
                     group='oslo_messaging_rabbit')


def open_database(conf: Any) -> anchors.Anchors:
    """Return the database of ``[database]``, its schema up to date.

    :raises BadOption: the option is missing or cannot be used
    """
    if not conf.database.connection:
        raise conf_module.missing('connection', 'database')
    database = anchors.Anchors(conf.database.connection, **{
        name: conf.database[name] for name in _ENGINE_OPTIONS
        if name in conf.database})
    database.migrate()
    return database


def load_driver(name: str) -> Any:
    """Return the class of an anchor driver.

    :raises BadOption: there is none of that name
    """
    try:
        return driver.DriverManager(ANCHORS, name).driver
    except stevedore_exceptions.NoMatches:
        raise conf_module.bad(
            'drivers', 'publisher',
            f'{name!r} is not installed in {ANCHORS}') from None


def now_ms() -> int:
    """Return ms since 1970."""
    return time.time_ns() // 1_000_000


class _Parts(contextlib.ExitStack):
    """What a service consists of; stops all of it in reverse order."""

    def __init__(self, conf: Any) -> None:
        super().__init__()
        self.database = open_database(conf)
        self.callback(self.database.close)
        self.transport = None
        self.queue = None
        if messaging.is_configured(conf):
            self.transport = messaging.get_transport(conf)
            self.callback(self.transport.cleanup)
            self.queue = messaging.QueueClient(self.transport)

    def listen(self, queue: str, handle: Callable[[Any], None]) -> None:
        """Take the messages of a queue, where a broker is configured.

        Nothing waits for a broker that is away: work goes on without it,
        and the process can be stopped.
        """
        if self.transport is None:
            return
        server = messaging.QueueServer(self.transport, queue,
                                       segments.host_name(), handle)
        started = threading.Event()

        def start() -> None:
            server.start()
            started.set()

        threading.Thread(target=start, name=f'queue {queue}',
                         daemon=True).start()
        self.callback(lambda: server.stop() if started.is_set() else None)


def run_publisher(conf: Any) -> None:
    """Search, send and provide until a signal ends the process.

    :raises BadOption: an option is missing or cannot be used
    """
    options = conf.publisher
    keys = trusted_keys.TrustedKeys.load(options.log_key_files)
    host = segments.host_name()
    with _Parts(conf) as parts:
        if (options.take_remote or options.send_remote) and (
                parts.queue is None):
            raise conf_module.missing('transport_url', 'DEFAULT')
        lease = lease_module.Lease(
            parts.database, f'{host[:40]}-{os.getpid()}-'
            f'{secrets.token_hex(4)}', options.lease_seconds)
        parts.callback(lease.release)
        finds = searcher.Searcher(parts.database, options.log_files, keys,
                                  now_ms, host)
        steps: list[tuple[str, Callable[[], Any]]] = [
            ('checkpoint searcher', finds.step)]
        for one in _drivers(conf, parts.queue):
            steps += _driver_steps(parts, one, lease)
        ticker = ticking.Ticker(steps, options.search_interval_seconds)
        ticker.stop_at_signals()
        if options.take_remote:
            parts.listen(messaging.CHECKPOINTS_QUEUE, finds.take)
        LOG.info('The publisher has started')
        ticker.run()


def _drivers(conf: Any, queue: messaging.QueueClient | None
             ) -> list[base.Driver]:
    if conf.publisher.send_remote:
        assert queue is not None
        return [remote.RemoteDriver(queue)]
    return [load_driver(name)(conf) for name in conf.publisher.drivers]


def _driver_steps(parts: _Parts, one: base.Driver, lease: lease_module.Lease
                  ) -> list[tuple[str, Callable[[], Any]]]:
    """Return what is done for a driver, by the publisher that acts."""
    sends = sender.Sender(parts.database, one, lease, now_ms)
    steps: list[tuple[str, Callable[[], Any]]] = [
        (f'transaction sender for {one.name}',
         functools.partial(_leased, lease, sends.step))]
    if one.name != anchors.REMOTE:
        provides = provider.Provider(parts.database, one, lease, parts.queue)
        steps.append((f'transaction info provider for {one.name}',
                      functools.partial(_leased, lease, provides.step)))
    return steps


def _leased(lease: lease_module.Lease, step: Callable[[], None]) -> None:
    if lease.hold():
        step()


def run_validator(conf: Any) -> None:
    """Read and compare until a signal ends the process.

    :raises BadOption: an option is missing or cannot be used
    """
    options = conf.validator
    keys = trusted_keys.TrustedKeys.load(options.log_key_files)
    with _Parts(conf) as parts:
        verdicts = anchor_verdicts.Verdicts(parts.database)
        readers = {name: load_driver(name).reader(conf)
                   for name in options.drivers}
        reads = reader.Reader(verdicts, readers, now_ms, parts.queue)
        compares = comparator.Comparator(
            parts.database, verdicts, options.log_files, readers,
            log_check.LogCheck(keys), now_ms, parts.queue)
        ticker = ticking.Ticker(
            [('OP_RETURN reader', reads.step),
             ('checkpoint hash comparator', compares.step)],
            options.interval_seconds)
        ticker.stop_at_signals()
        parts.listen(messaging.TRANSACTIONS_QUEUE, ticker.wake)
        parts.listen(messaging.OP_RETURN_QUEUE, ticker.wake)
        LOG.info('The validator has started')
        ticker.run()
