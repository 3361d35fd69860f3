# SPDX-License-Identifier: Apache-2.0
"""Who is an archive: what counts is what was said on a link that is up."""

from tacker_ledger.node import gossip
from tacker_ledger.node import holdings
from tacker_ledger.storage import holdings as holdings_module
from tacker_ledger.tests.unit.storage import stores


class TestHoldings(stores.StoreCase):

    def setUp(self):
        super().setUp()
        self.sent = []
        self.member = 1
        self.holdings = self.make(keeps=False)

    def make(self, keeps):
        return holdings.Holdings(
            self.stored.store, lambda: self.member, keeps,
            lambda frame, to: self.sent.append((frame, to)))

    def known(self):
        store = self.stored.store
        store.write(lambda txn: None).result()
        with store.env.read() as txn:
            return holdings_module.read(store.env, txn)

    def hear(self, member, first_body=0, keeps=True):
        self.holdings.received(gossip.Holding(member, first_body, keeps))

    def test_a_new_link_is_told_what_is_held(self):
        self.holdings.connected(3)
        store = self.stored.store
        store.write(lambda txn: store.chain.set_first_body(txn, 9)).result()
        self.make(keeps=True).connected(2)
        self.assertEqual(
            [(gossip.encode(gossip.Holding(1, 0, False)), 3),
             (gossip.encode(gossip.Holding(1, 9, True)), 2)], self.sent)

    def test_a_guest_promises_nothing(self):
        self.member = -1
        self.holdings.connected(3)
        self.assertEqual([], self.sent)

    def test_archives_hold_everything_and_keep_it(self):
        self.hear(0)
        self.hear(2, first_body=5)
        self.hear(3, keeps=False)
        self.assertEqual((0,), self.known().archives)
        self.hear(3)
        self.assertEqual((0, 3), self.known().archives)
        self.hear(0, first_body=1)
        self.assertEqual((3,), self.known().archives)

    def test_a_new_link_says_it_anew(self):
        self.hear(0)
        self.hear(2)
        self.holdings.connected(0)
        self.holdings.keep([0, 2, 3])
        self.assertEqual((2,), self.known().archives)

    def test_only_who_is_connected_counts_at_the_end(self):
        self.hear(0)
        self.hear(2)
        self.holdings.keep([2])
        known = self.known()
        self.assertEqual(((2,), False), (known.archives, known.keeps))
        self.assertGreater(known.noted_ms, 1_600_000_000_000)
