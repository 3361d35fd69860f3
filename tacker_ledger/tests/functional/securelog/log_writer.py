# SPDX-License-Identifier: Apache-2.0
"""A service that logs: a process of its own for tests of the handler.

Run as ``python -m tacker_ledger.tests.functional.securelog.log_writer
DIRECTORY MODE [ARGUMENT ...]``; the log is ``DIRECTORY/service.log``, its
keys are in ``DIRECTORY/keys``.
"""

import logging
import os
import pathlib
import signal
import sys
import threading
import time

from tacker_ledger.securelog import handler

LOG = logging.getLogger('service')


def attach(directory: str, **options) -> handler.SecureLogHandler:
    """Let everything that is logged go into the secure log."""
    made = handler.SecureLogHandler(
        pathlib.Path(directory) / 'service.log',
        pathlib.Path(directory) / 'keys', **options)
    made.setFormatter(logging.Formatter(
        '%(asctime)s %(process)d %(levelname)s %(name)s %(message)s'))
    root = logging.getLogger()
    root.addHandler(made)
    root.setLevel(logging.DEBUG)
    return made


def lines(count: int, who: str = '') -> None:
    """Log so many lines."""
    for number in range(count):
        LOG.info('%s line %d', who, number)


def forks(count: int) -> None:
    """Log from a parent and three children at the same time."""
    lines(10, 'parent')
    children = []
    for child in range(3):
        pid = os.fork()
        if not pid:
            lines(count, f'child {child}')
            logging.shutdown()
            os._exit(0)
        children.append(pid)
    lines(count, 'parent')
    for pid in children:
        _, status = os.waitpid(pid, 0)
        if status:
            sys.exit(1)


def threads(count: int) -> None:
    """Log from eight threads, while the main one forks again and again."""
    workers = [threading.Thread(target=lines, args=(count, f'thread {one}'))
               for one in range(8)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        pid = os.fork()
        if not pid:
            lines(3, 'child')
            logging.shutdown()
            os._exit(0)
        os.waitpid(pid, 0)
    for worker in workers:
        worker.join()


def forever(pause_seconds: float) -> None:
    """Log until somebody ends this, by SIGTERM as services do."""
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    number = 0
    while True:
        LOG.info('line %d', number)
        number += 1
        time.sleep(pause_seconds)


def until_told(_: float) -> None:
    """Log until SIGTERM, and leave as services do; signals log as well."""
    def leave(number, frame):
        # at the end of an interpreter this signal would kill
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        LOG.warning('told to end by signal %d', number)
        raise SystemExit(0)

    def remark(number, frame):
        LOG.info('a signal came')

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGALRM, remark)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
    forever(0)


MODES = {'lines': lines, 'forks': forks, 'threads': threads,
         'forever': forever, 'until-told': until_told}


def main(arguments: list[str]) -> None:
    """Log as told."""
    directory, mode, argument, *options = arguments
    attach(directory, **{
        name: float(value) if '.' in value else int(value)
        for name, _, value in (one.partition('=') for one in options)})
    MODES[mode](float(argument) if '.' in argument else int(argument))


if __name__ == '__main__':
    main(sys.argv[1:])
