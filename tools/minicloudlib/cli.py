# SPDX-License-Identifier: Apache-2.0
"""The command: minicloud up|down|status|release PART..."""

import argparse
import concurrent.futures
import json
import shutil
import sys
import time

from minicloudlib import bitcoind
from minicloudlib import keystone
from minicloudlib import layout
from minicloudlib import mariadb
from minicloudlib import part
from minicloudlib import rabbitmq

#: Every part, those before that others need.
PARTS = {kind.name: kind for kind in (
    rabbitmq.RabbitMQ, mariadb.MariaDB, keystone.Keystone,
    bitcoind.Bitcoind)}

#: Exit status for software which the machine lacks: tests skip then.
EXIT_MISSING = 77


def with_needs(names: list[str]) -> list[str]:
    """Return the parts and those they need, in the order of PARTS."""
    wanted = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        wanted.add(name)
        todo.extend(PARTS[name].needs)
    return [name for name in PARTS if name in wanted]


def with_users(names: list[str]) -> list[str]:
    """Return the parts and those which need them, in the order of PARTS."""
    return [name for name in PARTS if set(with_needs([name])) & set(names)]


class Cloud:
    """The parts of one directory."""

    def __init__(self, where: layout.Layout):
        self.where = where
        self.parts = {name: kind(where) for name, kind in PARTS.items()}
        self._began = time.monotonic()

    def say(self, text: str):
        print(f'[{time.monotonic() - self._began:5.1f} s] {text}', flush=True)

    def up(self, names: list[str], for_tests: bool):
        """Start parts side by side, each as soon as its needs are up."""
        before = {name for name in names if self.parts[name].alive()}
        started: dict[str, concurrent.futures.Future] = {}

        def start(name: str):
            for need in PARTS[name].needs:
                started[need].result()
            self.say(f'{name}: {self.parts[name].up()}')

        with concurrent.futures.ThreadPoolExecutor(len(PARTS)) as pool:
            for name in names:
                started[name] = pool.submit(start, name)
        self.write_facts()
        borrowed = self._borrowed()
        if for_tests:
            borrowed |= {name for name in names if name not in before
                         and started[name].exception() is None}
        else:
            borrowed -= set(names)
        self._borrow(borrowed)
        for future in started.values():
            future.result()

    def down(self, names: list[str], wipe: bool = False):
        """Stop parts, users of a part before the part."""
        for name in reversed(names):
            if any(process.alive()
                   for process in self.parts[name].processes.values()):
                self.parts[name].down()
                self.say(f'{name}: stopped')
            if wipe:
                shutil.rmtree(self.parts[name].data, ignore_errors=True)
        self._borrow(self._borrowed() - set(names))
        self.write_facts()

    def release(self):
        """Stop what was started for tests, unless a test still runs."""
        with self.where.unused() as unused:
            borrowed = self._borrowed()
            if unused and borrowed:
                self.down(with_users(sorted(borrowed)))

    def status(self, names: list[str]) -> bool:
        """Print a line per part; return whether all are up."""
        for name in names:
            item = self.parts[name]
            memory = sum(process.megabytes()
                         for process in item.processes.values())
            ports = ' '.join(str(self.where.port(port))
                             for port in item.ports)
            print(f'{name:<12}{"up" if item.alive() else "down":<6}'
                  f'{memory:>5} MB  ports {ports}')
        return all(self.parts[name].alive() for name in names)

    def write_facts(self):
        layout.write_private(self.where.facts_file, json.dumps(
            {name: item.facts() for name, item in self.parts.items()
             if item.alive()}, indent=2) + '\n')

    def _borrowed(self) -> set[str]:
        record = layout.read_json(self.where.run / 'for-tests.json')
        return set(record.get('parts', ()))

    def _borrow(self, names: set[str]):
        layout.write_private(self.where.run / 'for-tests.json',
                             json.dumps({'parts': sorted(names)}))


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='tools/minicloud',
        description='Real services on loopback, for tests.',
        epilog='Parts: ' + ', '.join(PARTS) + '. TACKER_LEDGER_MINICLOUD '
        'names the directory, MINICLOUD_PORT_OFFSET shifts the ports.')
    commands = parser.add_subparsers(dest='command', required=True)
    for name, text in (
            ('up', 'start parts and what they need'),
            ('down', 'stop parts and what needs them'),
            ('status', 'tell what runs'),
            ('release', 'stop what tests have started and left'),
            ('home', 'print the directory of the cloud')):
        command = commands.add_parser(name, help=text)
        if name in ('up', 'down', 'status'):
            command.add_argument('parts', nargs='*', metavar='PART',
                                 help='all of them unless named')
        if name == 'up':
            command.add_argument('--for-tests', action='store_true',
                                 help='let "release" stop what this starts')
        if name == 'down':
            command.add_argument('--wipe', action='store_true',
                                 help='forget the data: the next start is '
                                      'a cold one')
    options = parser.parse_args(arguments)
    unknown = set(getattr(options, 'parts', ())) - set(PARTS)
    if unknown:
        parser.error(f'no part {", ".join(sorted(unknown))}; there are '
                     + ', '.join(PARTS))
    return options


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        where = layout.Layout()
    except ValueError as exc:
        print(f'failed: {exc}', file=sys.stderr)
        return 1
    cloud = Cloud(where)
    names = list(dict.fromkeys(getattr(options, 'parts', ()))) or list(PARTS)
    if options.command == 'home':
        print(where.home)
        return 0
    if options.command == 'status':
        return 0 if cloud.status(names) else 1
    try:
        with where.lock():
            if options.command == 'up':
                cloud.up(with_needs(names), options.for_tests)
            elif options.command == 'down':
                cloud.down(with_users(names), options.wipe)
            else:
                cloud.release()
    except part.Missing as exc:
        print(f'missing: {exc}', file=sys.stderr)
        return EXIT_MISSING
    except part.Failure as exc:
        print(f'failed: {exc}', file=sys.stderr)
        return 1
    return 0
