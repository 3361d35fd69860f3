# SPDX-License-Identifier: Apache-2.0
"""Tests of the loop around polls: waiting, pausing, stopping."""

from tacker_ledger.core import errors
from tacker_ledger.tests import agent_case
from tacker_ledger.vnf_client import service


class TestLoop(agent_case.AgentCase):

    def setUp(self):
        super().setUp()
        self.service = self.vnf.service
        self.pauses = []
        self.asked = []
        fetcher = self.vnf.agent.fetcher
        real = fetcher.state

        def state(keys, since=None, wait_seconds=0):
            self.asked.append((since, wait_seconds))
            return real(keys, since=since, wait_seconds=wait_seconds)
        fetcher.state = state
        self.patch(service.time, 'sleep', self._sleep)

    def _sleep(self, seconds):
        self.pauses.append(seconds)
        if len(self.pauses) >= 4:
            self.service.stop()

    def test_the_first_poll_does_not_wait_and_later_ones_do(self):
        self.service.run()
        self.assertEqual((None, 0), self.asked[0])
        self.assertEqual({25}, {wait for _since, wait in self.asked[1:]})
        # nothing held the request, so it pauses: a loop must not spin
        self.assertTrue(all(24 <= one <= 36 for one in self.pauses))
        self.assertEqual(4, len(self.pauses))

    def test_without_long_polls(self):
        self.vnf = self.start(self.vnf.root, self.vnf.clocks, wait_seconds=0)
        self.service = self.vnf.service
        self.service.run()
        self.assertTrue(all(24 <= one <= 36 for one in self.pauses))

    def test_after_news_it_asks_again_at_once(self):
        self.commit(self.author(self.configuration(b'x')))
        self.service.run()
        self.assertEqual(0.0, self.pauses[0])
        self.assertEqual(b'x', self.vnf.content())

    def test_a_failed_poll_pauses(self):
        self.only()
        self.service.run()
        self.assertTrue(all(24 <= one <= 36 for one in self.pauses))
        self.assertIn('Polls fail', self.log.output)

    def test_what_is_to_be_sent_soon_shortens_the_wait(self):
        self.vnf = self.restart(receipt_delay_max_seconds=8.0)
        self.service = self.vnf.service
        for number in range(20):
            self.commit(self.author(self.configuration(b'%d' % number)))
        self.poll()
        due_ms = self.service._outbox.next_due_ms()
        left = (due_ms - self.vnf.agent.timekeeper.now_ms()) / 1000
        if left > 0:
            self.assertLessEqual(self.service._until_due(25.0),
                                 max(left, 0.1))

    def test_stopped_in_a_wait_and_not_in_the_work(self):
        self.service.stop()  # not waiting: only remembered
        self.assertEqual([], self.pauses)
        self.service.run()
        self.assertEqual([], self.asked)
        again = self.restart()
        with self.assertRaisesStopped():
            with again.service._waiting():
                again.service.stop()

    def assertRaisesStopped(self):
        case = self

        class Expected:
            def __enter__(self):
                return self

            def __exit__(self, kind, _value, _trace):
                case.assertIs(service.Stopped, kind)
                return True
        return Expected()

    def test_recovery_that_fails_is_tried_in_the_next_turn(self):
        self.vnf.applier.failure = errors.ApplyFailed('x')

        def restore(snapshot, change):
            raise errors.RevertFailed('no disk')
        self.vnf.applier.restore = restore
        self.commit(self.author(self.configuration(b'x')))
        self.poll()
        self.service.run()
        self.assertIn('revert-failed', self.vnf.agent.alarms.standing())
