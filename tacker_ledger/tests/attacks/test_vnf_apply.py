# SPDX-License-Identifier: Apache-2.0
"""Attacks on the moment of applying: killed half-way, failing, looping."""

import os

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload
from tacker_ledger.tests import agent_case
from tacker_ledger.vnf_client import files
from tacker_ledger.vnf_client import state as state_module

Outcome = payload.Outcome


class Killed(BaseException):
    """Ends everything where it stands, as SIGKILL does."""


class ApplyCase(agent_case.AgentCase):

    def setUp(self):
        super().setUp()
        self.first = self.author(self.configuration(b'first'))
        self.commit(self.first)
        self.poll()
        self.receipts()
        self.poll()
        self.second = self.author(self.configuration(b'second'), vid=2,
                                  cid=self.first.content.cid)

    def assertBack(self):
        """Assert that after a restart all is as it was before."""
        self.vnf = self.restart()
        self.assertEqual(b'first', self.vnf.content())
        self.assertEqual(((self.first.content.cid, 1),),
                         self.vnf.state.effective.summary())
        self.assertFalse((self.vnf.root / 'state' / 'journal').exists())

    def assertNotTriedAgain(self):
        self.assertNothingChanged(self.poll)
        self.assertEqual([(Outcome.REVERTED, 'apply-failed')],
                         [(one.outcome, one.code)
                          for one in self.receipts()])
        self.commit(self.author(self.configuration(b'third'), vid=3,
                                cid=self.first.content.cid))
        self.poll()
        self.assertEqual(b'third', self.vnf.content())


class TestKilled(ApplyCase):

    def test_applier_killed_half_way(self):
        self.vnf.applier.failure = Killed()
        self.commit(self.second)
        self.assertRaises(Killed, self.poll)
        self.assertEqual(b'second', self.vnf.content())
        self.assertBack()
        self.assertNotTriedAgain()

    def test_killed_between_the_journal_and_the_change(self):
        def apply(change, baseline):
            raise Killed
        self.vnf.applier.apply = apply
        self.commit(self.second)
        self.assertRaises(Killed, self.poll)
        self.assertBack()
        self.assertNotTriedAgain()

    def test_killed_before_the_state_is_written(self):
        def save(state):
            raise Killed
        self.vnf.agent.file.save = save
        self.commit(self.second)
        self.assertRaises(Killed, self.poll)
        self.assertBack()
        self.assertNotTriedAgain()

    def test_killed_after_the_state_is_written(self):
        def end():
            raise Killed
        self.vnf.agent.machine.reverter.end = end
        self.commit(self.second)
        self.assertRaises(Killed, self.poll)
        self.vnf = self.restart()
        # it was confirmed: it stays, and is told once
        self.assertEqual(b'second', self.vnf.content())
        self.poll()
        self.assertEqual([(2, Outcome.APPLIED)],
                         [(one.vid, one.outcome) for one in self.receipts()])
        self.assertFalse((self.vnf.root / 'state' / 'journal').exists())

    def test_killed_while_undoing(self):
        self.vnf.applier.failure = errors.ApplyFailed('x')

        def restore(snapshot, change):
            raise Killed
        self.vnf.applier.restore = restore
        self.commit(self.second)
        self.assertRaises(Killed, self.poll)
        self.assertBack()

    def test_killed_at_every_write(self):
        """Wherever it stops, a restart finds one state or the other."""
        for number in range(12):
            vnf = self.start()
            one = self.author(self.configuration(b'a'), to=vnf.document)
            self.commit(one)
            self.poll(vnf)
            self.commit(self.author(self.configuration(b'b'), vid=2,
                                    cid=one.content.cid, to=vnf.document))
            self.kill_at_write(vnf, number)
            for _ in range(2):
                again = self.restart(vnf)
                vid = again.state.effective.vid_of(one.content.cid)
                self.assertEqual({1: b'a', 2: b'b'}[vid], again.content())
                self.poll(again)

    def kill_at_write(self, vnf, number):
        real = files.write
        left = [number]

        def write(path, data):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            real(path, data)
        files.write = write
        try:
            self.poll(vnf)
        except Killed:
            pass
        finally:
            files.write = real


class TestStorage(ApplyCase):

    def test_a_full_disk_before_the_change(self):
        def begin(journal):
            raise errors.StorageFailed('No space left on device.')
        self.vnf.agent.machine.reverter.begin = begin
        self.commit(self.second)
        self.assertPollFails('storage-failed')
        del self.vnf.agent.machine.reverter.begin
        # nothing was begun, so it is tried when there is room
        self.poll()
        self.assertEqual(b'second', self.vnf.content())

    def test_a_full_disk_after_the_change(self):
        real = self.vnf.agent.file.save

        def save(state):
            raise errors.StorageFailed('No space left on device.')
        self.vnf.agent.file.save = save
        self.commit(self.second)
        self.assertRaises(errors.StorageFailed, self.poll)
        self.vnf.agent.file.save = real
        self.poll()
        # what is not on record is not in force
        self.assertEqual(b'first', self.vnf.content())

    def test_a_damaged_state_is_not_believed(self):
        path = self.vnf.root / 'state' / state_module.FILE_NAME
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        self.assertRaises(errors.CorruptStore, self.restart)
        path.write_bytes(path.read_bytes()[:-40])
        self.assertRaises(errors.CorruptStore, self.restart)

    def test_a_lost_payload_is_noticed(self):
        for path in (self.vnf.root / 'state' / 'payloads').iterdir():
            path.unlink()
        self.vnf = self.restart()
        self.assertIn('not-enforced', self.vnf.agent.alarms.standing())


class TestReboot(ApplyCase):

    def test_what_a_vnf_forgets_is_put_in_force_again(self):
        (self.vnf.root / 'firewall').unlink()
        self.vnf.clocks.boot = 'boot-2'
        self.only()
        self.vnf = self.restart()
        self.assertEqual(b'first', self.vnf.content())

    def test_secrets_are_readable_by_nobody_else(self):
        for path in (self.vnf.root / 'state').rglob('*'):
            mode = os.stat(path).st_mode & 0o777
            self.assertEqual(0, mode & 0o077, path)
