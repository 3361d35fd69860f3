# SPDX-License-Identifier: Apache-2.0
"""Tests of bringing proven answers."""

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.tests import agent_case


class TestFetcher(agent_case.AgentCase):

    def setUp(self):
        super().setUp()
        self.fetcher = self.vnf.agent.fetcher

    def test_state_of_many_keys_is_that_of_one_head(self):
        keys = [self.provider.random_bytes(32) for _ in range(600)]
        snapshot = self.fetcher.state(keys)
        self.assertEqual(set(keys), set(snapshot.values))
        self.assertEqual({None}, set(snapshot.values.values()))
        asked = [path for door in self.doors for path in door.asked]
        self.assertEqual(3, asked.count('/v1/state'))

    def test_heads_that_move_in_between(self):
        keys = [self.provider.random_bytes(32) for _ in range(300)]
        moves = [3]

        def moving(door, handle):
            def answer(*request):
                if moves[0]:
                    moves[0] -= 1
                    self.chain.commit()
                return handle(*request)
            return answer
        for door in self.doors:
            door.handle = moving(door, door.handle)
        found = self.fetcher.state(keys)
        self.assertEqual(4, found.head.height)
        self.assertEqual(4, self.chain.height)

    def test_a_long_history_comes_in_pages(self):
        made = [self.author(self.configuration(b'%d' % number))
                for number in range(50)]
        for one in made:
            self.commit(one)
        key = identifiers.pair_state_key(
            self.h, self.vnf.document.key_id, self.tenant.document.key_id)
        record = agent_case.ledger_simulator.state_records.PairRecord \
            .from_bytes(self.fetcher.state([key]).values[key])
        found = self.fetcher.history(
            key, (0, bytes(32)), (record.count, record.head),
            lambda step: (step.count, step.transaction.txid))
        self.assertEqual([(number + 1, one.txid)
                          for number, one in enumerate(made)], found)
        pages = [path for door in self.doors for path in door.asked
                 if 'histories' in path]
        self.assertEqual(4, len(pages))

    def test_a_history_that_is_shorter_than_it_was(self):
        self.assertRaises(
            errors.ForkedChain, self.fetcher.history, bytes(32),
            (5, b'\x01' * 32), (0, bytes(32)), lambda step: step)

    def test_no_such_transaction(self):
        self.assertIsNone(self.fetcher.transaction(bytes(32),
                                                   committed=False))
        self.assertRaises(errors.NoNode, self.fetcher.transaction,
                          bytes(32), committed=True)

    def test_a_changed_federation_is_followed(self):
        self.poll()
        self.chain.change_federation(nonce=b'second federatio')
        self.chain.commit()
        self.chain.change_federation(nonce=b'third federation')
        self.commit(self.author(self.configuration(b'x')))
        self.poll()
        self.assertEqual(b'x', self.vnf.content())
        self.assertEqual(2, self.fetcher.light.trusted.federation.epoch)
        self.assertEqual(self.chain.federation,
                         self.fetcher.client.federation)
        # and after a restart
        self.vnf = self.restart()
        self.commit(self.author(self.configuration(b'y')))
        self.poll()
        self.assertEqual(b'y', self.vnf.content())

    def test_a_federation_that_nobody_can_trace(self):
        self.poll()
        self.chain.change_federation(nonce=b'second federatio')
        self.commit(self.author(self.configuration(b'x')))
        self.chain.successors.clear()
        self.assertPollFails('unknown-federation')

    def test_busy_nodes_are_passed_over(self):
        for door in list(self.doors)[:3]:
            door.refusal = errors.Busy('too many waiters')
        self.commit(self.author(self.configuration(b'x')))
        self.poll()
        self.assertEqual(b'x', self.vnf.content())
