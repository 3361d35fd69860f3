# SPDX-License-Identifier: Apache-2.0
"""Tests of the rules of state, one by one."""

import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import state
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import samples

H = samples.H
NOW_MS = samples.NOW_MS


class Tracker:
    """A tracker that knows which documents follow."""

    def __init__(self, *good):
        self.good = good

    def check(self, signed):
        """Return what stands for the parsed document."""
        if signed not in self.good:
            raise errors.FederationConflict('not the successor')
        return ('federation', signed)


class Ledger:
    """A state that grows by one transaction a block."""

    def __init__(self):
        self.values = {}
        self.now_ms = NOW_MS

    def judge(self, made):
        """Return what a transaction would change."""
        return state.RULES.apply(H, self.values, made, self.now_ms)

    def take(self, *transactions):
        """Apply transactions, each in a block of its own."""
        for made in transactions:
            self.values.update(self.judge(made))
        return transactions[-1]

    def cid(self, cid):
        """Return the record of a CID."""
        return state_records.CidRecord.from_bytes(
            self.values[identifiers.cid_state_key(H, cid)])

    def pair(self, recipient, sender):
        """Return the record of a pair."""
        return state_records.PairRecord.from_bytes(
            self.values[identifiers.pair_state_key(
                H, recipient.document.key_id, sender.document.key_id)])


def folded(*transactions):
    """Return the history head over transactions."""
    head = bytes(32)
    for made in transactions:
        head = state_records.advance(H, head, made.txid)
    return head


class LedgerTestCase(base.TestCase):
    """A test with a ledger that is empty at first."""

    def setUp(self):
        super().setUp()
        self.ledger = Ledger()

    def refused(self, error, made):
        """Demand that the ledger refuses and stays as it is."""
        before = dict(self.ledger.values)
        exc = self.assertRaises(error, self.ledger.judge, made)
        self.assertIsInstance(exc, errors.ConflictError)
        self.assertEqual(before, self.ledger.values)


class TestConfiguration(LedgerTestCase):
    """CIDs of configurations."""

    def test_first_and_next_versions(self):
        first = self.ledger.take(samples.sealed())
        cid = first.content.cid
        owner = samples.TENANT.document.key_id
        self.assertEqual(
            state_records.CidRecord(1, owner, 2, 1, first.txid, (), 1,
                                    folded(first)), self.ledger.cid(cid))
        second = self.ledger.take(samples.sealed(cid=cid, vid=2))
        third = self.ledger.take(samples.public(cid=cid, vid=3))
        self.assertEqual(
            state_records.CidRecord(1, owner, 4, 3, third.txid, (), 3,
                                    folded(first, second, third)),
            self.ledger.cid(cid))

    def test_pairs_follow_recipient_and_sender(self):
        first = self.ledger.take(samples.sealed())
        other = self.ledger.take(samples.sealed(samples.STRANGER))
        self.ledger.take(samples.public())
        second = self.ledger.take(
            samples.sealed(cid=first.content.cid, vid=2))
        self.assertEqual(
            state_records.PairRecord(2, folded(first, second)),
            self.ledger.pair(samples.VNF, samples.TENANT))
        self.assertEqual(
            state_records.PairRecord(1, folded(other)),
            self.ledger.pair(samples.VNF, samples.STRANGER))

    def test_at_most_two_keys_change(self):
        self.assertEqual(2, len(self.ledger.judge(samples.sealed())))
        self.assertEqual(1, len(self.ledger.judge(samples.public())))
        self.assertEqual(2, len(self.ledger.judge(samples.request())))

    def test_cid_not_certified(self):
        self.refused(errors.CidNotCertified, samples.sealed(cid=bytes(16)))
        nonce = samples.fresh()
        squatted = identifiers.cid_for(
            H, samples.TENANT.document.key_id, nonce)
        self.refused(errors.CidNotCertified, samples.sealed(
            samples.STRANGER, cid=squatted, nonce=nonce))

    def test_a_cid_starts_at_one(self):
        nonce = samples.fresh()
        for vid in (2, 2 ** 32 - 1):
            self.refused(errors.VidConflict,
                         samples.sealed(nonce=nonce, vid=vid))

    def test_not_owner(self):
        cid = self.ledger.take(samples.sealed()).content.cid
        self.refused(errors.NotOwner, samples.sealed(
            samples.STRANGER, cid=cid, vid=2))

    def test_vid_conflict(self):
        cid = self.ledger.take(samples.sealed()).content.cid
        self.ledger.take(samples.sealed(cid=cid, vid=2))
        for vid in (1, 2, 4):
            self.refused(errors.VidConflict,
                         samples.sealed(cid=cid, vid=vid))

    def test_duplicate(self):
        first = self.ledger.take(samples.sealed())
        self.refused(errors.Duplicate, first)
        again = samples.resigned(samples.TENANT, first.content)
        self.refused(errors.Duplicate, again)
        self.ledger.take(samples.sealed(cid=first.content.cid, vid=2))
        self.refused(errors.VidConflict, first)

    def test_timestamps(self):
        limit = NOW_MS + limits.TIMESTAMP_FUTURE_MS
        self.ledger.judge(samples.sealed(timestamp_ms=limit))
        self.ledger.judge(samples.sealed(timestamp_ms=0))
        self.refused(errors.TimestampFuture,
                     samples.sealed(timestamp_ms=limit + 1))
        self.refused(errors.TimestampFuture,
                     samples.sealed(timestamp_ms=2 ** 64 - 1))

    def test_the_last_vid(self):
        first = self.ledger.take(samples.public())
        key = identifiers.cid_state_key(H, first.content.cid)
        record = self.ledger.cid(first.content.cid)
        last = 2 ** 32 - 1
        self.ledger.values[key] = dataclasses.replace(
            record, next_vid=last, latest_vid=last - 1).to_bytes()
        self.ledger.take(samples.public(cid=first.content.cid, vid=last))
        self.assertEqual(last + 1,
                         self.ledger.cid(first.content.cid).next_vid)


class TestSlots(LedgerTestCase):
    """CIDs of requests and their answers."""

    def ask(self, **fields):
        """Take one request."""
        return self.ledger.take(samples.request(**fields))

    def test_request(self):
        asked = self.ask(description='x', compression=0)
        record = self.ledger.cid(asked.content.cid)
        slot = state_records.Slot(
            1, samples.VNF.document.key_id, asked.content.slot_expiry_ms,
            state_records.answer_form(H, 0, 1, 'x'), asked.txid)
        self.assertEqual(
            state_records.CidRecord(2, samples.TENANT.document.key_id, 2, 1,
                                    asked.txid, (slot,), 1, folded(asked)),
            record)
        self.assertEqual(
            1, self.ledger.pair(samples.VNF, samples.TENANT).count)

    def test_answer_closes_its_slot(self):
        first = self.ask()
        cid = first.content.cid
        second = self.ask(cid=cid, vid=2)
        answered = self.ledger.take(samples.answer(first))
        record = self.ledger.cid(cid)
        self.assertEqual([2], [slot.vid for slot in record.open_slots])
        self.assertEqual((3, 2, second.txid), (
            record.next_vid, record.latest_vid, record.latest_txid))
        self.assertEqual((3, folded(first, second, answered)),
                         (record.history_count, record.history_head))
        self.assertEqual(
            state_records.PairRecord(1, folded(answered)),
            self.ledger.pair(samples.TENANT, samples.VNF))

    def test_the_owner_goes_on_at_once(self):
        cid = self.ask().content.cid
        self.ask(cid=cid, vid=2)
        self.refused(errors.VidConflict, samples.request(cid=cid, vid=2))
        self.refused(errors.VidConflict, samples.request(cid=cid, vid=4))

    def test_one_answer(self):
        asked = self.ask()
        answered = self.ledger.take(samples.answer(asked))
        self.refused(errors.SlotClosed, answered)
        self.refused(errors.SlotClosed, samples.answer(asked))

    def test_request_cid_rules(self):
        asked = self.ask()
        cid = asked.content.cid
        self.refused(errors.Duplicate, asked)
        self.refused(errors.NotOwner,
                     samples.request(samples.STRANGER, cid=cid, vid=2))
        self.refused(errors.CidNotCertified, samples.request(cid=bytes(16)))
        self.refused(errors.VidConflict, samples.request(vid=2))

    def test_kinds_do_not_mix(self):
        configured = self.ledger.take(samples.sealed())
        self.refused(errors.WrongKind, samples.request(
            cid=configured.content.cid, vid=2))
        asked = self.ask()
        # A configuration there is an answer, even the owner's.
        self.refused(errors.SlotClosed, samples.sealed(
            cid=asked.content.cid, vid=2))
        self.refused(errors.WrongAnswerer, samples.sealed(
            cid=asked.content.cid, vid=1))
        self.refused(errors.WrongAnswerer, samples.public(
            cid=asked.content.cid, vid=1))

    def test_wrong_answerer(self):
        asked = self.ask()
        self.refused(errors.WrongAnswerer,
                     samples.answer(asked, samples.STRANGER))

    def test_wrong_answer_form(self):
        asked = self.ask(description='this one')
        form = {'cid': asked.content.cid, 'vid': 1, 'pair': samples.VNF,
                'recipient': samples.TENANT, 'description': 'this one'}
        self.ledger.judge(samples.sealed(**form))
        for change in ({'description': 'that one'}, {'compression': 0},
                       {'recipient': samples.STRANGER}):
            self.refused(errors.WrongAnswerForm,
                         samples.sealed(**{**form, **change}))
        self.refused(errors.WrongAnswerForm, samples.public(
            samples.VNF, cid=asked.content.cid, description='this one'))

    def test_expiry_of_a_request(self):
        last = NOW_MS + limits.SLOT_LIFETIME_MAX_MS
        for expiry in (NOW_MS + 1, last):
            self.ledger.judge(samples.request(slot_expiry_ms=expiry))
        for expiry in (0, NOW_MS - 1, NOW_MS, last + 1, 2 ** 64 - 1):
            self.refused(errors.BadExpiry,
                         samples.request(slot_expiry_ms=expiry))

    def test_an_expired_slot_is_closed(self):
        asked = self.ask(slot_expiry_ms=NOW_MS + 10)
        answered = samples.answer(asked)
        self.ledger.now_ms = NOW_MS + 9
        self.ledger.judge(answered)
        self.ledger.now_ms = NOW_MS + 10
        self.refused(errors.SlotClosed, answered)

    def test_slots_full(self):
        cid = self.ask(slot_expiry_ms=NOW_MS + 10).content.cid
        count = limits.SLOTS_OPEN_MAX_COUNT
        asked = [self.ask(cid=cid, vid=vid) for vid in range(2, count + 1)]
        one_more = samples.request(cid=cid, vid=count + 1)
        self.refused(errors.SlotsFull, one_more)
        self.assertEqual(count, len(self.ledger.cid(cid).open_slots))
        value = self.ledger.values[identifiers.cid_state_key(H, cid)]
        self.assertLess(len(value), limits.STATE_VALUE_MAX_BYTES)
        # An answer makes room, and so does time.
        room = Ledger()
        room.values = dict(self.ledger.values)
        room.take(samples.answer(asked[3]), one_more)
        self.ledger.now_ms = NOW_MS + 10
        self.ledger.take(one_more)
        self.assertEqual(
            list(range(2, count + 2)),
            [slot.vid for slot in self.ledger.cid(cid).open_slots])

    def test_an_answer_drops_what_expired(self):
        first = self.ask(slot_expiry_ms=NOW_MS + 10)
        second = self.ask(cid=first.content.cid, vid=2)
        self.ledger.now_ms = NOW_MS + 10
        self.ledger.take(samples.answer(second))
        self.assertEqual((), self.ledger.cid(first.content.cid).open_slots)


class TestBlock(LedgerTestCase):
    """All transactions of a block, in their order."""

    def apply(self, *transactions, federation=None):
        """Apply one block and return its changes."""
        return state.apply_block(H, self.ledger.values, NOW_MS,
                                 transactions, federation)

    def test_later_ones_see_earlier_ones(self):
        first = samples.sealed()
        second = samples.sealed(cid=first.content.cid, vid=2)
        asked = samples.request()
        block = (first, second, asked, samples.answer(asked))
        outcome = self.apply(*block)
        self.assertEqual({}, self.ledger.values)
        self.assertRaises(errors.CidNotCertified, self.apply, second, first)
        self.ledger.take(*block)
        self.assertEqual(self.ledger.values, outcome.changes)

    def test_entries(self):
        first = samples.sealed()
        second = samples.sealed(cid=first.content.cid, vid=2)
        alone = samples.public()
        cid_key = identifiers.cid_state_key(H, first.content.cid)
        pair_key = identifiers.pair_state_key(
            H, samples.VNF.document.key_id, samples.TENANT.document.key_id)
        alone_key = identifiers.cid_state_key(H, alone.content.cid)
        self.assertEqual(
            [(cid_key, 1, 0), (pair_key, 1, 0), (alone_key, 1, 1),
             (cid_key, 2, 2), (pair_key, 2, 2)],
            [(entry.state_key, entry.count, entry.index)
             for entry in self.apply(first, alone, second).entries])

    def test_the_index_of_what_is_wrong(self):
        good, bad = samples.sealed(), samples.sealed(cid=bytes(16))
        exc = self.assertRaises(errors.CidNotCertified, self.apply, good,
                                bad)
        self.assertEqual(1, exc.details['index'])

    def test_twice_in_a_block(self):
        made = samples.sealed()
        exc = self.assertRaises(errors.Duplicate, self.apply, made, made)
        self.assertEqual(1, exc.details['index'])

    def test_federation_document(self):
        made = samples.public(body=payload.FederationDocument(b'good'))
        outcome = self.apply(samples.sealed(), made,
                             federation=Tracker(b'good'))
        self.assertEqual(('federation', b'good'),
                         outcome.federation_document)
        self.assertEqual(1, outcome.federation_index)
        for tracker in (None, Tracker(b'other')):
            exc = self.assertRaises(errors.FederationConflict, self.apply,
                                    made, federation=tracker)
            self.assertEqual(0, exc.details['index'])

    def test_one_federation_document_per_block(self):
        both = [samples.public(body=payload.FederationDocument(name))
                for name in (b'one', b'two')]
        exc = self.assertRaises(
            errors.FederationConflict, self.apply, *both,
            federation=Tracker(b'one', b'two'))
        self.assertEqual(1, exc.details['index'])

    def test_the_view_may_be_any(self):
        first = self.ledger.take(samples.sealed())
        second = samples.sealed(cid=first.content.cid, vid=2)
        view = state.OverlayView({}, self.ledger.values)
        self.assertEqual(
            self.apply(second).changes,
            state.apply_block(H, view, NOW_MS, [second], None).changes)

    def test_rules_by_version(self):
        self.assertIs(state.RULES, state.rules_for(1))
        self.assertRaises(errors.UnsupportedVersion, state.rules_for, 2)


class TestSelect(LedgerTestCase):
    """What a proposer takes."""

    def select(self, *candidates, **options):
        """Select for one block."""
        return state.select(H, self.ledger.values, NOW_MS, candidates,
                            **options)

    def test_bad_ones_hold_up_no_other(self):
        first = samples.sealed()
        bad = samples.sealed(cid=bytes(16))
        second = samples.sealed(cid=first.content.cid, vid=2)
        chosen = self.select(bad, first, first, second)
        self.assertEqual((first, second), chosen.accepted)
        self.assertEqual(
            [(bad, 'cid-not-certified'), (first, 'duplicate')],
            [(made, exc.code) for made, exc in chosen.rejected])
        self.assertEqual((), chosen.left)
        self.assertEqual(
            state.apply_block(H, {}, NOW_MS, chosen.accepted, None),
            chosen.outcome)

    def test_bounds(self):
        made = [samples.public() for _ in range(4)]
        chosen = self.select(*made, max_count=2)
        self.assertEqual((tuple(made[:2]), tuple(made[2:])),
                         (chosen.accepted, chosen.left))
        large = samples.public(body=payload.Template(
            'file', '', samples.fresh(2000), '', ''))
        chosen = self.select(large, *made,
                             max_bytes=3 * len(made[0].raw) + 10)
        self.assertEqual(tuple(made[:3]), chosen.accepted)
        self.assertEqual((large, made[3]), chosen.left)

    def test_first_federation_document_wins(self):
        one, two = (samples.public(body=payload.FederationDocument(name))
                    for name in (b'one', b'two'))
        chosen = self.select(one, two, federation=Tracker(b'one', b'two'))
        self.assertEqual((one,), chosen.accepted)
        self.assertEqual(['federation-conflict'],
                         [exc.code for _, exc in chosen.rejected])
        self.assertEqual(('federation', b'one'),
                         chosen.outcome.federation_document)

    def test_nothing(self):
        chosen = self.select()
        self.assertEqual(((), (), {}), (
            chosen.accepted, chosen.rejected, chosen.outcome.changes))
