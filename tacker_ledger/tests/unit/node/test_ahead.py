# SPDX-License-Identifier: Apache-2.0
"""Tests of judging blocks before those under them are stored."""

from tacker_ledger.core import errors
from tacker_ledger.node import ahead
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.unit.storage import stores


class TestAhead(stores.StoreCase):

    def setUp(self):
        super().setUp()
        self.behind = stores.Stored(self.make_directory() / 'behind')
        self.addCleanup(self.behind.close)
        for number in range(8):
            self.stored.commit(self.stored.digest(f'tx {number}'),
                               self.stored.digest(f'other {number}'))
            self.stored.commit()

    def ahead(self):
        store, ledger = self.behind.store, self.behind.ledger
        return ahead.Ahead(ledger.application, federations.PROVIDER,
                           view=store.state, nodes=store.nodes,
                           buckets=store.state, pool=ledger.pool)

    def test_many_blocks_in_one_write(self):
        beyond = self.ahead()
        run = [(beyond.judge(one.block, one.certificate), one.certificate)
               for one in self.stored.ledger.blocks]
        # nothing has moved yet
        self.assertEqual(0, self.behind.ledger.application.head.height)
        self.assertEqual(0, self.behind.store.head().height)
        self.behind.store.append(run).result()
        self.assertEqual(self.stored.store.head(), self.behind.store.head())
        self.assertEqual(self.stored.store.tree.root(),
                         self.behind.store.tree.root())
        self.behind.store.rebuild_map()

    def test_what_is_judged_ahead_is_what_is_judged_in_step(self):
        beyond = self.ahead()
        for one in self.stored.ledger.blocks:
            outcome = beyond.judge(one.block, one.certificate)
            self.assertEqual(one.outcome.overlay.root, outcome.overlay.root)
            self.assertEqual(one.outcome.changes.changes,
                             outcome.changes.changes)

    def test_across_a_change_of_the_federation(self):
        second = federations.successor(self.stored.made)
        self.stored.commit(ledgers.federation_transaction(self.h, second),
                           next_made=second)
        self.stored.commit(self.stored.digest('under the second'))
        beyond = self.ahead()
        outcomes = [beyond.judge(one.block, one.certificate)
                    for one in self.stored.ledger.blocks]
        self.assertEqual(1, outcomes[-2].federation.epoch)

    def test_a_block_that_does_not_follow(self):
        beyond = self.ahead()
        self.assertRaises(errors.BadBlock, beyond.judge,
                          self.stored.ledger.blocks[1].block, b'')
