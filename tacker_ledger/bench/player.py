# SPDX-License-Identifier: Apache-2.0
"""Clients in a process of their own, so that their cost is seen apart."""

import asyncio
from collections.abc import Callable
from collections.abc import Coroutine
import multiprocessing
import traceback
from typing import Any
from typing import TypeVar

import uvloop

from tacker_ledger.core import errors

_J = TypeVar('_J')
_D = TypeVar('_D')


def run_loop(clients: Coroutine[Any, Any, None], *, polls: bool = False
             ) -> None:
    """Run a coroutine to its end in the loop that nodes use, too.

    :param polls: never sleep.  On a virtual machine whoever sends to a
        sleeping process pays for waking its processor, some fifty
        microseconds that no node spends on an answer to a real network
    """
    uvloop.run(_polling(clients) if polls else clients)


async def _polling(clients: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(clients)
    while not task.done():  # noqa: ASYNC110 - the loop has to stay awake
        await asyncio.sleep(0)
    await task


def _main(work: Callable[[_J], _D], job: _J, results: Any) -> None:
    try:
        done: Any = True, work(job)
    except (errors.LedgerError, OSError, asyncio.IncompleteReadError):
        done = False, traceback.format_exc(limit=3)
    results.send(done)


def play(work: Callable[[_J], _D], job: _J) -> _D:
    """Return what ``work(job)`` returns in a new process.

    :raises LedgerError: it failed there
    """
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_main, args=(work, job, theirs))
    process.start()
    theirs.close()
    try:
        good, done = ours.recv()
    except EOFError:
        good, done = False, 'they ended without a word'
    finally:
        ours.close()
        process.join()
    if not good:
        raise errors.LedgerError(f'The clients failed: {done}')
    result: _D = done
    return result
