# SPDX-License-Identifier: Apache-2.0
"""Whom to ask next, and who lied."""

import random

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import answer
from tacker_ledger.tests import base
from tacker_ledger.transport import node_pool

REQUEST = answer.Request.of('GET', '/v1/head')


def answered(height: int, digest: bytes = bytes(32)) -> answer.Answer:
    """Return an answer with a head."""
    return answer.Answer(0, bytes(16), bytes(32), height, digest, height,
                         b'\x80', bytes(64))


class TestNodePool(base.TestCase):
    """The order of nodes."""

    def setUp(self):
        super().setUp()
        self.now = 0.0
        self.pool = node_pool.NodePool(
            [(f'https://node-{index}', index) for index in range(4)],
            clock=lambda: self.now, generator=random.Random(7))

    def note(self, node, *answers):
        for one in answers:
            self.pool.note(node, self.pool.heard(node), REQUEST, one,
                           one.to_bytes())

    def test_the_order_differs_between_clients_and_stays(self):
        orders = {node_pool.NodePool(
            [(f'https://node-{index}', index) for index in range(4)]
        ).nodes() for _ in range(50)}
        self.assertGreater(len(orders), 5)
        self.assertEqual(self.pool.nodes(), self.pool.nodes())

    def test_at_least_one(self):
        self.assertRaises(errors.BadOption, node_pool.NodePool, [])

    def test_a_failing_node_is_passed_over_for_a_growing_pause(self):
        first = self.pool.nodes()[0]
        pauses = []
        for _ in range(4):
            self.pool.mark_failing(first)
            self.assertEqual(first, self.pool.nodes()[-1])
            started = self.now
            while self.pool.nodes()[0] != first:
                self.now += 0.05
            pauses.append(self.now - started)
        for number, pause in enumerate(pauses):
            self.assertTrue(2 ** number / 2 <= pause <= 2 ** number * 1.6,
                            pauses)
        self.pool.mark_failing(first)
        self.pool.mark_answered(first)
        self.assertEqual(first, self.pool.nodes()[0])

    def test_a_pause_is_bounded_also_when_the_node_asks_for_more(self):
        first = self.pool.nodes()[0]
        for _ in range(100):
            self.pool.mark_failing(first, 10 ** 9)
        self.now += node_pool.PAUSE_MAX_SECONDS * 1.6
        self.assertEqual(first, self.pool.nodes()[0])

    def test_the_node_may_ask_for_a_pause(self):
        first = self.pool.nodes()[0]
        self.pool.mark_failing(first, 60.0)
        self.now += 29
        self.assertNotEqual(first, self.pool.nodes()[0])
        self.now += 62
        self.assertEqual(first, self.pool.nodes()[0])

    def test_a_stale_node_comes_back_with_a_newer_head(self):
        first = self.pool.nodes()[0]
        self.note(first, answered(5))
        self.pool.mark_stale(first)
        self.assertEqual(first, self.pool.nodes()[-1])
        self.pool.mark_answered(first)
        self.note(first, answered(5))
        self.assertEqual(first, self.pool.nodes()[-1])
        self.note(first, answered(6))
        self.assertEqual(first, self.pool.nodes()[0])

    def test_a_liar_is_asked_last_for_good(self):
        first, second, *_rest = self.pool.nodes()
        self.pool.mark_lying(node_pool.Offence(
            first, 'bad-proof', REQUEST, b'answer'))
        self.pool.mark_failing(second)
        self.pool.mark_answered(first)
        self.now += 10 ** 6
        self.assertEqual(first, self.pool.nodes()[-1])
        self.assertEqual(['bad-proof'],
                         [one.code for one in self.pool.offences()])
        for _ in range(50):
            self.pool.mark_lying(node_pool.Offence(
                first, 'bad-proof', REQUEST, b'answer'))
        self.assertEqual(node_pool.OFFENCES_MAX_COUNT,
                         len(self.pool.offences()))

    def test_a_head_lower_than_before_is_a_lie_with_evidence(self):
        node = self.pool.nodes()[0]
        earlier, later = answered(9), answered(8)
        self.note(node, earlier)
        error = self.assertRaises(errors.HeadRollback, self.note, node,
                                  later)
        self.assertEqual((9, 8), (error.details['before'],
                                  error.details['now']))
        offence, = self.pool.offences()
        self.assertEqual(
            (node, 'head-rollback', later.to_bytes(), earlier.to_bytes()),
            (offence.node, offence.code, offence.answer, offence.earlier))
        self.assertEqual(node, self.pool.nodes()[-1])
        # what it said before still counts
        self.assertEqual(9, self.pool.heard(node).height)

    def test_another_head_at_one_height(self):
        node = self.pool.nodes()[0]
        self.note(node, answered(9), answered(9))
        self.assertRaises(errors.ForkedChain, self.note, node,
                          answered(9, b'\x01' * 32))

    def test_answers_to_requests_at_the_same_time(self):
        """Of two requests in flight either may get the lower head."""
        node = self.pool.nodes()[0]
        before = self.pool.heard(node)
        for height in (9, 8):
            one = answered(height)
            self.pool.note(node, before, REQUEST, one, one.to_bytes())
        self.assertEqual((9, ()), (self.pool.heard(node).height,
                                   self.pool.offences()))

    def test_members_are_not_compared_with_each_other(self):
        first, second, *_rest = self.pool.nodes()
        self.note(first, answered(9))
        self.note(second, answered(8))
        self.assertEqual((), self.pool.offences())

    def test_large_answers_are_not_kept(self):
        node = self.pool.nodes()[0]
        one = answered(3)
        self.pool.note(node, None, REQUEST, one,
                       bytes(node_pool.HEARD_MAX_BYTES + 1))
        self.assertEqual((3, None), (self.pool.heard(node).height,
                                     self.pool.heard(node).answer))

    def test_replaced(self):
        first, second, third, fourth = self.pool.nodes()
        self.note(second, answered(4))
        self.pool.mark_failing(first)
        new = node_pool.Node('https://new', 9)
        self.pool.replace([first, second, new])
        self.assertEqual({first, second, new}, set(self.pool.nodes()))
        self.assertEqual(first, self.pool.nodes()[-1])
        self.assertEqual(4, self.pool.heard(second).height)
        self.pool.replace([])
        self.assertEqual(3, len(self.pool.nodes()))
        for gone in (third, fourth):
            self.pool.mark_failing(gone)
            self.pool.mark_answered(gone)
            self.pool.mark_stale(gone)
            self.note(gone, answered(1))
            self.assertIsNone(self.pool.heard(gone))
        self.assertEqual((second, new), self.pool.others(first))
