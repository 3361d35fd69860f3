# SPDX-License-Identifier: Apache-2.0
"""Starts nodes a hundred times without paying for their imports each time.

A node needs more than a second of CPU to import what it is made of; a test
that kills a hundred of them would do little else.  The nursery is a process
that has imported it all, runs no thread and no loop, and forks: the child
enters its network namespace and calls the ``main`` of its program with its
command line.  Children die with the nursery, the nursery with its maker.
"""

import atexit
import contextlib
import ctypes
import functools
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
from typing import Any

from tacker_ledger.tests import base
from tacker_ledger.tests.functional.faults import namespaces

NODE = 'tacker_ledger.cmd.node'
BYZANTINE = 'tacker_ledger.tests.functional.faults.byzantine_node'
_PR_SET_PDEATHSIG = 1


class Nursery:
    """The test's end: asks for children and knows what became of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, '-m', __name__], cwd=base.CHECKOUT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True)
        self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError('the nursery has ended')
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, **request: Any) -> dict[str, Any]:
        """Return the answer to a request."""
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + '\n')
            self._process.stdin.flush()
            return self._answer()

    def close(self) -> None:
        """End the nursery and all its children."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(30)


class Child:
    """A forked node, used as a ``subprocess.Popen`` is."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery = nursery
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        if self.returncode is None:
            self.returncode = self._nursery.ask(poll=self.pid)['status']
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Return the exit status once it has ended.

        :raises TimeoutExpired: it goes on
        """
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired('node', timeout)
            time.sleep(0.005)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


@functools.cache
def nursery() -> Nursery:
    """Return the nursery of this process."""
    made = Nursery()
    atexit.register(made.close)
    return made


def spawn(program: str, config_file: str, log_file: str,
          namespace: str) -> Child:
    """Start a program for a member inside a network namespace.

    :param program: ``NODE`` or ``BYZANTINE``
    """
    found = nursery().ask(program=program, config_file=config_file,
                          log_file=log_file, namespace=namespace)
    return Child(nursery(), found['pid'])


# The nursery's own end

class _Parent:
    def __init__(self) -> None:
        self._children: set[int] = set()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if 'poll' in request:
            return {'status': self._status(request['poll'])}
        pid = os.fork()
        if not pid:
            _become(**request)
        self._children.add(pid)
        return {'pid': pid}

    def _status(self, pid: int) -> int | None:
        if pid not in self._children:
            return -1
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            return None
        self._children.discard(pid)
        return os.waitstatus_to_exitcode(status)

    def end(self) -> None:
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)


def _become(program: str, config_file: str, log_file: str,
            namespace: str) -> None:
    """Be a node; never return."""
    status = 1
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with open(log_file, 'ab') as log, open(os.devnull, 'rb') as nothing:
            os.dup2(nothing.fileno(), 0)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        # no child draws what another draws
        random.seed()
        namespaces.enter(namespace)
        status = importlib.import_module(program).main(
            ['--config-file', config_file])
    except BaseException:  # noqa: BLE001 - a fork must not return
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> int:
    """Fork what is asked for, line by line, until the input ends."""
    for program in (NODE, BYZANTINE):
        importlib.import_module(program)
    parent = _Parent()
    print(json.dumps({}), flush=True)
    try:
        for line in sys.stdin:
            print(json.dumps(parent.answer(json.loads(line))), flush=True)
    finally:
        parent.end()
    return 0


if __name__ == '__main__':
    sys.exit(main())
