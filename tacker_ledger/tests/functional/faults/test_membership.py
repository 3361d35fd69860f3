# SPDX-License-Identifier: Apache-2.0
"""S21: members come, go and change their keys while transactions flow."""

from collections.abc import Iterator
import contextlib
import os
import signal
import ssl
import threading
import time

from cryptography import x509

from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.node import query
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional.faults import changes


class Load:
    """Writes all the time, to nodes in turn; knows what was accepted."""

    def __init__(self, members: changes.Changing, nodes: list[int]):
        self.nodes = nodes
        self.accepted: list[authors.Written] = []
        self.refused: list[object] = []
        self._members = members
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @contextlib.contextmanager
    def flowing(self) -> Iterator[None]:
        """Write while the block runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join()

    def _run(self) -> None:
        author = authors.Author(self._members.h)
        number = 0
        while not self._ended.is_set():
            number += 1
            written = author.template(200)
            for index in self.nodes[number % len(self.nodes):] + self.nodes:
                with contextlib.suppress(Exception):
                    result, = self._members.submit(index, written.submission)
                    if result.accepted:
                        self.accepted.append(written)
                        break
                    self.refused.append(result)
            time.sleep(0.02)


class TestMembership(base.TestCase):
    """S21."""

    TIMEOUT_SCALE = 8

    def make(self, nodes: int = 4) -> changes.Changing:
        made = changes.Changing(nodes, heartbeat_seconds=0.5)
        self.addCleanup(made.close)
        return made

    def place(self, members, index, txid):
        reader = query.open_directory(members.data(index))
        return reader.place(txid)

    def assert_all_committed(self, members, load, index):
        """Everything that a node took is in a block, once.

        Pools are in memory: what a node took just before it was stopped is
        handed in again, as clients do.
        """
        for written in load.accepted:
            if self.place(members, index, written.txid) is None:
                members.submit(index, written.submission)
        self.assert_committed(members, load.accepted, index)
        self.assertGreater(len(load.accepted), 0)
        result = members.manage('chain', 'verify', str(members.data(index)),
                                '--federation', str(members.genesis_file))
        self.assertIn(' transactions', result.stdout)

    def assert_committed(self, members, accepted, index):
        """Wait until all of these are in blocks."""
        for written in accepted:
            members.wait_until(
                lambda txid=written.txid: self.place(
                    members, index, txid) is not None,
                what='an accepted transaction is committed')

    def progresses(self, members, nodes):
        """Wait for two more blocks at nodes."""
        height = max(members.status(index)['height'] for index in nodes)
        members.wait_height(height + 2, nodes)

    def test_s21_members_come_change_keys_and_go(self):
        """S21: added, rotated, removed at heights, under load."""
        members = self.make()
        load = Load(members, [1, 2, 3])
        with load.flowing():
            joiner = members.join('node-4')
            members.start(joiner)
            status = members.status(joiner)
            self.assertFalse(status['voting'])
            self._add(members, joiner)
            self._rotate_vote_key(members)
            self._rotate_node_key(members)
            self._remove(members)
        self.assert_all_committed(members, load, 1)

    def _add(self, members, joiner):
        epoch = members.change(
            0, [0, 1, 2, 3, joiner], '--add',
            members.home(joiner) / 'node-4.member')
        members.wait_epoch(epoch, [0, 1, 2, 3, joiner])
        members.wait_voting([joiner])
        # four of five decide: without one member the newcomer has to vote
        members.stop(3)
        self.progresses(members, [0, 1, 2, joiner])
        members.start(3)
        members.wait_voting([3])

    def _rotate_vote_key(self, members):
        home = members.home(1)
        pid = members.pid(1)
        members.command(
            'member-keys', '--name', 'node-1', '--directory', home,
            '--out', home / 'node-1.member')
        epoch = members.change(0, [0, 1, 2, 3, 4], '--rotate',
                               home / 'node-1.member')
        everybody = [0, 1, 2, 3, 4]
        members.wait_epoch(epoch, everybody)
        members.wait_voting([1])
        members.stop(3)
        self.progresses(members, [0, 1, 2, 4])
        self.assertEqual(pid, members.pid(1))
        members.start(3)
        # the operator puts the new keys in the place of the old ones
        for name in ('vote.key', 'answer.key'):
            (home / f'{name}.next').replace(home / name)
        members.stop(1)
        members.start(1)
        members.wait_voting([1, 3])

    def _rotate_node_key(self, members):
        home = members.home(2)
        pid = members.pid(2)
        members.command(
            'member-keys', '--name', 'node-2', '--directory', home,
            '--keys', 'node', '--out', home / 'node-2.member')
        members.certify(home / 'node-2.member', home / 'node.pem.next')
        epoch = members.change(0, [0, 1, 2, 3, 4], '--rotate',
                               home / 'node-2.member')
        everybody = [0, 1, 2, 3, 4]
        members.wait_epoch(epoch, everybody)
        members.wait_until(
            lambda: members.status(2)['peers_up'] == 4,
            what='node 2 is linked by its new key')
        members.wait_voting(everybody)
        self.assertEqual(pid, members.pid(2))
        members.stop(3)
        self.progresses(members, [0, 1, 2, 4])
        members.start(3)
        members.wait_voting(everybody)

    def _remove(self, members):
        """The first one leaves: every other has a new index."""
        epoch = members.change(1, [1, 2, 3, 4], '--remove', 'node-0')
        members.wait_epoch(epoch, [0, 1, 2, 3, 4])
        self.assertFalse(members.status(0)['voting'])
        stays = [1, 2, 3, 4]
        members.wait_voting(stays)
        self.progresses(members, stays)
        self.assertEqual(
            [0, 1, 2, 3], [members.status(index)['member']
                           for index in stays])
        # it serves reads, says why it does no more, and takes no writes
        found = members.status(0)
        self.assertEqual(['not-a-member'], [
            one['code'] for one in found['conditions']
            if one['stops_voting']])
        result, = members.submit(0, authors.Author(
            members.h).template().submission)
        self.assertEqual('no-quorum', result.code)
        # nor does anybody wait for it
        members.stop(0)
        self.progresses(members, stays)

    def test_s21_seven_become_four(self):
        """S21: 7 -> 4, then two changes in a row; a sleeper follows."""
        members = self.make(7)
        self.progresses(members, list(range(7)))
        sleeper = 6
        members.stop(sleeper)
        epoch = members.change(
            1, [1, 3, 5, 6, 0], '--remove', 'node-0', '--remove', 'node-2',
            '--remove', 'node-4')
        stays = [1, 3, 5]
        members.wait_epoch(epoch, stays)
        for index in (0, 2, 4):
            members.stop(index)
        self.progresses(members, stays)
        # two in a row
        for number in (0.4, 0.3):
            epoch = members.change(1, [1, 3, 5], '--heartbeat-ms',
                                   int(number * 1000))
        self.assertEqual(3, epoch)
        members.wait_epoch(epoch, stays)
        # who slept through three epochs catches up and votes
        members.start(sleeper)
        members.wait_epoch(epoch, [sleeper])
        members.wait_voting([sleeper])
        members.stop(5)
        self.progresses(members, [1, 3, sleeper])
        reader = query.open_directory(members.data(sleeper))
        self.assertEqual(
            ['node-1', 'node-3', 'node-5', 'node-6'],
            [member.name for member in reader.federation().members])
        members.manage('chain', 'verify', str(members.data(sleeper)),
                       '--federation', str(members.genesis_file))

    def test_s21_a_joiner_where_nobody_of_genesis_is_left(self):
        """S21: it is told whom to ask, and believes the chain alone."""
        members = self.make(2)
        for name in ('node-2', 'node-3'):
            members.start(members.join(name))
        members.change(0, [0, 1, 2, 3], *(
            argument for index in (2, 3) for argument in (
                '--add', members.home(index) / f'node-{index}.member')))
        members.wait_voting([0, 1, 2, 3])
        epoch = members.change(2, [0, 1, 2, 3], '--remove', 'node-0',
                               '--remove', 'node-1')
        members.wait_epoch(epoch, [2, 3])
        members.wait_voting([2, 3])
        members.stop(0)
        members.stop(1)
        self.progresses(members, [2, 3])
        newest = members.directory / 'newest.cbor'
        members.command('show', '--current', members.data(2), '--out',
                        newest)
        joiner = members.join('node-4', newest)
        members.start(joiner)
        epoch = members.change(2, [2, 3, joiner], '--add',
                               members.home(joiner) / 'node-4.member')
        members.wait_epoch(epoch, [2, 3, joiner])
        members.wait_voting([joiner])
        # three of three decide
        self.progresses(members, [2, 3, joiner])
        members.manage('chain', 'verify', str(members.data(joiner)),
                       '--federation', str(members.genesis_file))

    def test_everything_is_renewed_under_load(self):
        """Certificates, then the CA: no commit fails, no node restarts."""
        members = self.make()
        everybody = [0, 1, 2, 3]
        pids = [members.pid(index) for index in everybody]
        load = Load(members, everybody)
        before = [self.serial(members, index) for index in everybody]
        with load.flowing():
            members.command('renew', '--directory', members.directory)
            self._shown(members, everybody, before)
            for step in ('make', 'use', 'finish'):
                before = [self.serial(members, index)
                          for index in everybody]
                members.command('renew', '--directory', members.directory,
                                '--new-ca', step)
                if step == 'use':
                    self._shown(members, everybody, before)
                self._read_again(members, everybody)
            # nothing was lost so far: no node has been stopped
            self.assert_committed(members, list(load.accepted), 0)
            # a link made from now on has to be by the new CA alone
            members.stop(3)
            members.start(3)
            members.wait_voting(everybody)
            members.wait_until(lambda: all(
                members.status(index)['peers_up'] == 3
                for index in everybody), what='all links are up again')
        self.assertEqual(pids[:3], [members.pid(index) for index in (0, 1, 2)])
        self.assertEqual([], [one for one in load.refused if one.code not in (
            'no-quorum', 'busy', 'shutting-down')])
        self.assert_all_committed(members, load, 0)

    def serial(self, members, index):
        """Return the serial number of the certificate at a node's door."""
        host, port = members.url(index).rpartition('/')[2].split(':')
        pem = ssl.get_server_certificate((host, int(port)), timeout=10)
        return x509.load_pem_x509_certificate(pem.encode()).serial_number

    def _shown(self, members, nodes, before):
        """Wait until doors show other certificates than before."""
        for index in nodes:
            members.wait_until(
                lambda index=index: self.serial(
                    members, index) != before[index],
                what=f'the door of node {index} shows its new certificate')

    def _read_again(self, members, nodes):
        """Wait until the nodes' links use what lies there now."""
        counts = {index: members.log(index).count('are read again; new')
                  for index in nodes}
        for index in nodes:
            os.kill(members.pid(index), signal.SIGHUP)
        for index in nodes:
            members.wait_until(
                lambda index=index: members.log(index).count(
                    'are read again; new') > counts[index],
                what=f'node {index} has read its files again')

    def test_a_stolen_issuing_key_is_replaced(self):
        """The thief's documents count no more, and alone never did."""
        members = self.make()
        new = members.directory / 'ca' / 'new.key'
        members.command('issuer-key', '--suite', 'ed25519', '--out', new)
        stolen = members.issuer_key
        epoch = members.change(0, [0, 1, 2], '--new-issuer', issuer=new)
        self.assertEqual(1, epoch)
        members.wait_epoch(epoch, [0, 1, 2, 3])
        # with the old key nothing can be proposed as its own
        refused = members.command(
            'propose', '--current', members.data(0), '--issuer-key', stolen,
            '--out', members.directory / 'x', '--days', '9', status=1)
        self.assertIn('not the issuing key in force', refused)
        # and by the new one alone nothing is put in force
        alone = members.propose(0, '--days', '9', issuer=new)
        refused = members.command('submit', alone, '--data', members.data(0),
                                  status=1)
        self.assertIn('approvals', refused)
        # nor by a node that does not look
        signed = federation_module.SignedFederation.from_bytes(
            alone.read_bytes())
        written = authors.Author(members.h).federation(signed.to_bytes())
        result, = members.submit(0, written.submission)
        self.assertEqual('federation-conflict', result.code)
        self.progresses(members, [0, 1, 2, 3])
        self.assertEqual(1, members.status(3)['epoch'])
