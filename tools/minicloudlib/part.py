# SPDX-License-Identifier: Apache-2.0
"""What a part of the test cloud is."""

import hashlib
import pathlib
import shutil
import subprocess
import sys
import time

from minicloudlib import layout
from minicloudlib import processes

HERE = pathlib.Path(__file__).parent


class Failure(Exception):
    """A part did not do what it should; the text is for a person."""


class Missing(Exception):
    """The machine lacks software which only its owner can install."""


class Part:
    """One service. Subclasses say how; the order of calls is up()'s.

    A start is cold when there is no data yet, warm otherwise. A cold start
    that was cut short is begun again from nothing.
    """

    #: what it is called on the command line and in parts.json
    name = ''
    #: parts which must be up before
    needs: tuple[str, ...] = ()
    #: names of layout.PORTS it listens on
    ports: tuple[str, ...] = ()
    #: its processes, in the order of starting
    process_names: tuple[str, ...] = ()
    #: how long a start may take
    patience_seconds = 120

    def __init__(self, where: layout.Layout):
        self.where = where
        self.processes = {name: processes.Process(where, name)
                          for name in self.process_names}

    # -- to be filled in -----------------------------------------------------

    def install(self):
        """Make sure that the software is there; raise Missing if not."""

    def configure(self):
        """Write the configuration."""

    def create(self):
        """Make the data of a cold start, before any process runs."""

    def start(self):
        """Start the processes."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Return whether the service answers."""
        raise NotImplementedError

    def settle(self):
        """Finish a cold start, once the service answers."""

    def facts(self) -> dict:
        """Return how to reach the service."""
        raise NotImplementedError

    # -- common to all -------------------------------------------------------

    @property
    def data(self) -> pathlib.Path:
        return self.where.data(self.name)

    @property
    def etc(self) -> pathlib.Path:
        return self.where.etc(self.name)

    def alive(self) -> bool:
        return all(process.alive() for process in self.processes.values())

    def up(self) -> str:
        """Start the part unless it runs; return in a word what was done."""
        if self.alive():
            self._wait()
            return 'already up'
        self.down()
        self.install()
        for name in self.ports:
            if processes.port_open(self.where.port(name)):
                raise Failure(
                    f'port {self.where.port(name)} of {name} is taken by '
                    'another program; set MINICLOUD_PORT_OFFSET')
        done = self.data / '.complete'
        cold = not done.exists()
        if cold:
            shutil.rmtree(self.data, ignore_errors=True)
            self.data.mkdir(mode=0o700, parents=True)
        self.configure()
        if cold:
            self.create()
        try:
            self.start()
            self._wait()
            if cold:
                self.settle()
        except Failure:
            self.down()
            raise
        if cold:
            done.touch()
        return 'cold start' if cold else 'warm start'

    def down(self):
        """Stop what runs, the last process first."""
        for process in reversed(self.processes.values()):
            process.stop()

    def spawn(self, name: str, command: list, environ: dict | None = None):
        """Start one of the part's processes in the part's data."""
        self.processes[name].spawn(
            [str(word) for word in command],
            {key: str(value) for key, value in (environ or {}).items()},
            self.data)

    def call(self, command: list, environ: dict | None = None,
             text: str | None = None) -> str:
        """Run a command to its end; its output goes to the part's log."""
        done = subprocess.run(
            [str(word) for word in command], input=text, text=True,
            stdin=subprocess.DEVNULL if text is None else None,
            env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        with open(self.where.logs / f'{self.name}-setup.log', 'a') as log:
            log.write(f'$ {pathlib.Path(str(command[0])).name} -> '
                      f'{done.returncode}\n{done.stdout}')
        if done.returncode:
            raise Failure(f'{command[0]} ended with {done.returncode}:\n'
                          + '\n'.join(done.stdout.splitlines()[-15:]))
        return done.stdout

    def venv(self) -> pathlib.Path:
        """Return the part's own virtual environment, made when needed.

        The file NAME-requirements.txt beside this module says what is in it.
        """
        place = self.where.venv(self.name)
        requirements = HERE / f'{self.name}-requirements.txt'
        want = hashlib.sha256(
            requirements.read_bytes() + sys.version.encode()).hexdigest()
        stamp = place / '.stamp'
        if not stamp.exists() or stamp.read_text() != want:
            shutil.rmtree(place, ignore_errors=True)
            self.call([sys.executable, '-m', 'venv', place])
            self.call([place / 'bin' / 'pip', 'install', '-q', '-r',
                       requirements])
            stamp.write_text(want)
        return place

    def _wait(self):
        deadline = time.monotonic() + self.patience_seconds
        while not self.ready():
            for process in self.processes.values():
                if not process.alive():
                    raise Failure(f'{process.name} ended:\n'
                                  + process.last_words())
            if time.monotonic() > deadline:
                raise Failure(
                    f'{self.name} does not answer after '
                    f'{self.patience_seconds} s; see {self.where.logs}')
            time.sleep(0.1)


def find_program(name: str, package: str) -> str:
    """Return the path of a program which a Debian package brings."""
    path = shutil.which(name, path='/usr/sbin:/usr/bin:/sbin:/bin')
    path = path or shutil.which(name)
    if not path:
        raise Missing(f'{name} is not installed (Debian package {package})')
    return path
