# SPDX-License-Identifier: Apache-2.0
"""Reading and writing with nodes that fail, lag and lie."""

import dataclasses
import logging
import time
from unittest import mock

import fixtures

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.tenant_client import asking
from tacker_ledger.tenant_client import evidence
from tacker_ledger.tenant_client import ledger
from tacker_ledger.tests.unit.tenant_client import simulator

ALL = range(4)


class TestReading(simulator.TenantCase):
    """Only what is proven is believed."""

    def setUp(self):
        super().setUp()
        self.vnf('a')
        self.written = self.create()
        self.subject = self.tenant.ledger

    def lie(self, *members, **changes):
        """Let members change bodies: what -> function of the body."""
        def lie(what, body):
            return changes[what](body) if what in changes else body
        self.doors.lies = dict.fromkeys(members, lie)

    def assert_refused(self, error_class, call, *arguments):
        """All nodes lie: refused and put on record with each of them."""
        self.assertRaises(error_class, call, *arguments)
        codes = {(offence.node.member, offence.code)
                 for offence in self.doors.pool.offences()}
        self.assertEqual({(member, error_class.code) for member in ALL},
                         codes)

    def test_head(self):
        self.assertEqual(self.chain.height, self.subject.head().height)
        self.assertEqual(self.chain.height, self.subject.height)

    def test_nodes_that_are_down_are_passed_over(self):
        self.doors.down = {0, 1, 2}
        self.assertEqual(self.chain.height, self.subject.head().height)
        self.doors.down = set(ALL)
        self.assertRaises(errors.NoNode, self.subject.head)

    def test_one_honest_node_is_enough(self):
        self.lie(0, 1, 2, head=lambda body: (body[0], b'junk'),
                 state=lambda body: (body[0], tuple(
                     (key, None, proof) for key, _value, proof in body[1])))
        self.assertEqual(self.chain.height, self.subject.head().height)
        self.assertIsNotNone(self.subject.cid(self.written.cid))

    def test_false_certificate(self):
        self.lie(*ALL, head=lambda body: (body[0], self.chain.certificate(
            self.chain.height, bytes(32))))
        self.assert_refused(errors.BadCertificate, self.subject.head)

    def test_false_absence(self):
        self.lie(*ALL, state=lambda body: (body[0], tuple(
            (key, None, proof) for key, _value, proof in body[1])))
        self.assert_refused(errors.BadProof, self.subject.cid,
                            self.written.cid)

    def test_other_keys(self):
        self.lie(*ALL, state=lambda body: (body[0], ()))
        self.assert_refused(errors.BadAnswer, self.subject.cid,
                            self.written.cid)

    def test_junk(self):
        self.lie(*ALL, head=lambda body: (b'junk', b'junk'))
        self.assert_refused(errors.BadBlock, self.subject.head)

    def test_another_transaction(self):
        other = self.create('other')

        def swap(body):
            node = self.doors.pool.nodes()[0]
            lies, self.doors.lies = self.doors.lies, {}
            try:
                return self.doors.transaction(other.txid, node=node).body
            finally:
                self.doors.lies = lies

        self.lie(*ALL, transaction=swap)
        self.assert_refused(errors.BadAnswer, self.subject.transaction,
                            self.written.txid)

    def test_a_false_place(self):
        self.create('second')
        self.lie(*ALL, transaction=lambda body: (
            body[0], (0, 2, (bytes(32),)), body[2]))
        self.assert_refused(errors.BadProof, self.subject.transaction,
                            self.written.txid)

    def test_who_lied_is_kept(self):
        self.lie(0, 1, head=lambda body: (body[0], b'junk'))
        for _ in range(3):
            self.subject.head()
        self.tenant.close()
        names = self.tenant.store.names(evidence.FOLDER, '.claim')
        self.assertEqual(len({offence.node.member for offence
                              in self.doors.pool.offences()}), len(names))
        self.tenant.close()
        self.assertEqual(names, self.tenant.store.names(evidence.FOLDER, ''))

    def test_denied_by_some(self):
        # Two deny, f + 1 of four: then nobody is asked any more.
        self.lie(0, transaction=lambda body: None)
        self.assertIsNotNone(self.subject.transaction(self.written.txid))
        self.lie(*ALL, transaction=lambda body: None)
        self.assertIsNone(self.subject.transaction(self.written.txid))
        self.doors.down = {1, 2, 3}
        self.assertIsNone(self.subject.transaction(self.written.txid))
        self.doors.down = set(ALL)
        self.assertRaises(errors.NoNode, self.subject.transaction,
                          self.written.txid)

    def test_history_withheld(self):
        self.tenant.configurations.update(self.written.cid, data=b'2')
        self.lie(*ALL, history=lambda body: (*body[:2], body[2][1:]))
        self.assert_refused(errors.HistoryIncomplete,
                            self.subject.cid_history, self.written.cid)

    def test_history_pages(self):
        for number in range(205):
            self.doors.commit(self.tenant.context.sealed(
                self.key, self.tenant.configurations.read(
                    self.written.cid, 1).payload, cid=self.written.cid,
                vid=number + 2,
                recipient=self.key.document).transaction)
        self.assertEqual(206, len(self.subject.cid_history(
            self.written.cid)))

    def test_only_what_is_new_is_fetched(self):
        asked = []
        real = self.doors.history

        def listening(key, *, after, limit, node):
            asked.append((after, limit))
            return real(key, after=after, limit=limit, node=node)

        self.doors.history = listening
        for data in (b'2', b'3'):
            self.subject.cid_history(self.written.cid)
            self.tenant.configurations.update(self.written.cid, data=data)
        self.subject.cid_history(self.written.cid)
        self.assertEqual(3, len(self.subject.cid_history(self.written.cid)))
        self.assertEqual([(0, 1), (1, 1), (2, 1)], asked)

    def test_new_entries_that_are_not_new(self):
        self.subject.cid_history(self.written.cid)
        self.tenant.configurations.update(self.written.cid, data=b'2')
        self.lie(*ALL, history=lambda body: (*body[:2], tuple(
            (0, 0, raw) for _height, _index, raw in body[2])))
        self.assert_refused(errors.HistoryIncomplete,
                            self.subject.cid_history, self.written.cid)

    def test_no_more_is_remembered_than_fits(self):
        with mock.patch.object(ledger, '_REMEMBERED_MAX_COUNT', 1):
            self.subject.cid_history(self.written.cid)
            self.subject.pair_history(
                self.tenant.vnfs.find('a').key.key_id, self.key.key_id)
        self.assertEqual(1, len(self.subject._histories))
        with mock.patch.object(ledger, '_REMEMBERED_MAX_BYTES', 1):
            self.subject.cid_history(self.written.cid)
        self.assertEqual(1, len(self.subject._histories))

    def test_a_history_that_grows_meanwhile(self):
        key = self.written.cid
        real = self.doors.history

        def growing(*arguments, **options):
            self.doors.history = real
            self.tenant.configurations.update(key, data=b'meanwhile')
            return real(*arguments, **options)

        self.doors.history = growing
        self.assertEqual(1, len(self.subject.cid_history(key)))
        self.assertEqual(2, len(self.subject.cid_history(key)))

    def test_unknown(self):
        self.assertIsNone(self.subject.cid(bytes(16)))
        self.assertEqual([], self.subject.cid_history(bytes(16)))
        self.assertEqual([], self.subject.pair_history(bytes(32),
                                                       bytes(32)))
        self.assertEqual([], self.subject.newest_versions([bytes(16)]))

    def test_newest_version_withheld(self):
        self.lie(*ALL, transaction=lambda body: None)
        self.assertRaises(errors.HistoryIncomplete,
                          self.subject.newest_versions, [self.written.cid])

    def test_waiting_for_change_hides_failures(self):
        with mock.patch.object(time, 'sleep') as sleep:
            self.doors.down = set(ALL)
            self.subject.wait_for_change([bytes(32)], 5)
        [(seconds,)] = [call.args for call in sleep.call_args_list]
        self.assertTrue(0 < seconds <= 0.2)


class TestFreshness(simulator.TenantCase):
    """Old heads, rollbacks and what is kept between two starts."""

    def test_a_node_that_is_behind(self):
        subject = self.tenant.ledger
        self.vnf('a')
        old = self.doors._pair(self.chain.height)
        self.create()
        subject.head()
        self.doors.lies = dict.fromkeys(
            (0, 1), lambda what, body: old if what == 'head' else body)
        self.assertEqual(self.chain.height, subject.head().height)
        # Behind is no lie.
        self.assertEqual((), self.doors.pool.offences())
        self.doors.lies = dict.fromkeys(ALL, self.doors.lies[0])
        self.assertRaises(errors.HeadRollback, subject.head)

    def test_rollback_after_a_restart(self):
        self.vnf('a')
        old = self.doors._pair(self.chain.height)
        self.create()
        self.tenant.ledger.head()
        self.tenant.close()
        again = self.new_tenant(self.tenant.store.directory)
        self.doors.lies = dict.fromkeys(ALL, lambda what, body: old)
        self.assertRaises(errors.HeadRollback, again.ledger.head)

    def test_what_is_kept_is_never_older(self):
        first = self.tenant.ledger
        second = self.new_tenant(self.tenant.store.directory).ledger
        second.head()
        self.vnf('a')
        self.create()
        first.head()
        first.save()
        second.save()
        kept = trusted_state.TrustedState.from_bytes(
            self.tenant.store.read(asking.TRUSTED_FILE, 10 ** 6))
        self.assertEqual(self.chain.height, kept.reference.height)

    def test_kept_state_of_another_chain(self):
        other = simulator.ledger_simulator.Chain(nonce=b'x' * 16)
        self.tenant.store.write(
            asking.TRUSTED_FILE, trusted_state.TrustedState.bootstrap(
                other.provider, other.h.chain_id,
                other.signed.to_bytes()).to_bytes())
        self.assertRaises(errors.CorruptStore, self.new_tenant,
                          self.tenant.store.directory)
        self.tenant.store.write(asking.TRUSTED_FILE, b'junk')
        self.assertRaises(errors.CorruptStore, self.new_tenant,
                          self.tenant.store.directory)

    def test_everything_is_stale(self):
        later = time.time_ns() + 10 ** 9 * 3600
        log = self.useFixture(fixtures.FakeLogger(level=logging.WARNING))
        with mock.patch.object(time, 'time_ns', return_value=later):
            head = self.tenant.ledger.head()
        self.assertEqual(self.chain.height, head.height)
        self.assertIn('No node shows a fresh head', log.output)

    def test_one_is_fresh(self):
        log = self.useFixture(fixtures.FakeLogger(level=logging.WARNING))
        stale = self.doors._pair(self.chain.height)
        self.chain.commit(time_ms=simulator.now_ms() + 3_600_000)
        self.doors.lies = dict.fromkeys(
            (0, 1, 2), lambda what, body: stale)
        later = time.time_ns() + 10 ** 9 * 3600
        with mock.patch.object(time, 'time_ns', return_value=later):
            self.assertEqual(self.chain.height,
                             self.tenant.ledger.head().height)
        self.assertEqual('', log.output)


class TestSearch(simulator.TenantCase):
    """Indexes are asked at f + 1 members and joined."""

    def setUp(self):
        super().setUp()
        self.vnf('a')
        self.txids = [self.create(f'r{number}').txid.hex()
                      for number in range(3)]
        self.subject = self.tenant.ledger

    def found(self, **filters):
        return [row['txid'] for row in self.subject.search(
            sender=self.key.key_id.hex(), **filters)]

    def test_one_member_hides_something(self):
        self.doors.search = self._hiding(self.doors.search)
        self.assertEqual(self.txids, self.found())

    def _hiding(self, search):
        def hiding(*, node, **filters):
            rows = search(node=node, **filters)
            return rows[1:] if node.member == 0 else rows
        return hiding

    def test_two_members_are_asked(self):
        self.doors.asked.clear()
        self.found()
        self.assertEqual(2, len({member for member, what
                                 in self.doors.asked}))

    def test_all_pages(self):
        with mock.patch.object(ledger, 'SEARCH_LIMIT_COUNT', 2):
            self.assertEqual(self.txids, self.found())

    def test_a_limit(self):
        self.assertEqual(self.txids[:1], self.found(limit=1))

    def test_rows_without_identifiers(self):
        for row in ({}, {'txid': 'x'}, {'txid': '0' * 64, 'cid': '0' * 32,
                                        'height': 1.5, 'position': 0}):
            self.doors.search = lambda row=row, **_: [row]
            self.assertRaises(errors.BadAnswer, self.found)

    def test_nobody_answers(self):
        self.doors.down = set(ALL)
        self.assertRaises(errors.NoNode, self.found)


class TestSending(simulator.TenantCase):
    """A write is done when it is proven."""

    def setUp(self):
        super().setUp()
        self.vnf('a')

    def test_a_node_that_loses_what_it_took(self):
        self.doors.lost = 1
        written = self.create()
        self.assertIsNotNone(written.proven)

    def test_never_committed(self):
        self.doors.lost = 10 ** 6
        before = self.tenant.context.sender._commit_timeout_seconds
        self.tenant.context.sender._commit_timeout_seconds = 0.05
        error = self.assertRaises(errors.Timeout, self.create)
        self.assertEqual(64, len(error.details['txid']))
        self.assertEqual(1.0, before)

    def test_sent_twice(self):
        transaction = self.create(wait=False).transaction
        [written] = self.tenant.context.send([transaction])
        self.assertEqual(transaction.txid, written.txid)
        self.assertIsNotNone(written.proven)

    def test_refused_by_all(self):
        for error in (errors.NotAdmitted('no'), errors.NoQuorum('no'),
                      errors.Busy('no')):
            self.doors.refusal = error
            self.assertRaises(type(error), self.create, str(error.code))

    def test_refused_by_one(self):
        refused = []

        def refusing(submissions, *, node, real=self.doors.submit):
            if not refused:
                refused.append(node)
                raise errors.VidConflict('a lie')
            return real(submissions, node=node)

        self.doors.submit = refusing
        self.assertIsNotNone(self.create().proven)

    def test_an_answer_for_fewer(self):
        real = self.doors.submit

        def short(submissions, *, node):
            reply = real(submissions, node=node)
            return dataclasses.replace(reply, body=())

        self.doors.submit = short
        self.assertRaises(errors.BadAnswer, self.create, wait=False)
