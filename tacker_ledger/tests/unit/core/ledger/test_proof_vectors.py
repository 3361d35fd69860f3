# SPDX-License-Identifier: Apache-2.0
"""The code agrees with the vectors of federations, certificates, answers."""

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import answer
from tacker_ledger.core.ledger import block
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import federation
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core.ledger import lie
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors

unhex = bytes.fromhex
PROVIDER = providers.default()


class ProofVectorsCase(base.TestCase):
    """A test of one file of vectors."""

    NAME = ''

    def setUp(self):
        super().setUp()
        self.vectors = vectors.load(self.NAME)
        self.h = hashing.hasher(unhex(self.vectors['chain_id']))

    def federation(self):
        return federation.Federation.of(
            self.h, unhex(self.vectors['federation']))

    def refused(self, case, function, *args):
        exc = self.assertRaises(errors.LedgerError, function, *args)
        self.assertEqual((case['why'], case['code']),
                         (case['why'], exc.code))


class TestFederations(ProofVectorsCase):
    """Documents, approvals, succession."""

    NAME = 'federations'

    def genesis(self, signed):
        return federation.check_genesis(
            PROVIDER, federation.SignedFederation.from_bytes(signed),
            self.h.chain_id)

    def check(self, case, found):
        raw = unhex(case['document'])
        self.assertEqual(raw, found.raw)
        self.assertEqual(raw, federation_document.Document.from_bytes(
            raw).to_bytes())
        self.assertEqual(unhex(case['digest']), found.digest)
        self.assertEqual(unhex(case['issue_message']),
                         federation.issue_message(self.h, found.digest))
        self.assertEqual(unhex(case['approval_message']),
                         federation.approval_message(self.h, found.digest))
        signed = federation.SignedFederation.from_bytes(
            unhex(case['signed']))
        self.assertEqual(unhex(case['signed']), signed.to_bytes())

    def test_accepted(self):
        genesis = self.vectors['genesis']
        found = self.genesis(unhex(genesis['signed']))
        self.check(genesis, found)
        self.assertEqual(
            unhex(genesis['genesis_header']),
            block.genesis_header(self.h, found).to_bytes())
        self.assertEqual(found, self.genesis(unhex(
            self.vectors['genesis_with_a_quorum'])))
        successor = self.vectors['successor']
        self.check(successor, federation.check_successor(
            self.h, PROVIDER, found, federation.SignedFederation.from_bytes(
                unhex(successor['signed']))))

    def test_refused(self):
        for case in self.vectors['refused_documents']:
            self.refused(case, federation_document.Document.from_bytes,
                         unhex(case['document']))
        for case in self.vectors['refused_genesis']:
            self.refused(case, self.genesis, unhex(case['signed']))
        genesis = self.genesis(unhex(self.vectors['genesis']['signed']))
        for case in self.vectors['refused_successors']:
            self.refused(
                case, federation.check_successor, self.h, PROVIDER, genesis,
                federation.SignedFederation.from_bytes(
                    unhex(case['signed'])))


class TestCertificates(ProofVectorsCase):
    """Headers and what certifies them."""

    NAME = 'certificates'

    def certify(self, case):
        return certificate.certify(
            self.h, PROVIDER, self.federation(), unhex(case['header']),
            unhex(case['certificate']))

    def test_accepted(self):
        self.assertEqual(0, self.certify(self.vectors['genesis']).height)
        for case in self.vectors['accepted']:
            found = self.certify(case)
            self.assertEqual(unhex(case['digest']), found.header_digest)
            parsed = certificate.Certificate.from_bytes(
                unhex(case['certificate']))
            self.assertEqual(
                (case['voters'], case['view'], unhex(case['certificate'])),
                ([member for member, _ in parsed.votes], parsed.view,
                 parsed.to_bytes()))

    def test_refused(self):
        for case in self.vectors['refused']:
            self.refused(case, self.certify, case)


class TestAnswers(ProofVectorsCase):
    """Answers and lies."""

    NAME = 'answers'

    READERS = {
        'head': answer.read_head, 'state': answer.read_state,
        'history': answer.read_history,
        'transaction': answer.read_transaction, 'block': answer.read_block,
        'block without body': answer.read_block,
        'heartbeat whose certificate was dropped': answer.read_block,
        'federation': answer.read_federation,
        'submission': answer.read_submission,
    }

    def check(self, digest, case):
        return answer.check_answer(
            self.h, PROVIDER, self.federation(), digest, case['member'],
            unhex(case['answer']))

    def test_accepted(self):
        for case in self.vectors['accepted']:
            asked = answer.Request.of(case['method'], case['target'],
                                      unhex(case['request_body']))
            self.assertEqual(unhex(case['request_digest']),
                             asked.digest(self.h))
            found = self.check(asked.digest(self.h), case)
            self.assertEqual(unhex(case['answer']), found.to_bytes())
            self.assertEqual(unhex(case['covered']), found.message(self.h))
            self.assertEqual(unhex(case['body']), found.body)
            if case['name'] == 'not found':
                self.assertEqual(answer.NOT_FOUND, found.body)
                continue
            value = self.READERS[case['name']](found.body)
            self.assertEqual(found.body, answer.encode_body(value))

    def test_refused(self):
        for case in self.vectors['refused']:
            self.refused(case, self.check, unhex(case['request_digest']),
                         case)

    def test_lies(self):
        for case in self.vectors['lies']:
            record = lie.Lie.from_bytes(unhex(case['lie']))
            self.assertEqual(unhex(case['lie']), record.to_bytes())
            self.assertEqual(
                (case['why'], case['member'], case['reason']),
                (case['why'], lie.check_lie(
                    self.h, PROVIDER, self.federation(), record),
                 record.reason))

    def test_no_lies(self):
        for case in self.vectors['no_lies']:
            self.refused(case, lie.check_lie, self.h, PROVIDER,
                         self.federation(),
                         lie.Lie.from_bytes(unhex(case['lie'])))


class TestLightClient(ProofVectorsCase):
    """Stored states and refolded histories."""

    NAME = 'light-client'

    def test_states(self):
        for case in self.vectors['states']:
            raw = unhex(case['state'])
            found = trusted_state.TrustedState.from_bytes(raw)
            self.assertEqual(raw, found.to_bytes())
            self.assertEqual(
                [(epoch['document'], epoch['from_height'])
                 for epoch in case['epochs']],
                [(epoch.federation.raw.hex(), epoch.from_height)
                 for epoch in found.epochs])
            self.assertEqual(
                (case['floor']['height'], unhex(case['floor']['digest']),
                 case['floor']['time_ms']),
                (found.floor.height, found.floor.digest,
                 found.floor.time_ms))
            if case['head'] is None:
                self.assertIsNone(found.head)
            else:
                self.assertEqual(unhex(case['head']['header']),
                                 found.head.header)

    def test_history(self):
        case = self.vectors['history']
        head = state_records.EMPTY_HEAD
        for txid, expected in zip(case['txids'], case['heads'][1:],
                                  strict=True):
            head = state_records.advance(self.h, head, unhex(txid))
            self.assertEqual(unhex(expected), head)
