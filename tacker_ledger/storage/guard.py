# SPDX-License-Identifier: Apache-2.0
"""Reading what may be damaged, in a process that may die of it.

LMDB trusts its pages: a damaged one can end the process that walks over it
by a signal.  So doubtful files are walked in a forked child, which says
what it found through a pipe.  A child that dies without a word has found
damage too.  The child ends with its parent: it holds the lock of the data
directory, and the next process of the member must not wait for it.
"""

from collections.abc import Callable
import ctypes
import json
import os
import resource
import signal
from typing import Any

from tacker_ledger.core import errors

_CHUNK_BYTES = 65536
_PR_SET_PDEATHSIG = 1


def run(function: Callable[[], Any]) -> Any:
    """Call a function in a child process; return what it returns.

    The child inherits memory, but no thread: the function must open what it
    needs, and must not log.

    :param function: its result has to be something that JSON can carry
    :raises LedgerError: what the function raised
    :raises CorruptStore: the child was ended by a signal
    """
    source, sink = os.pipe()
    own = os.getpid()
    child = os.fork()
    if not child:
        _child(function, source, sink, own)
    os.close(sink)
    said = b''
    with open(source, 'rb', buffering=0) as pipe:
        while part := pipe.read(_CHUNK_BYTES):
            said += part
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) or not said:
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        name = signal.Signals(number).name if number else 'no word'
        raise errors.CorruptStore(
            f'Reading the database ended a process by {name}.',
            signal=name)
    answer = json.loads(said)
    if 'error' in answer:
        raise errors.from_dict(answer['error'])
    return answer['result']


def _child(function: Callable[[], Any], source: int, sink: int,
           parent: int) -> None:
    """Never returns."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(status)  # it was faster
        os.close(source)
        # a signal for the child must not wake the parent's event loop
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            answer = {'result': function()}
        except errors.LedgerError as error:
            answer = {'error': error.to_dict()}
        except Exception as error:  # noqa: BLE001 - named by the parent
            answer = {'error': {
                'code': errors.CorruptStore.code,
                'message': f'{type(error).__name__}: {error}'}}
        with open(sink, 'wb', buffering=0) as pipe:
            data = json.dumps(answer).encode()
            while data:
                data = data[pipe.write(data):]
        status = 0
    finally:
        os._exit(status)
