# SPDX-License-Identifier: Apache-2.0
"""Requests and their answers."""

import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.tests.unit.tenant_client import simulator


class TestRequests(simulator.TenantCase):
    """Asking a VNF."""

    def setUp(self):
        super().setUp()
        self.a = self.vnf('a')
        self.subject = self.tenant.requests

    def ask(self, **fields):
        return self.subject.create(self.tenant.vnfs.find('a'), self.key,
                                   **fields)

    def test_answered(self):
        cid = self.create().cid
        written = self.ask()
        view = self.subject.read(written.cid)
        self.assertEqual(((cid, 1),), tuple(
            (entry.cid, entry.vid) for entry in view.report.effective))
        self.assertEqual(self.a.observed, view.report.observations)
        self.assertFalse(view.expired)

    def test_one_slot_cid_for_all_requests_to_a_vnf(self):
        first, second = self.ask(), self.ask()
        self.assertEqual((first.cid, 1, 2),
                         (second.cid, first.vid, second.vid))
        self.assertEqual(first.txid, self.subject.read(
            first.cid, 1).request.transaction.txid)
        self.assertEqual(second.txid, self.subject.read(
            first.cid).request.transaction.txid)

    def test_another_key_asks_by_its_own_slots(self):
        first = self.ask()
        self.key = self.tenant.keys.create('bob', suite=simulator.SUITE)
        self.assertNotEqual(first.cid, self.ask().cid)

    def test_waiting(self):
        self.a.silent = True
        cid = self.ask().cid
        view = self.subject.await_answer(cid)
        self.assertEqual((None, False), (view.answer, view.expired))
        self.a.silent = False
        self.a.act()
        self.assertIsNotNone(self.subject.await_answer(
            cid, timeout_seconds=1).answer)

    def test_expired(self):
        self.a.silent = True
        cid = self.ask(lifetime_seconds=10).cid
        self.chain.commit(time_ms=simulator.now_ms() + 11_000)
        self.assertTrue(self.subject.await_answer(cid).expired)

    def test_lifetimes(self):
        week = limits.SLOT_LIFETIME_MAX_MS / 1000
        self.ask(lifetime_seconds=week)
        for seconds in (0, -1, week + 1):
            self.assertRaises(errors.BadExpiry, self.ask,
                              lifetime_seconds=seconds)

    def test_too_many(self):
        self.a.silent = True
        for _ in range(limits.SLOTS_OPEN_MAX_COUNT):
            self.ask()
        self.assertRaises(errors.SlotsFull, self.ask)

    def test_what_is_no_request(self):
        cid = self.create().cid
        self.assertRaises(errors.WrongKind, self.subject.read, cid)
        self.assertRaises(errors.NotFound, self.subject.read, bytes(16))
        asked = self.ask().cid
        self.assertRaises(errors.WrongKind, self.subject.read, asked, 9)

    def test_a_report_about_another_request(self):
        self.a.report = lambda report: dataclasses.replace(
            report, request_txid=bytes(32))
        self.assertRaises(errors.WrongPayload, self.subject.read,
                          self.ask().cid)

    def test_a_confused_deputy(self):
        # A compromised VNF answers with an order instead of a report.
        self.a.report = lambda report: (
            simulator.payload_module.Withdrawal(bytes(16)))
        self.assertRaises(errors.WrongPayload, self.subject.read,
                          self.ask().cid)
