# SPDX-License-Identifier: Apache-2.0
"""Tests of telling: what waits, what nodes say to it, what is evidence."""

import os
import threading

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload
from tacker_ledger.tests import agent_case
from tacker_ledger.tests import base
from tacker_ledger.vnf_client import console
from tacker_ledger.vnf_client import reporter


class TestOutbox(agent_case.AgentCase):

    def setUp(self):
        super().setUp()
        self.commit(self.author(self.configuration(b'1')))

    def answers(self, code):
        def lie(asked, body):
            if asked == '/v1/transactions':
                return [[None, code, 'no'] for _ in body]
            return body
        for door in self.doors:
            door.drops_submissions = code is not None
            door.lie = lie if code else None

    def test_not_admitted_is_tried_until_it_is(self):
        self.answers('not-admitted')
        for _ in range(3):
            self.poll()
        self.assertEqual(1, len(self.vnf.state.outbox))
        self.answers(None)
        self.poll()
        self.assertEqual(1, len(self.receipts()))
        self.poll()
        self.assertEqual((), self.vnf.state.outbox)

    def test_a_refusal_is_logged_and_believed_by_nobody(self):
        self.answers('bad-signature')
        self.poll()
        self.assertIn('refuses transaction', self.log.output)
        self.assertEqual(1, len(self.vnf.state.outbox))

    def test_duplicate_is_no_proof(self):
        self.answers('duplicate')
        for _ in range(2):
            self.poll()
        self.assertEqual(1, len(self.vnf.state.outbox))

    def test_a_conflict_that_is_made_up(self):
        self.answers('vid-conflict')
        for _ in range(2):
            self.poll()
        self.assertEqual((), self.vnf.agent.alarms.standing())
        self.answers(None)
        self.poll()
        (receipt,) = self.receipts()
        self.assertEqual(payload.Outcome.APPLIED, receipt.outcome)

    def test_nodes_that_do_not_answer(self):
        for door in self.doors:
            door.lie = None
        self.poll()
        self.doors.submitted()
        for door in self.doors:
            door.refusal = None
        real = self.vnf.agent.fetcher.client.submit

        def submit(*args, **options):
            raise errors.NoQuorum('alone')
        self.vnf.agent.fetcher.client.submit = submit
        self.poll()
        self.assertEqual(1, len(self.vnf.state.outbox))
        self.vnf.agent.fetcher.client.submit = real
        self.poll()
        self.assertEqual(1, len(self.receipts()))

    def test_a_full_outbox_stops_telling_and_not_acting(self):
        self.patch(reporter.state_module, 'OUTBOX_MAX_COUNT', 3)
        self.patch(reporter.state_module, 'OUTBOX_ANSWERS_COUNT', 1)
        self.answers('not-admitted')
        for number in range(5):
            self.commit(self.author(self.configuration(b'%d' % number)))
            self.poll()
        self.assertEqual(b'4', self.vnf.content())
        self.assertEqual(2, len(self.vnf.state.outbox))
        for _ in range(2):
            self.commit(self.request())
        self.commit(self.author(self.configuration(b'last')))
        self.poll()
        self.assertEqual(b'last', self.vnf.content())
        self.assertEqual(3, len(self.vnf.state.outbox))
        self.assertIn('a request is not answered', self.log.output)


class TestReader(agent_case.AgentCase):

    def test_who_is_told(self):
        trust = self.vnf.state.trust
        tenant = self.tenant.document
        self.assertEqual(tenant, reporter.reader_for(trust, tenant.key_id))
        self.assertEqual(tenant, reporter.reader_for(trust, bytes(32)))
        two = trust.add_commander((5, 0), self.stranger.document)
        self.assertEqual(tenant, reporter.reader_for(two, tenant.key_id))
        self.assertEqual(self.stranger.document,
                         reporter.reader_for(two, bytes(32)))
        gone = two.revoke((6, 0), tenant.key_id, [])
        self.assertEqual(self.stranger.document,
                         reporter.reader_for(gone, tenant.key_id))
        self.assertIsNone(reporter.reader_for(
            gone.revoke((7, 0), self.stranger.document.key_id, []),
            tenant.key_id))

    def test_a_tenant_key_that_only_signs_is_not_told(self):
        signer = self.provider.generate(2, encryption=False)
        self.vnf = self.start(document=self.bootstrap_document(
            commanders=(signer.document,)))
        self.commit(self.author(self.configuration(b'x'), pair=signer))
        self.poll()
        self.assertEqual(b'x', self.vnf.content())
        self.assertEqual([], self.settle())


class TestEvidence(agent_case.AgentCase):

    def test_there_is_an_end_to_it(self):
        self.vnf = self.start(evidence_max_count=2)

        def lie(asked, body):
            if asked == '/v1/state':
                body[1][0][2] = body[1][0][2] + b'\x00'
            return body
        self.doors[0].lie = lie
        self.only(0)
        for _ in range(5):
            self.assertRaises(errors.LedgerError, self.poll)
        self.assertEqual(2, len(self.vnf.evidence()))
        self.assertIn('No more evidence is kept', self.log.output)

    def test_a_node_is_logged_when_it_changes(self):
        self.only(0)
        for _ in range(4):
            self.poll()
        said = 'gives no acceptable answer, timeout'
        self.assertLessEqual(self.log.output.count(said), 3)


class TestSlowLine(base.TestCase):

    def test_a_slow_line_gets_all(self):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        data = bytes(range(256)) * 1000
        got = bytearray()

        def read():
            while len(got) < len(data):
                got.extend(os.read(reading, 4096))
        thread = threading.Thread(target=read)
        thread.start()
        console._write_all(writing, data)
        thread.join()
        self.assertEqual(data, bytes(got))
        os.close(reading)
        os.close(writing)

    def test_a_line_that_nobody_reads(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        os.set_blocking(writing, False)
        self.patch(console, '_WAIT_SECONDS', 0.01)
        self.assertRaises(OSError, console._write_all, writing,
                          bytes(1_000_000))
