# SPDX-License-Identifier: Apache-2.0
"""Tests of blocks for members who catch up."""

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import limits
from tacker_ledger.node import supply
from tacker_ledger.storage import chain
from tacker_ledger.tests.unit.storage import stores


class TestSupply(stores.StoreCase):

    def ask(self, height, count=256):
        return supply.blocks(self.stored.store.env,
                             messages.GetBlocks(5, height, count))

    def test_an_answer_ends_with_a_certificate(self):
        self.patch(chain, 'CERTIFICATE_INTERVAL', 4)
        for _ in range(10):
            self.stored.commit()
        answer = self.ask(1, 7)
        self.assertEqual((5, 10, 4), (answer.request_id, answer.head_height,
                                      len(answer.blocks)))
        self.assertEqual([False] * 3 + [True],
                         [bool(pair[1]) for pair in answer.blocks])
        self.assertEqual((), self.ask(5, 2).blocks)
        self.assertEqual((), self.ask(11).blocks)

    def test_an_answer_is_bounded_but_has_one_block_at_least(self):
        self.patch(limits, 'BLOCKS_ANSWER_MAX_BYTES', 10)
        for number in range(3):
            self.stored.commit(self.stored.digest(f'{number}'))
        self.assertEqual(1, len(self.ask(1).blocks))
        messages.decode(messages.encode(self.ask(1)))
