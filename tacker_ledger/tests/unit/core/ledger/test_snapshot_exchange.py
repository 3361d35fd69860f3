# SPDX-License-Identifier: Apache-2.0
"""What a joiner asks for, one answer after another, and when it ends."""

import dataclasses
import itertools
import types

from tacker_ledger.core.consensus import snapshot_messages
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import federation
from tacker_ledger.core.ledger import snapshot
from tacker_ledger.core.ledger import snapshot_exchange
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors

unhex = bytes.fromhex
Part = snapshot.Part
Page = snapshot_messages.Page

_NUMBER = 5


class TestExchange(base.TestCase):
    """The golden snapshot, asked for."""

    def setUp(self):
        super().setUp()
        made = vectors.load('snapshot-messages')
        self.h = hashing.hasher(unhex(made['chain_id']))
        known = federation.Federation.of(self.h, unhex(made['federation']))
        self.ledger = types.SimpleNamespace(
            h=self.h, federation=known,
            head=application.Head.genesis(self.h, known))
        self.offer = snapshot_messages.Snapshot(
            1, _NUMBER, unhex(made['snapshot']['block']),
            unhex(made['snapshot']['certificate']))
        self.parts = {Part.FEDERATIONS: []}
        for part in (Part.STATE, Part.ADDRESSED):
            self.parts[part] = [
                (unhex(one['key']), unhex(one['value']))
                for one in made['snapshot'][part.name.lower()]]
        self.exchange = self.make()

    def make(self, lowest=1):
        return snapshot_exchange.Exchange(
            self.ledger, providers.default(), lowest, itertools.count(1))

    def page(self, request):
        """Return the true answer to a request."""
        self.assertEqual(_NUMBER, request.number)
        items, more = snapshot.fill_page(
            item for item in self.parts[Part(request.part)]
            if item[0] > request.after)
        return Page(request.request_id, tuple(items), more)

    def run_all(self):
        """Ask until the end; return (requests, what was kept)."""
        request = self.exchange.answered(self.offer)
        asked, kept = [], {Part.STATE: [], Part.ADDRESSED: []}
        while request is not None:
            asked.append(request)
            request = self.exchange.answered(self.page(request))
            part, items = self.exchange.judge()
            if items:
                kept[part] += items
        return asked, kept

    def test_all_parts_come_and_are_whole(self):
        begin = self.exchange.begin()
        self.assertEqual((1, 1), (begin.request_id, begin.from_epoch))
        self.assertIsNone(self.exchange.end)
        asked, kept = self.run_all()
        self.assertEqual([(2, 0), (3, 1), (4, 2)],
                         [(one.request_id, one.part) for one in asked])
        self.assertEqual(self.parts[Part.STATE], kept[Part.STATE])
        self.assertEqual(self.parts[Part.ADDRESSED], kept[Part.ADDRESSED])
        self.exchange.check.check_state(kept[Part.STATE],
                                        state_map.SparseNodes())
        self.assertEqual(snapshot_messages.EndSnapshot(_NUMBER),
                         self.exchange.end)

    def test_page_by_page(self):
        self.patch(limits, 'SNAPSHOT_PAGE_MAX_COUNT', 2)
        asked, kept = self.run_all()
        self.assertEqual(self.parts[Part.STATE], kept[Part.STATE])
        after = [one.after for one in asked if one.part == Part.STATE]
        self.assertEqual(
            [b'', *(key for key, _ in self.parts[Part.STATE][1:-1:2])],
            after)

    def assert_refused(self, error, answer):
        self.assertRaises(error, self.exchange.answered, answer)

    def test_none_is_given(self):
        self.assert_refused(errors.Busy, snapshot_messages.NoSnapshot(
            1, 'busy'))
        self.assertIsNone(self.exchange.end)
        self.assert_refused(errors.NotFound, snapshot_messages.NoSnapshot(
            1, 'whatever it says'))

    def test_none_is_given_any_more(self):
        self.exchange.answered(self.offer)
        self.assert_refused(errors.NotFound, snapshot_messages.NoSnapshot(
            2, 'not-found'))
        self.assertIsNotNone(self.exchange.end)

    def test_something_else_is_given(self):
        self.assert_refused(errors.Malformed, Page(1, (), False))
        self.exchange.answered(self.offer)
        self.assert_refused(errors.Malformed, self.offer)

    def test_what_is_offered_is_no_good_and_let_go(self):
        self.exchange = self.make(lowest=1_000)
        self.assert_refused(errors.StaleHead, self.offer)
        self.assertIsNotNone(self.exchange.end)
        self.exchange = self.make()
        self.assert_refused(errors.FormatError, dataclasses.replace(
            self.offer, block=b'\x80'))

    def test_an_empty_page_leads_nowhere(self):
        self.exchange.answered(self.offer)
        self.assertIsNone(self.exchange.answered(Page(2, (), True)))
        self.assertRaises(errors.BadProof, self.exchange.judge)


class TestFillPage(base.TestCase):

    ITEMS = [(b'%03d' % number, b'v' * 7) for number in range(7)]

    def fill(self, items):
        page, more = snapshot.fill_page(iter(items))
        return len(page), more

    def test_by_count(self):
        self.patch(limits, 'SNAPSHOT_PAGE_MAX_COUNT', 3)
        self.assertEqual((3, True), self.fill(self.ITEMS))
        self.assertEqual((3, False), self.fill(self.ITEMS[:3]))
        self.assertEqual((0, False), self.fill([]))

    def test_by_size(self):
        self.patch(limits, 'SNAPSHOT_PAGE_MAX_BYTES', 25)
        self.assertEqual((2, True), self.fill(self.ITEMS))
        # one that is larger than a page has a page of its own
        large = [(b'0', bytes(100)), *self.ITEMS]
        self.assertEqual((1, True), self.fill(large))
        self.assertEqual((1, False), self.fill(large[:1]))
