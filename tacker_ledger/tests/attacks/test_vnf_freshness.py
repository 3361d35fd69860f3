# SPDX-License-Identifier: Apache-2.0
"""Attacks on a VNF by time: old truth, late truth, wrong clocks.

Old answers are true answers, so they convict nobody; a VNF refuses them by
comparing what is certified with what it knows and with its own time.
"""

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload
from tacker_ledger.tests import agent_case
from tacker_ledger.tests import ledger_simulator

HOUR_MS = agent_case.HOUR_MS
DAY_MS = ledger_simulator.DAY_MS


class FreshnessCase(agent_case.AgentCase):

    def setUp(self):
        super().setUp()
        self.first = self.author(self.configuration(b'first'))
        self.commit(self.first)
        self.poll()
        self.settle()
        self.poll()

    def publish(self, data=b'new'):
        one = self.author(self.configuration(data))
        self.commit(one)
        return one

    def heartbeats(self, count, clocks=True):
        for _ in range(count):
            if clocks:
                self.commit(elapsed_ms=ledger_simulator.HEARTBEAT_MS)
            else:
                self.chain.commit(time_ms=self.chain.time_ms
                                  + ledger_simulator.HEARTBEAT_MS)


class TestRollback(FreshnessCase):

    def test_a_lower_head_than_one_believed(self):
        for door in self.doors:
            door.freeze()
        self.doors[1].thaw()
        self.publish()
        self.only(1)
        self.poll()
        self.assertEqual(b'new', self.vnf.content())
        self.only(0, 2, 3)
        self.assertPollFails('head-rollback')
        # no lie: these members may not know better
        self.assertEqual([], self.vnf.evidence())

    def test_a_lower_head_than_it_signed_itself_is_named(self):
        self.only(0)
        self.doors[0].freeze()
        before = self.doors[0].past
        self.doors[0].thaw()
        self.publish()
        self.poll()
        self.doors[0].past = before
        self.assertPollFails('head-rollback')
        names = self.vnf.evidence()
        self.assertTrue(names[0].startswith('0-head-rollback-'))
        self.assertIn('earlier', names[0].rpartition('.')[2]
                      + names[-1].rpartition('.')[2])

    def test_after_a_restart_too(self):
        self.doors[2].freeze()
        self.publish()
        self.only(0, 1, 3)
        self.poll()
        self.vnf = self.restart()
        self.only(2)
        self.assertPollFails('head-rollback')

    def test_a_b_a(self):
        """Version 1 does not come back after version 2, as no version does.
        """
        two = self.author(self.configuration(b'second'), vid=2,
                          cid=self.first.content.cid)
        self.commit(two)
        self.poll()
        self.assertEqual(b'second', self.vnf.content())
        for door in self.doors:
            door.lie = lambda asked, body: ([body[0], body[1], [
                [row[0], row[1], self.first.raw] for row in body[2]]]
                if 'histories' in asked else body)
        self.publish()
        self.assertPollFails('history-incomplete')
        self.assertEqual(b'second', self.vnf.content())

    def test_below_the_floor_of_the_bootstrap_document(self):
        self.doors[0].freeze()
        self.heartbeats(3)
        head = self.chain.application.head
        floor = agent_case.document_module.Floor(
            head.height, head.digest, head.time_ms)
        self.vnf = self.start(
            document=self.bootstrap_document(floor=floor))
        self.only(0)
        self.assertPollFails('head-rollback')


class TestFreeze(FreshnessCase):

    def test_indefinite_freeze(self):
        """All nodes (or who stands before them) stop at one head."""
        for door in self.doors:
            door.freeze()
        self.publish()
        self.poll()
        self.vnf.clocks.pass_ms(121_000)
        self.assertPollFails('stale-head')
        self.assertIn('stale-head', self.vnf.agent.alarms.standing())
        # what is in force stays in force; the truth ends the alarm
        self.assertEqual(b'first', self.vnf.content())
        for door in self.doors:
            door.thaw()
        self.chain.commit(time_ms=self.chain.time_ms + 121_000)
        self.poll()
        self.assertEqual(b'new', self.vnf.content())
        self.assertEqual((), self.vnf.agent.alarms.standing())

    def test_one_frozen_node_is_passed_over(self):
        self.doors[0].freeze()
        self.publish()
        self.heartbeats(5)
        for _ in range(4):
            self.poll()
        self.assertEqual(b'new', self.vnf.content())

    def test_a_chain_replayed_slowly(self):
        """True blocks, one by one, at half the pace."""
        self.publish()
        self.heartbeats(40, clocks=False)
        door = self.doors[0]
        self.only(0)
        shown = self.chain.height - 40
        stale = None
        for _ in range(40):
            shown += 1
            self.vnf.clocks.pass_ms(2 * ledger_simulator.HEARTBEAT_MS)
            door.past = _At(self.chain, shown)
            try:
                self.poll()
            except errors.LedgerError as exc:
                stale = exc
                break
        self.assertIn('stale-head', (stale.code,
                                     *stale.details.get('codes', ())))

    def test_silence_is_isolation(self):
        self.only()
        self.vnf.clocks.pass_ms(121_000)
        self.assertPollFails('timeout')
        self.assertIn('isolated', self.vnf.agent.alarms.standing())


class _At:
    """The chain at a height, when nothing but heartbeats came since."""

    def __init__(self, chain, height):
        self.height = height
        self.state = chain.state
        self.tree = chain.tree


class TestFastForward(FreshnessCase):

    def test_a_head_without_certificate_from_the_future(self):
        """A jump ahead would make every later true head look old."""
        def liar(asked, body):
            header = list(codec.decode(
                body[0][0], codec.Record(*[_Any()] * 9), 1000))
            header[2] += 10 ** 9
            header[6] += 10 ** 12
            body[0][0] = codec.encode(header)
            return body
        self.doors[0].lie = liar
        self.only(0)
        self.publish()
        self.assertPollFails('bad-certificate')
        self.only(1, 2, 3)
        self.poll()
        self.assertEqual(b'new', self.vnf.content())


class _Any:
    def check(self, value, path):
        pass


class TestSecondNode(FreshnessCase):

    def test_none_answering_is_reported(self):
        self.only(2)
        for _ in range(10):
            self.poll()
        self.assertEqual(('single-node',), self.vnf.agent.alarms.standing())
        self.only(1, 2)
        for _ in range(10):
            self.poll()
        self.assertEqual((), self.vnf.agent.alarms.standing())


class TestDaysLate(FreshnessCase):
    """A VNF sleeps; then one lying node stands before a blocked path."""

    def setUp(self):
        super().setUp()
        self.vnf.clocks.boot = 'boot-2'
        self.publish(b'by the thief')
        self.heartbeats(3, clocks=False)
        self.late = _Past(self.chain, self.doors[0])
        self.late_ms = self.chain.time_ms
        self.commit(self.author(self.trust_change(
            payload.RevokeTenant(self.tenant.document.key_id,
                                 ((self.first.content.cid, 1),)))))
        # three days go by
        self.chain.beats(self.chain.time_ms + 3 * HOUR_MS)
        self.chain.commit(time_ms=self.chain.time_ms + 3 * DAY_MS)
        self.vnf.clocks.wall_ms = self.chain.time_ms
        self.vnf.clocks.monotonic_ms = 5000
        self.vnf = self.restart()

    def test_true_chain_served_days_late(self):
        self.only(0)
        self.doors[0].past = self.late
        # every head is certified, advances and is fresh for who slept
        self.assertPollFails('clock-suspect')
        self.assertEqual(('clock-suspect',),
                         self.vnf.agent.alarms.standing())
        self.assertEqual(b'first', self.vnf.content())

    def test_the_present_chain_is_believed(self):
        self.poll()
        self.assertEqual((), self.vnf.agent.alarms.standing())
        # and a revoked thief is not obeyed by a VNF that slept
        self.assertEqual(b'first', self.vnf.content())

    def test_one_node_with_the_present_ends_it(self):
        """Whoever is asked first: nothing is decided under the late head.
        """
        self.doors[0].past = self.late
        self.only(0, 1)
        pool = self.vnf.agent.fetcher.client.pool
        pool._rank.sort(key=lambda node: node.member)
        self.poll()
        self.assertEqual((), self.vnf.agent.alarms.standing())
        self.assertEqual(b'first', self.vnf.content())

    def test_a_second_opinion_ends_it_too(self):
        self.vnf.clocks.wall_ms = self.late_ms
        self.doors[0].past = self.late
        self.only(0, 1)
        self.vnf = self.restart(second_node_polls=1)
        self.vnf.agent.fetcher.client.pool._rank.sort(
            key=lambda node: node.member)
        try:
            self.poll()
        except errors.ClockSuspect:
            # the second node's time contradicts the wall clock
            pass
        self.assertEqual(b'first', self.vnf.content())
        self.assertIn('held back', self.log.output)


class _Past:
    """The chain as it is now, for a door to show later."""

    def __init__(self, chain, door):
        door.freeze()
        self.height = door.past.height
        self.state = door.past.state
        self.tree = door.past.tree
        door.thaw()


class TestClocks(FreshnessCase):
    """The wall clock is wrong; the chain is right."""

    def assertSuspectAlone(self, wall_ms):
        """One node is not enough: f + 1 have to say what time it is."""
        self.vnf.clocks.wall_ms = wall_ms
        self.publish()
        self.only(0)
        self.assertPollFails('clock-suspect')
        self.assertEqual(('clock-suspect',),
                         self.vnf.agent.alarms.standing())

    def assertRecovers(self, *members):
        self.only(*members)
        self.poll()
        self.assertEqual((), self.vnf.agent.alarms.standing())
        self.assertEqual(b'new', self.vnf.content())

    def test_1970(self):
        self.assertSuspectAlone(0)
        self.assertRecovers(0, 1)

    def test_set_forward(self):
        self.assertSuspectAlone(self.chain.time_ms + HOUR_MS)
        self.assertRecovers(1, 3)

    def test_set_back(self):
        self.assertSuspectAlone(self.chain.time_ms - HOUR_MS)
        self.assertRecovers(0, 1, 2, 3)

    def test_it_clears_when_the_clock_is_set_right(self):
        self.assertSuspectAlone(0)
        self.vnf.clocks.wall_ms = self.chain.time_ms
        self.assertRecovers(0)

    def test_the_stored_offset_counts_after_a_restart(self):
        self.assertSuspectAlone(5)
        self.assertRecovers(0, 1, 2)
        self.vnf = self.restart()
        self.only(3)
        self.publish(b'more')
        self.poll()
        self.assertEqual(b'more', self.vnf.content())
        # the clock that was wrong is set right: now it is the offset that
        # contradicts the chain, and members have to say so again
        self.vnf.clocks.wall_ms = self.chain.time_ms
        self.publish(b'most')
        self.assertPollFails('clock-suspect')
        self.only(0, 1, 2, 3)
        self.poll()
        self.assertEqual(b'most', self.vnf.content())

    def test_a_backward_jump_while_it_runs(self):
        self.poll()
        self.vnf.clocks.wall_ms -= 2 * HOUR_MS
        self.publish()
        self.only(2)
        self.assertPollFails('clock-suspect')

    def test_a_member_whose_head_is_late_does_not_count(self):
        self.doors[1].freeze()
        self.heartbeats(6)
        self.vnf.clocks.wall_ms = 0
        self.publish()
        self.only(0, 1)
        self.assertPollFails('clock-suspect')
