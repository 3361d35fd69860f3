# SPDX-License-Identifier: Apache-2.0
"""Publisher, validator and client as processes, for functional tests."""

import configparser
import contextlib
import json
import logging
import os
import pathlib
import signal
import subprocess
import sys
import time
import uuid

import kombu
import sqlalchemy

from tacker_ledger.core.crypto import providers
from tacker_ledger.securelog import handler as handler_module
from tacker_ledger.securelog import keys
from tacker_ledger.storage import anchor_verdicts
from tacker_ledger.storage import anchors
from tacker_ledger.tests import base

QUEUES = ('transactions', 'op_return_hashes', 'validation_messages',
          'checkpoints')
STOP_SECONDS = 30.0
PATIENCE_SECONDS = 60.0


class Log:
    """A secure log that a test writes."""

    def __init__(self, directory: pathlib.Path, name: str = 'tacker.log'):
        self.file = directory / name
        self.keys = directory / f'{name}-keys'
        keys.generate(self.keys, providers.default())
        (self.keys / 'auditor.key').unlink()
        self.open()

    @property
    def public_key(self) -> pathlib.Path:
        """The file that others verify with."""
        return self.keys / 'log-signing.pub'

    def open(self) -> None:
        """Begin a session with a checkpoint every 10 lines."""
        self.handler = handler_module.SecureLogHandler(
            self.file, self.keys, checkpoint_lines=10, checkpoint_seconds=0)

    def write(self, count: int, text: str = 'line %s') -> None:
        """Write lines."""
        for number in range(count):
            self.handler.handle(logging.LogRecord(
                'tacker', logging.INFO, __file__, 1, text, (number,), None))

    def close(self) -> None:
        """End the session cleanly."""
        self.handler.close()


class Service:
    """One process."""

    def __init__(self, program: str, log_file: pathlib.Path, *arguments):
        self._log_file = log_file
        with open(log_file, 'ab') as output:
            self._process = subprocess.Popen(
                [sys.executable, '-m', f'tacker_ledger.cmd.{program}',
                 *map(str, arguments)], cwd=base.CHECKOUT,
                stdin=subprocess.DEVNULL, stderr=output,
                stdout=subprocess.PIPE if program == 'watch' else output)

    def stop(self) -> int:
        """End it by SIGTERM; return its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Leave nothing behind."""
        if self._process.poll() is None:
            self.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def output(self, seconds: float = PATIENCE_SECONDS) -> tuple[str, int]:
        """Wait for its end; return (what it printed, exit status)."""
        out, _ = self._process.communicate(timeout=seconds)
        return out.decode(), self._process.returncode

    def log(self) -> str:
        """Return what it wrote to its log."""
        return self._log_file.read_text()


class Services:
    """Everything that anchors need, for one test.

    :param case: whose fixtures these are
    :param database: ``sqlite`` or ``mariadb``
    """

    def __init__(self, case: base.TestCase, database: str = 'sqlite'):
        self.case = case
        self.directory = case.make_directory()
        self.transport_url = case.require_part('rabbitmq')['transport_url']
        self.forget_messages()
        case.addCleanup(self.forget_messages)
        self.connection = (
            f'sqlite:///{self.directory}/anchors.sqlite'
            if database == 'sqlite' else self._mariadb())
        self.log = Log(self.directory)
        case.addCleanup(self.log.close)
        self.groups = {
            'DEFAULT': {'transport_url': self.transport_url},
            'database': {'connection': self.connection},
            'publisher': {
                'log_files': self.log.file,
                'log_key_files': self.log.public_key,
                'search_interval_seconds': 0.2, 'interval_seconds': 0,
                'ledger_interval_seconds': 0, 'lease_seconds': 3},
            'validator': {
                'log_files': self.log.file,
                'log_key_files': self.log.public_key,
                'interval_seconds': 0.3},
        }
        self._database = None

    def _mariadb(self) -> str:
        pattern = self.case.require_part('mariadb')['url_pattern']
        name = f'test_{uuid.uuid4().hex}'
        server = sqlalchemy.create_engine(pattern.format(database='mysql'))
        self.case.addCleanup(server.dispose)

        def run(statement):
            with server.connect() as connection:
                connection.execute(sqlalchemy.text(statement))

        run(f'CREATE DATABASE {name}')
        self.case.addCleanup(run, f'DROP DATABASE {name}')
        return pattern.format(database=name)

    def forget_messages(self) -> None:
        """Delete the queues, which all tests share."""
        url = self.transport_url.replace('rabbit://', 'amqp://')
        with kombu.Connection(url) as connection:
            for queue in QUEUES:
                with contextlib.suppress(
                        connection.channel_errors):
                    connection.channel().queue_delete(queue)

    def waiting(self, queue: str) -> int:
        """Return how many messages wait in a queue."""
        url = self.transport_url.replace('rabbit://', 'amqp://')
        with kombu.Connection(url) as connection:
            return connection.channel().queue_declare(
                queue, passive=True).message_count

    def start(self, program: str, *arguments, name: str = '', **groups
              ) -> Service:
        """Start a program.

        :param groups: options in place of those for all, by group
        """
        name = name or program
        parser = configparser.RawConfigParser()
        merged = {group: {**self.groups.get(group, {}),
                          **groups.get(group, {})}
                  for group in {**self.groups, **groups}}
        parser.read_dict({group: {key: str(value)
                                  for key, value in options.items()}
                          for group, options in merged.items()})
        path = self.directory / f'{name}.conf'
        with open(path, 'w') as file:
            parser.write(file)
        service = Service(program, self.directory / f'{name}.out',
                          '--config-file', path, *arguments)
        self.case.addCleanup(service.end)
        self.case.addOnException(lambda _: self.case.addDetail(
            f'{name}.out', base_text(self.directory / f'{name}.out')))
        return service

    @property
    def database(self) -> anchors.Anchors:
        """The database, opened by the test."""
        if self._database is None:
            self._database = anchors.Anchors(self.connection)
            self._database.migrate()
            self.case.addCleanup(self._database.close)
        return self._database

    @property
    def verdicts(self) -> anchor_verdicts.Verdicts:
        """The verdicts in it."""
        return anchor_verdicts.Verdicts(self.database)

    def messages(self) -> list[dict]:
        """Return every verdict so far."""
        return [message for _, message in self.verdicts.all_messages()]

    def wait(self, what: str, condition, seconds: float = PATIENCE_SECONDS):
        """Return what a condition gives as soon as it is true."""
        ends = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > ends:
                self.case.fail(f'{what}: not in {seconds} s')
            time.sleep(0.1)
        return found

    def watch(self, count: int, *arguments) -> tuple[list[dict], int]:
        """Let a client print so many verdicts; return them and its status.
        """
        client = self.start('watch', '--json', '--count', str(count),
                            '--timeout-seconds', '30', *arguments)
        out, status = client.output()
        return [json.loads(line) for line in out.splitlines()], status


def base_text(path: pathlib.Path):
    """Return the end of a file as a detail of a test."""
    from testtools import content
    text = path.read_text()[-20_000:] if os.path.exists(path) else ''
    return content.text_content(text)
