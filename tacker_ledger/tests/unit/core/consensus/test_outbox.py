# SPDX-License-Identifier: Apache-2.0
"""Effects collect in their order."""

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import outbox
from tacker_ledger.core import errors
from tacker_ledger.tests import base


class TestOutbox(base.TestCase):
    """Order, timers, numbers."""

    def setUp(self):
        super().setUp()
        self.out = outbox.Outbox()

    def test_order(self):
        ping, pong = messages.Ping(1), messages.Pong(1)
        self.out.send(ping)
        self.out.persist(7, [pong])
        self.out.send(pong, 3)
        self.out.refuse(2, 7, 0, errors.BadBlock('why'))
        self.assertEqual([
            effects.Send(ping),
            effects.Persist(1, 7, (pong,)),
            effects.Send(pong, 3),
            effects.Refused(2, 7, 0, 'bad-block', 'why')], self.out.take())
        self.assertEqual([], self.out.take())

    def test_writes_are_numbered_from_1(self):
        self.assertEqual([1, 2, 3], [
            self.out.persist(1, []) for _ in range(3)])

    def test_only_running_timers_are_cancelled(self):
        self.out.cancel('a', 'b')
        self.assertEqual([], self.out.take())
        self.out.set_timer('b', 5)
        self.assertTrue(self.out.runs('b'))
        self.out.cancel('a', 'b')
        self.assertEqual([effects.SetTimer('b', 5),
                          effects.CancelTimer('b')], self.out.take())
        self.assertFalse(self.out.runs('b'))

    def test_a_timer_runs_down_once(self):
        self.assertFalse(self.out.ran_down('a'))
        self.out.set_timer('a', 5)
        self.assertTrue(self.out.ran_down('a'))
        self.assertFalse(self.out.ran_down('a'))
        self.out.cancel('a')
        self.assertEqual([effects.SetTimer('a', 5)], self.out.take())
