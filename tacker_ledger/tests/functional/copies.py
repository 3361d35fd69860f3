# SPDX-License-Identifier: Apache-2.0
"""Copies of a member's data made behind its back, and what votes show.

A :class:`Witness` looks, all the time, into the vote logs of all members
and of copies: they hold each member's own votes and those of others that it
relied on.
"""

import asyncio
import configparser
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
from typing import Any

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block
from tacker_ledger.node import localsocket
from tacker_ledger.storage import chain
from tacker_ledger.storage import environment
from tacker_ledger.storage import votes
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import federation

_PORT_OFFSET = 50
_POLL_SECONDS = 0.01


def snapshot(members: federation.Federation, index: int,
             name: str = 'snapshot') -> pathlib.Path:
    """Copy the data directory of a node as of one moment."""
    target = members.home(index) / name
    runs = members.running(index)
    if runs:
        members.pause(index)
    try:
        subprocess.run(['cp', '-a', str(members.data(index)), str(target)],
                       check=True)
    finally:
        if runs:
            members.resume(index)
    return target


def put_back(members: federation.Federation, index: int,
             taken: pathlib.Path) -> None:
    """Replace the data of a node that does not run by a copy."""
    data = members.data(index)
    data.rename(data.with_name(f'lost-{os.urandom(4).hex()}'))
    subprocess.run(['cp', '-a', str(taken), str(data)], check=True)


def head(data: pathlib.Path) -> int:
    """Return the height of a data directory that no node uses."""
    env = environment.Environment(data, readonly=True, lock=False)
    try:
        with env.read() as txn:
            key = environment.last_key(txn, env.headers)
    finally:
        env.close()
    assert key is not None
    height: int = environment.U64.unpack(key)[0]
    return height


class Copy:
    """A second process of a member, with data of its own.

    :param data: its data directory
    """

    def __init__(self, members: federation.Federation, index: int,
                 data: pathlib.Path):
        self.data = data
        self._home = members.home(index)
        self._log = self._home / 'copy.log'
        self._config = self._home / 'copy.conf'
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(members.config_file(index))
        parser.set('node', 'data_directory', str(data))
        own = members.genesis.members[index].peer_address
        port = int(own.rpartition(':')[2]) - index + _PORT_OFFSET
        parser.set('node', 'bind_port', str(port))
        parser.set('door', 'port', str(port + 100))
        parser.set('operator', 'port', str(port + 200))
        with open(self._config, 'w') as file:
            parser.write(file)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return at once."""
        with contextlib.suppress(FileNotFoundError):
            (self.data / 'node.sock').unlink()
        with open(self._log, 'ab') as log:
            self._process = subprocess.Popen(
                [sys.executable, '-m', 'tacker_ledger.cmd.node',
                 '--config-file', str(self._config)], cwd=base.CHECKOUT,
                stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)

    def kill(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def log(self) -> str:
        """Return what it has logged."""
        return self._log.read_text(errors='replace')

    def status(self) -> dict[str, Any] | None:
        """Return its status, None while it starts."""
        async def ask() -> dict[str, Any]:
            client = localsocket.LocalClient(
                str(self.data / 'node.sock'), 0.05)
            await client.start(10)
            try:
                return await client.status()
            finally:
                await client.stop()
        assert self._process is not None
        if self._process.poll() is not None:
            raise federation.NodeFailed(f'the copy has ended:\n'
                                        f'{self.log()[-8000:]}')
        if not (self.data / 'node.sock').exists():
            return None
        return asyncio.run(ask())


class Witness:
    """Collects every vote that any vote log has held meanwhile.

    ::

        with copies.Witness(members) as witness:
            witness.watch(copy.data)
            ...
        witness.assert_no_second_vote()
    """

    def __init__(self, members: federation.Federation):
        self._members = members
        self._directories = [members.data(index)
                             for index in range(members.size)]
        #: directory -> (inode of its file, environment)
        self._open: dict[pathlib.Path,
                         tuple[int, environment.Environment]] = {}
        #: (member, height, view, kind) -> what was signed there
        self.votes: dict[tuple[int, int, int, int], set[bytes]] = {}
        #: (member, other) -> highest height of a vote of the member in the
        #: other's log
        self._relied: dict[tuple[int, int], int] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> 'Witness':
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._ended.set()
        self._thread.join()
        for _, env in self._open.values():
            env.close()

    def watch(self, directory: pathlib.Path) -> None:
        """Look into one more data directory."""
        self._directories.append(directory)

    def _run(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            for directory in list(self._directories):
                with contextlib.suppress(errors.LedgerError, OSError):
                    self._look(directory)

    def _environment(self, directory: pathlib.Path
                     ) -> environment.Environment:
        path = directory / 'ledger.mdb' / 'data.mdb'
        number = path.stat().st_ino
        held, env = self._open.get(directory, (0, None))
        if env is not None and held != number:
            del self._open[directory]  # it was replaced
            env.close()
            env = None
        if env is None:
            env = environment.Environment(directory, readonly=True)
            self._open[directory] = number, env
        return env

    def _look(self, directory: pathlib.Path) -> None:
        with self._lock:
            env = self._environment(directory)
            with env.read() as txn:
                records = votes.VoteLog(env).load(txn)
        for record in records:
            message = messages.decode(record)
            self._note(message)
            if isinstance(message, messages.AnyVote):
                self._note_relied(message, directory)

    def _note_relied(self, message: messages.AnyVote,
                     directory: pathlib.Path) -> None:
        for index in range(self._members.size):
            if index != message.member and (
                    directory == self._members.data(index)):
                pair = message.member, index
                self._relied[pair] = max(message.height,
                                         self._relied.get(pair, 0))

    def digest(self, index: int, height: int) -> str:
        """Return the digest (hex) of a block as a node has it."""
        with self._lock:
            env = self._environment(self._members.data(index))
            with env.read() as txn:
                pair = chain.Chain(env).head_pair(txn, height)
        assert pair is not None, f'node {index} has no block {height}'
        return block.Header.from_bytes(pair[0]).digest(
            self._members.h).hex()

    def _note(self, message: messages.Message) -> None:
        match message:
            case messages.PrePrepare():
                signed = message.block
            case messages.Vote():
                signed = message.prefix
            case messages.ViewChange() | messages.NewView():
                signed = messages.encode(message)
            case _:
                return
        self.votes.setdefault((message.member, message.height, message.view,
                               message.KIND), set()).add(signed)

    def relied(self, member: int, *, by: int) -> int:
        """Return the highest height at which another relied on a vote.

        From then on that other, while it runs, shows whoever comes with the
        member's identity a vote of this height or a later one.  What the
        rest of them know helps nobody once they are killed.
        """
        return self._relied.get((member, by), 0)

    def voted(self, member: int) -> int:
        """Return the highest height at which a vote of a member was seen."""
        return max((height for who, height, _, _ in list(self.votes)
                    if who == member), default=0)

    def assert_no_second_vote(self) -> None:
        """Raise if a member has signed two things at one place.

        Here, or as the members' evidence shows.
        """
        twice = {place: len(signed) for place, signed
                 in self.votes.items() if len(signed) > 1}
        assert not twice, f'two different votes: {twice}'
        assert self.votes, 'no vote was seen'
        for index in self._members.up():
            found = self._members.call(index, 'evidence')
            assert not found, f'evidence at {index}: {found}'
