# SPDX-License-Identifier: Apache-2.0
"""Proposing a block, judging one, moving on."""

import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers


class ApplicationCase(base.TestCase):
    """Two ledgers of one chain: one proposes, the other judges."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.h = self.made.h
        self.ledger = ledgers.Ledger(self.made)
        self.other = ledgers.Ledger(self.made)

    def make(self, label, **fields):
        return ledgers.digest_transaction(self.h, label, **fields)

    def validate(self, block):
        return self.other.application.validate(block)


class TestHead(ApplicationCase):
    """The newest block."""

    def test_genesis(self):
        head = self.ledger.application.head
        header = block_module.genesis_header(self.h, self.made.federation)
        self.assertEqual(
            application.Head(0, header.digest(self.h),
                             federations.CREATED_MS, header.to_bytes(), b''),
            head)

    def test_it_moves(self):
        committed = self.ledger.commit([self.make('one')])
        head = self.ledger.application.head
        self.assertEqual(
            (1, committed.block.digest, committed.certificate),
            (head.height, head.digest, head.certificate))
        self.assertEqual(self.ledger.tree.root(),
                         committed.block.header.state_root)


class TestProposing(ApplicationCase):
    """propose."""

    def propose(self, *transactions, now_ms=ledgers.START_MS,
                allow_empty=False):
        self.ledger.pool.waiting = list(transactions)
        return self.ledger.application.propose(now_ms, 2,
                                               allow_empty=allow_empty)

    def test_the_header(self):
        outcome = self.propose(self.make('one'))
        header = outcome.block.header
        self.assertEqual(
            (self.h.chain_id, 1, self.ledger.application.head.digest,
             ledgers.START_MS, 2, self.made.federation.digest),
            (header.chain_id, header.height, header.parent,
             header.timestamp_ms, header.proposer, header.federation))
        self.assertEqual(outcome, self.validate(outcome.block))

    def test_nothing_is_changed_by_it(self):
        root = self.ledger.tree.root()
        self.propose(self.make('one'))
        self.assertEqual(root, self.ledger.tree.root())
        self.assertEqual(0, self.ledger.application.head.height)

    def test_nothing_to_propose(self):
        self.assertIsNone(self.propose())
        self.assertEqual((), self.propose(
            allow_empty=True).block.raw_transactions)

    def test_time_never_stands_still(self):
        outcome = self.propose(self.make('one'), now_ms=5)
        self.assertEqual(federations.CREATED_MS + 1,
                         outcome.block.header.timestamp_ms)

    def test_conflicts_are_told_and_left_out(self):
        early = self.make('early')
        self.ledger.commit([early])
        outcome = self.propose(early, self.make('one'))
        self.assertEqual(1, len(outcome.transactions))
        (refused, error), = self.ledger.pool.refused
        self.assertEqual((early, 'duplicate'), (refused, error.code))

    def test_good_ones_behind_bad_ones_are_found(self):
        early = [self.make(f'early {n}') for n in range(3)]
        self.ledger.commit(early)
        waiting = [*early, self.make('late')]
        pool = self.ledger.pool
        pool.candidates = lambda count, size: waiting[:1]
        pool.rejected = lambda one, error: waiting.remove(one)
        outcome = self.ledger.application.propose(ledgers.START_MS, 0,
                                                  allow_empty=False)
        self.assertEqual((self.make('late'),), outcome.transactions)

    def test_a_pool_that_does_not_learn_ends_the_search(self):
        early = self.make('early')
        self.ledger.commit([early])
        self.assertIsNone(self.propose(early))
        self.assertEqual(16, len(self.ledger.pool.refused))

    def test_the_bounds_of_the_document(self):
        smallest = federation_document.Parameters(
            batch_max_transactions=3, block_max_bytes=1_400_000)
        self.made = federations.genesis(4, parameters=smallest)
        self.h = self.made.h
        self.ledger = ledgers.Ledger(self.made)
        self.other = ledgers.Ledger(self.made)
        outcome = self.propose(*[self.make(f'{n}') for n in range(5)])
        self.assertEqual(3, len(outcome.transactions))
        # The rule is judged, not only kept.
        raws = [self.make(f'{n}').raw for n in range(4)]
        header = dataclasses.replace(
            outcome.block.header,
            transactions_root=block_module.transactions_root(self.h, raws))
        block = block_module.Block.assembled(self.h, header, raws)
        self.assertRaises(errors.BadBlock, self.validate, block)


class TestJudging(ApplicationCase):
    """validate."""

    def test_it_finds_what_the_proposer_found(self):
        self.ledger.commit([self.make('zero')])
        self.other.accept(self.validate(self.ledger.blocks[0].block))
        outcome = self.ledger.propose([self.make('one'), self.make('two')])
        found = self.validate(
            block_module.Block.from_bytes(self.h, outcome.block.to_bytes()))
        self.assertEqual(outcome, found)
        self.assertEqual(2, len(found.changes.entries))

    def test_headers_that_do_not_follow(self):
        good = self.ledger.propose([self.make('one')]).block
        head = self.ledger.application.head
        for field, value in (
                ('chain_id', bytes(32)), ('height', 0), ('height', 2),
                ('parent', bytes(32)), ('timestamp_ms', head.time_ms),
                ('federation', bytes(32)), ('proposer', 4),
                ('state_root', bytes(32))):
            header = dataclasses.replace(good.header, **{field: value})
            block = block_module.Block.assembled(
                self.h, header, good.raw_transactions)
            found = self.assertRaises(errors.BadBlock, self.validate, block)
            self.assertIn('height', found.details)

    def spoiled(self, *raws):
        """Return a block of these transactions, whatever they are."""
        good = self.ledger.propose().block
        header = dataclasses.replace(
            good.header, transactions_root=block_module.transactions_root(
                self.h, raws))
        return block_module.Block.assembled(self.h, header, raws)

    def test_transactions_that_are_none(self):
        one = self.make('one')
        unsigned = one.raw.replace(one.signature, bytes(64))
        for raw, error in ((b'\x00', errors.Malformed),
                           (unsigned, errors.BadSignature)):
            found = self.assertRaises(error, self.validate, self.spoiled(
                self.make('two').raw, raw))
            self.assertEqual(1, found.details['index'])

    def test_a_transaction_twice(self):
        one = self.make('one').raw
        found = self.assertRaises(errors.Duplicate, self.validate,
                                  self.spoiled(one, one))
        self.assertEqual(1, found.details['index'])

    def test_what_the_pool_has_checked_is_not_checked_again(self):
        one = self.make('one')
        block = self.ledger.propose([one]).block
        self.other.pool.checked[one.raw] = one
        self.assertIs(one, self.validate(block).transactions[0])

    def test_rules_that_are_not_known(self):
        made = federations.genesis(4, rules=((0, 1), (1, 9)))
        ledger = ledgers.Ledger(made)
        self.assertRaises(errors.UnsupportedVersion, ledger.propose)


class TestFederations(ApplicationCase):
    """A block that brings a federation document."""

    def test_it_is_in_force_from_the_next_height(self):
        following = federations.successor(self.made)
        outcome = self.ledger.propose(
            [ledgers.federation_transaction(self.h, following)])
        self.assertEqual(following.federation, outcome.federation)
        self.assertEqual(self.made.federation,
                         self.ledger.application.federation)
        self.ledger.accept(outcome)
        self.assertEqual(following.federation,
                         self.ledger.application.federation)
        self.assertEqual(following.federation.digest,
                         self.ledger.propose().block.header.federation)

    def test_one_in_a_block(self):
        one, two = (ledgers.federation_transaction(
            self.h, federations.successor(self.made, nonce=nonce), label)
            for nonce, label in ((bytes(16), 'one'),
                                 (b'\x01' * 16, 'two')))
        self.ledger.pool.waiting = [one, two]
        outcome = self.ledger.application.propose(ledgers.START_MS, 0,
                                                  allow_empty=False)
        self.assertEqual((one,), outcome.transactions)
        (refused, error), = self.ledger.pool.refused
        self.assertEqual((two, 'federation-conflict'),
                         (refused, error.code))
