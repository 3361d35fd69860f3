# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-node``: one member of the federation, doors included.

Ends with status 0 after SIGTERM or SIGINT, with status 1 and one line
``error: <code>: <message>`` when it cannot start.
"""

import asyncio
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import functools
import gc
import signal
import sys
from typing import Any

from oslo_log import log as logging
import uvloop

from tacker_ledger.api import answers
from tacker_ledger.api import door
from tacker_ledger.api import operator_door
from tacker_ledger import conf as conf_module
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger import messaging
from tacker_ledger.node import broker
from tacker_ledger.node import identity
from tacker_ledger.node import indexing
from tacker_ledger.node import notices
from tacker_ledger.node import recovery
from tacker_ledger.node import rpc
from tacker_ledger.node import service
from tacker_ledger import version

LOG = logging.getLogger(__name__)

PROG = 'tacker-ledger-node'
#: Reading LMDB gives the interpreter away; the indexer should not keep it.
SWITCH_SECONDS = 0.0005
#: New objects, and rounds of the younger generations, before a collection
#: looks at what is left: transactions that wait make no cycles, and looking
#: at thousands of them every 700 objects takes a tenth of the time.
GC_THRESHOLDS = (10_000, 20, 20)


async def serve(conf: Any) -> None:
    """Run a node with its doors until a signal ends it.

    A node that its disk has stopped is replaced, in this process, by a new
    one as soon as the disk is back; one that has met damage, at once.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    own = identity.load(conf)
    with contextlib.ExitStack() as stack:
        told = _sink(conf, own, stack)
        node: service.Node | None = service.Node(conf, own, told=told)
        mended = False
        while node is not None:
            damaged = await _serve_one(node, conf, ended, mended)
            if damaged is None:
                return
            mended = mended or damaged
            ongoing = node.watch.ongoing()
            node = None
            gc.unfreeze()
            gc.collect()
            node = await _start_over(conf, told, ended)
            if node is not None:
                node.watch.resume(ongoing)


def _sink(conf: Any, own: identity.NodeIdentity,
          stack: contextlib.ExitStack) -> notices.Sink:
    """Return where notifications go; what is started ends with the stack."""
    if not messaging.sends_notifications(conf):
        return notices.LogSink()
    notifier = messaging.Notifier(conf, own.name)
    notifier.start()
    stack.callback(notifier.stop)
    return broker.BrokerSink(notifier)


async def _serve_one(node: service.Node, conf: Any, ended: asyncio.Event,
                     mended: bool) -> bool | None:
    """Run one node; return why another one should follow, if so.

    :returns: ``recovery.has_to_start_over``; None: none should
    """
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGHUP, node.membership.reload)
    why = None
    starting = asyncio.create_task(_start(node, conf))
    stopping = asyncio.create_task(ended.wait())
    mending = asyncio.create_task(
        recovery.has_to_start_over(node.voting, node.store, mended))
    await asyncio.wait((starting, stopping),
                       return_when=asyncio.FIRST_COMPLETED)
    try:
        if starting.done():
            async with starting.result():
                # what is there now stays: collections need not look at it
                gc.freeze()
                await asyncio.wait((stopping, mending),
                                   return_when=asyncio.FIRST_COMPLETED)
                if mending.done():
                    why = mending.result()
                node.refuse()
        else:
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
    finally:
        stopping.cancel()
        mending.cancel()
        await node.stop()
    return None if ended.is_set() else why


async def _start_over(conf: Any, told: notices.Sink, ended: asyncio.Event
                      ) -> service.Node | None:
    """Return a new node over what the disk holds; None if all ends."""
    while not ended.is_set():
        try:
            recovery.forget_cached(conf.node.data_directory)
            return service.Node(conf, identity.load(conf), told=told)
        except errors.StorageFailed as error:
            LOG.error('The store cannot be opened yet: %s', error.message)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(recovery.PAUSE_MAX_SECONDS):
                await ended.wait()
    return None


async def _start(node: service.Node, conf: Any
                 ) -> contextlib.AsyncExitStack:
    """Start the node, then what serves; return how to stop what serves."""
    # made first, so that a wrong option of theirs stops the start
    doors = list(_doors(node, conf))
    await node.start()
    async with contextlib.AsyncExitStack() as stack:
        if messaging.is_configured(conf):
            server = rpc.NodeServer(conf, node.facade, node.query,
                                    asyncio.get_running_loop())
            await asyncio.to_thread(server.start)
            stack.push_async_callback(asyncio.to_thread, server.stop)
        for served in doors:
            stack.push_async_callback(served.stop)
            await served.start()
        return stack.pop_all()
    raise AssertionError('unreachable')


def _doors(node: service.Node, conf: Any
           ) -> Iterator[door.Door | operator_door.OperatorDoor]:
    """Yield the doors of this process; they listen when started."""
    seeds = functools.partial(identity.answer_seeds, conf)
    yield door.Door(conf, node.facade, node.query,
                    answers.Signer(seeds()[0], reread=seeds),
                    node.query.federation)
    if conf.operator.enabled:
        yield operator_door.OperatorDoor(conf, node.facade)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node; return the exit status."""
    try:
        conf = conf_module.make_conf(
            sys.argv[1:] if argv is None else argv, prog=PROG,
            version=version.version_string(),
            register=(logging.register_options,
                      indexing.register_options,
                      messaging.register_options))
        logging.setup(conf, 'tacker_ledger')
        providers.use('cryptography')
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.set_threshold(*GC_THRESHOLDS)
        uvloop.run(serve(conf))
    except errors.LedgerError as error:
        print(f'error: {error.code}: {error.message}', file=sys.stderr)
        return 1
    finally:
        # the process ends: nobody needs its memory sorted
        gc.freeze()
        gc.disable()
    return 0


if __name__ == '__main__':
    sys.exit(main())
