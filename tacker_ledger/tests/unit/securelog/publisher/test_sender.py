# SPDX-License-Identifier: Apache-2.0
"""The transaction sender and the info provider over a chain in memory."""

import fixtures

from tacker_ledger.core import errors
from tacker_ledger.securelog.publisher import lease as lease_module
from tacker_ledger.securelog.publisher import provider
from tacker_ledger.securelog.publisher import sender
from tacker_ledger.storage import anchor_models as models
from tacker_ledger.storage import anchors
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.securelog.publisher import chains
from tacker_ledger.tests.unit.storage import test_anchors

HOUR_MS = 3_600_000


class _Killed(BaseException):
    """The process ends here."""


class SenderCase(base.TestCase):
    """One outbox, one chain, as many publishers as a test starts."""

    def setUp(self):
        super().setUp()
        self.url = f'sqlite:///{self.make_directory()}/anchors.sqlite'
        self.database = self.open()
        self.database.migrate()
        self.chain = chains.Chain()
        self.now_ms = 10 * HOUR_MS
        self.silence = 0.0
        self.told = []
        self.driver, self.lease, self.sender = self.start('one')

    def open(self) -> anchors.Anchors:
        made = anchors.Anchors(self.url, sqlite_synchronous=False)
        self.addCleanup(made.close)
        return made

    def start(self, owner, database=None):
        """Start a publisher."""
        database = database or self.database
        driver = chains.ChainDriver(self.chain)
        lease = lease_module.Lease(database, owner, 30.0,
                                   lambda: self.silence)
        return driver, lease, sender.Sender(database, driver, lease,
                                            lambda: self.now_ms)

    def step(self):
        """Let the first publisher act."""
        self.assertTrue(self.lease.hold())
        self.sender.step()

    def find(self, *places):
        """Put checkpoints (writer, sequence) into the outbox."""
        self.database.add_found(
            [test_anchors.found(*place) for place in places], self.now_ms)

    def anchored(self):
        """Return (state, checkpoints) of every anchor."""
        return [(sent.state, [(one.writer, one.sequence) for one in
                              self.database.checkpoints(sent.anchor_id)])
                for sent in self.database.sent()]


class TestSender(SenderCase):
    def test_one_transaction_for_all_that_was_found(self):
        self.find((1, 4), (2, 6))
        self.step()
        self.assertEqual([('pending', [(1, 4), (2, 6)])], self.anchored())
        self.assertEqual(1, len(self.chain.pool))

    def test_nothing_is_sent_before_the_interval_is_over(self):
        self.find((1, 4))
        self.step()
        self.chain.mine(count=3)
        self.find((1, 9))
        self.now_ms += HOUR_MS - 1
        self.step()
        self.assertEqual(1, len(self.database.sent()))
        self.now_ms += 1
        self.step()
        self.assertEqual([('final', [(1, 4)]), ('pending', [(1, 9)])],
                         self.anchored())

    def test_no_anchor_on_an_unconfirmed_one(self):
        self.find((1, 4))
        self.step()
        for sequence in (9, 14):
            self.find((1, sequence))
            self.now_ms += HOUR_MS
            self.step()
        self.assertEqual(1, len(self.database.sent()))
        self.chain.mine()
        self.step()
        self.step()
        self.assertEqual([('confirmed', [(1, 4)]), ('pending', [(1, 14)])],
                         self.anchored())

    def test_what_waits_too_long_is_replaced_once_and_mined_once(self):
        self.find((1, 4))
        self.step()
        [first] = self.database.sent()
        self.driver.bump_after_ms = 1000
        self.now_ms += 1000
        self.step()
        self.step()
        states = [(sent.attempt, sent.state) for sent in self.database.sent()]
        self.assertEqual([(0, 'replaced'), (1, 'pending')], states)
        self.assertNotIn(first.txid, self.chain.pool)
        self.chain.mine(count=3)
        self.step()
        self.assertEqual(['conflicted', 'final'],
                         [sent.state for sent in self.database.sent()])
        self.assertEqual([], self.database.due('bitcoin'))

    def test_the_replaced_one_may_be_mined(self):
        self.find((1, 4))
        self.step()
        [first] = self.database.sent()
        self.driver.bump_after_ms = 1000
        self.now_ms += 1000
        self.step()
        self.chain.mine(first.txid, count=3)
        self.step()
        self.assertEqual(['final', 'conflicted'],
                         [sent.state for sent in self.database.sent()])
        self.assertEqual([], self.database.unsettled('bitcoin'))

    def test_a_reorganisation_makes_it_wait_again(self):
        self.find((1, 4))
        self.step()
        self.chain.mine()
        self.step()
        self.assertEqual('confirmed', self.database.sent()[0].state)
        self.chain.reorganise(1)
        self.step()
        [sent] = self.database.sent()
        self.assertEqual(('pending', None), (sent.state, sent.block))
        self.chain.mine(count=3)
        self.step()
        self.assertEqual('final', self.database.sent()[0].state)

    def test_what_can_never_go_in_is_anchored_again(self):
        self.find((1, 4))
        self.step()
        self.chain.spends[b'thief'] = b'first'
        self.chain.mine(b'thief')
        self.step()
        self.assertEqual(['conflicted'],
                         [sent.state for sent in self.database.sent()])
        self.assertEqual(1, len(self.database.due('bitcoin')))

    def test_a_node_that_is_away_loses_nothing(self):
        self.find((1, 4))
        self.chain.away = True
        self.assertTrue(self.lease.hold())
        self.assertRaises(errors.NoNode, self.sender.step)
        [sent] = self.database.sent()
        self.assertIsNone(sent.sent_ms)
        self.chain.away = False
        self.step()
        self.assertEqual([sent.txid], self.chain.pool)


class TestKilled(SenderCase):
    """A process may end between any two things that it does."""

    def killed_at(self, number: int) -> bool:
        """Run steps of a publisher that ends at its n-th act.

        :returns: whether it did so many
        """
        left = [number]

        def mortal(function):
            def act(*arguments, **named):
                left[0] -= 1
                if left[0] == 0:
                    raise _Killed
                made = function(*arguments, **named)
                left[0] -= 1
                if left[0] == 0:
                    raise _Killed
                return made
            return act

        database = self.open()
        driver, lease, sends = self.start(f'mortal-{number}', database)
        seen = database.beat(lease_module.NAME, lease.owner)
        if seen[0] != lease.owner:
            database.take_over(lease_module.NAME, lease.owner, seen)
        for thing, names in ((database, ('store', 'store_attempt', 'note')),
                             (driver, ('send', 'drafts', 'replacement'))):
            for name in names:
                setattr(thing, name, mortal(getattr(thing, name)))
        driver.bump_after_ms = 1
        try:
            for _ in range(4):
                lease.hold()
                sends.step()
                self.now_ms += HOUR_MS
        except _Killed:
            return True
        return False

    def test_killed_anywhere_it_neither_loses_nor_pays_twice(self):
        number = 0
        while True:
            number += 1
            self.find((1, 4 * number), (2, 4 * number + 1))
            finished = not self.killed_at(number)
            # another one goes on
            _driver, lease, sends = self.start(f'next-{number}')
            seen = self.database.beat(lease_module.NAME, lease.owner)
            self.database.take_over(lease_module.NAME, lease.owner, seen)
            for _ in range(3):
                self.assertTrue(lease.hold())
                sends.step()
                self.chain.mine(count=3)
                self.now_ms += HOUR_MS
            self.assertTrue(lease.hold())
            sends.step()
            self.assertEqual([], self.database.due('bitcoin'))
            self.assertEqual([], self.database.unsettled('bitcoin'))
            self.assert_paid_once()
            if finished:
                break
        self.assertGreater(number, 10)

    def assert_paid_once(self):
        mined = self.chain.mined()
        spent = [self.chain.spends[txid] for txid in mined]
        self.assertEqual(len(spent), len(set(spent)))
        stored = {sent.txid: sent for sent in self.database.sent()}
        self.assertLessEqual(set(mined), set(stored))
        # one transaction per anchor, and every checkpoint in one anchor
        by_anchor = [stored[txid].anchor_id for txid in mined]
        self.assertEqual(len(by_anchor), len(set(by_anchor)))
        places = [(one.writer, one.sequence) for anchor_id in by_anchor
                  for one in self.database.checkpoints(anchor_id)]
        self.assertEqual(len(places), len(set(places)))

    def test_two_publishers_at_once_anchor_once(self):
        other = self.open()
        _driver, lease, sends = self.start('two', other)
        self.find((1, 4))
        self.assertTrue(self.lease.hold())
        drafts = self.driver.drafts

        def late(*arguments):
            made = drafts(*arguments)
            # this one is asleep, the other takes over and anchors
            self.assertFalse(lease.hold())
            self.silence += 31
            self.assertTrue(lease.hold())
            sends.step()
            return made

        self.driver.drafts = late
        self.assertRaises(anchors.LeaseLost, self.sender.step)
        self.assertEqual(1, len(self.database.sent()))
        self.assertEqual(1, len(self.chain.pool))


class _Queue:
    """Keeps what is put into it, if it is not away."""

    def __init__(self):
        self.messages = []
        self.away = False

    def put(self, queue, message):
        if not self.away:
            self.messages.append((queue, message))
        return not self.away


class TestProvider(SenderCase):
    def setUp(self):
        super().setUp()
        self.queue = _Queue()
        self.provider = provider.Provider(self.database, self.driver,
                                          self.lease, self.queue)

    def test_a_confirmed_anchor_is_provided_and_told_once(self):
        self.find((1, 4))
        self.step()
        self.provider.step()
        self.assertEqual([], self.queue.messages)
        self.chain.mine()
        self.step()
        for _ in range(2):
            self.provider.step()
        [(queue, message)] = self.queue.messages
        [sent] = self.database.sent()
        self.assertEqual('transactions', queue)
        self.assertEqual(sent.txid.hex(), message['txid'])
        self.assertEqual([(sent.block, [1])], self.driver.provided)

    def test_a_broker_that_is_away_is_told_later(self):
        self.find((1, 4))
        self.step()
        self.chain.mine()
        self.step()
        self.queue.away = True
        self.provider.step()
        self.queue.away = False
        self.provider.step()
        self.assertEqual(1, len(self.queue.messages))
        self.assertEqual(1, len(self.driver.provided))

    def test_after_a_reorganisation_all_is_done_again(self):
        self.find((1, 4))
        self.step()
        self.chain.mine()
        self.step()
        self.provider.step()
        self.chain.reorganise(1)
        self.step()
        self.chain.mine()
        self.step()
        self.provider.step()
        self.assertEqual(2, len(self.queue.messages))
        self.assertEqual(2, len({block for block, _
                                 in self.driver.provided}))
        self.assertEqual(models.CONFIRMED, self.database.sent()[0].state)

    def confirm(self, count):
        """Make anchors, each in a block."""
        for sequence in range(1, count + 1):
            self.find((1, sequence))
            self.now_ms += HOUR_MS
            self.step()
            self.chain.mine(count=3)
            self.step()

    def test_without_a_broker_every_anchor_is_provided(self):
        self.useFixture(fixtures.MockPatchObject(anchors, 'PAGE_ROWS', 2))
        self.provider = provider.Provider(self.database, self.driver,
                                          self.lease, None)
        for sequence in range(1, 6):
            self.find((1, sequence))
            self.now_ms += HOUR_MS
            self.step()
            self.chain.mine(count=3)
            self.step()
            self.provider.step()
        self.assertEqual(5, len(self.driver.provided))

    def test_one_proof_that_cannot_be_written_delays_no_other(self):
        self.confirm(2)
        provide = self.driver.provide

        def first_fails(sent, checkpoints):
            if sent.number == 1:
                raise errors.BadProof('rows that do not lead to the root')
            provide(sent, checkpoints)

        self.driver.provide = first_fails
        self.provider.step()
        self.assertEqual(1, len(self.driver.provided))
        self.assertEqual(1, len(self.queue.messages))

    def test_a_broker_that_is_away_is_asked_once_a_turn(self):
        self.confirm(3)
        asked = []
        self.queue.put = lambda *message: bool(asked.append(message))
        self.provider.step()
        self.assertEqual(1, len(asked))
        self.assertEqual(3, len(self.driver.provided))
