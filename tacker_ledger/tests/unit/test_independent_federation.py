# SPDX-License-Identifier: Apache-2.0
"""The independent reader and what a federation says: golden vectors."""

from tacker_ledger.tests.independent import answers
from tacker_ledger.tests.independent import blocks
from tacker_ledger.tests.independent import certificates
from tacker_ledger.tests.independent import consensus
from tacker_ledger.tests.independent import federation
from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import lightclient
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import snapshots
from tacker_ledger.tests.independent import state
from tacker_ledger.tests import independent_cases

unhexed = independent_cases.unhexed
flipped = independent_cases.flipped


class FederationTestCase(independent_cases.IndependentTestCase):
    """Vectors that name a federation document."""

    def load(self, name: str) -> dict:
        """Return the vectors of a format, and keep its document."""
        loaded = super().load(name)
        if 'federation' in loaded:
            self.document = federation.parse(unhexed(loaded['federation']))
        return loaded


class TestFederation(FederationTestCase):
    """Documents, their signatures and approvals."""

    def test_accepted(self):
        """Genesis founds its chain, a successor follows it."""
        loaded = self.load('federations')
        genesis, successor = loaded['genesis'], loaded['successor']
        chain_id, first = federation.found(unhexed(genesis['signed']))
        self.assertEqual(self.chain_id, chain_id)
        federation.found(unhexed(loaded['genesis_with_a_quorum']), chain_id)
        second = federation.succeed(chain_id, first,
                                    unhexed(successor['signed']))
        for case, document in ((genesis, first), (successor, second)):
            digest = document.digest(chain_id)
            self.assertEqual(case['document'], document.encoded.hex())
            self.assertEqual(case['digest'], digest.hex())
            self.assertEqual(case['issue_message'], hashing.message(
                'federation-issue', chain_id, digest).hex())
            self.assertEqual(case['approval_message'], hashing.message(
                'federation-approval', chain_id, digest).hex())
        self.assertEqual(genesis['genesis_header'], blocks.genesis_header(
            chain_id, first.digest(chain_id), first.created_ms).encoded.hex())

    def test_refused(self):
        """Each with its code."""
        loaded = self.load('federations')
        _chain_id, first = federation.found(
            unhexed(loaded['genesis']['signed']))
        for case in loaded['refused_documents']:
            self.assert_refused(case['code'], case['why'], federation.parse,
                                unhexed(case['document']))
        for case in loaded['refused_genesis']:
            self.assert_refused(case['code'], case['why'], federation.found,
                                unhexed(case['signed']), self.chain_id)
        for case in loaded['refused_successors']:
            self.assert_refused(
                case['code'], case['why'], federation.succeed, self.chain_id,
                first, unhexed(case['signed']))

    def test_each_byte_counts(self):
        """Neither document nor signatures bear a changed byte."""
        loaded = self.load('federations')
        signed = unhexed(loaded['genesis']['signed'])
        for changed in flipped(signed, 3):
            self.assertRaises(refusal.Refused, federation.found, changed,
                              self.chain_id)
        _chain_id, first = federation.found(signed)
        for changed in flipped(unhexed(loaded['successor']['signed']), 3):
            self.assertRaises(refusal.Refused, federation.succeed,
                              self.chain_id, first, changed)


class TestCertificates(FederationTestCase):
    """Headers with certificates."""

    def _check(self, header: bytes, certificate: bytes) -> blocks.Header:
        return certificates.check(self.chain_id, self.document, header,
                                  certificate)

    def test_accepted(self):
        """A quorum certifies, genesis needs none."""
        loaded = self.load('certificates')
        self._check(unhexed(loaded['genesis']['header']), b'')
        for case in loaded['accepted']:
            header = self._check(unhexed(case['header']),
                                 unhexed(case['certificate']))
            self.assertEqual(case['digest'], header.digest.hex())
            self.assertEqual(
                case['vote_message'], certificates.vote_message(
                    self.chain_id, 'commit', header.height, case['view'],
                    header.digest).hex())

    def test_refused(self):
        """Each with its code."""
        for case in self.load('certificates')['refused']:
            self.assert_refused(
                case['code'], case['why'], self._check,
                unhexed(case['header']), unhexed(case['certificate']))

    def test_each_byte_counts(self):
        """Of the header and of the certificate."""
        case = self.load('certificates')['accepted'][0]
        header = unhexed(case['header'])
        certificate = unhexed(case['certificate'])
        for changed in flipped(header):
            self.assertRaises(refusal.Refused, self._check, changed,
                              certificate)
        for changed in flipped(certificate):
            self.assertRaises(refusal.Refused, self._check, header, changed)


class TestConsensus(FederationTestCase):
    """What members say to each other."""

    def setUp(self):
        super().setUp()
        self.loaded = self.load('consensus-messages')
        self.head = blocks.genesis_header(
            self.chain_id, self.document.digest(self.chain_id),
            self.document.created_ms).digest

    def _change(self, encoded: bytes) -> None:
        consensus.check_view_change(self.chain_id, self.document, self.head,
                                    consensus.parse(encoded))

    def _new_view(self, encoded: bytes) -> None:
        consensus.check_new_view(self.chain_id, self.document, self.head,
                                 consensus.parse(encoded))

    def test_messages(self):
        """Forms, what signatures cover, and which of them count."""
        for case in self.loaded['accepted']:
            encoded = unhexed(case['message'])
            kind = consensus.parse(encoded)[0]
            self.assertEqual(case['kind'], kind)
            check = {consensus.VIEW_CHANGE: self._change,
                     consensus.NEW_VIEW: self._new_view}.get(kind)
            if check is not None:
                check(encoded)
                for changed in flipped(encoded, 5):
                    self.assertRaises(refusal.Refused, check, changed)
        for case in self.loaded['votes']:
            self.assertEqual(case['covered'], certificates.vote_message(
                self.chain_id, case['tag'], case['height'], case['view'],
                unhexed(case['digest'])).hex())
        for case in self.loaded['signed_parts']:
            self.assertEqual(case['covered'], consensus.signed_part(
                self.chain_id,
                consensus.parse(unhexed(case['message']))).hex())

    def test_refused(self):
        """Each with its code."""
        for name, check in (('refused', consensus.parse),
                            ('refused_view_changes', self._change),
                            ('refused_new_views', self._new_view)):
            for case in self.loaded[name]:
                self.assert_refused(case['code'], case['why'], check,
                                    unhexed(case['message']))

    def _evidence(self, record: str) -> int:
        return consensus.check_evidence(self.chain_id, self.document,
                                        unhexed(record))

    def test_evidence(self):
        """Two votes of one member for two headers."""
        cases = self.loaded['equivocations']
        for record in cases['accepted']:
            self._evidence(record)
            for changed in flipped(unhexed(record), 3):
                self.assertRaises(refusal.Refused, self._evidence,
                                  changed.hex())
        for case in cases['refused']:
            self.assert_refused(case['code'], case['why'], self._evidence,
                                case['record'])


class TestAnswers(FederationTestCase):
    """What members say to others, and what convicts them."""

    def setUp(self):
        super().setUp()
        self.loaded = self.load('answers')

    def _check(self, case: dict) -> answers.Answer:
        return answers.check(
            self.chain_id, self.document, unhexed(case['answer']),
            unhexed(case['request_digest']), case['member'])

    def test_answers(self):
        """Requests, what is covered, and who signed."""
        for case in self.loaded['accepted']:
            self.assertEqual(case['request_digest'], answers.request_digest(
                self.chain_id, case['method'], case['target'],
                unhexed(case['request_body'])).hex())
            answer = self._check(case)
            self.assertEqual(case['body'], answer.body.hex())
            self.assertEqual(case['covered'],
                             answer.covered(self.chain_id).hex())
        for case in self.loaded['refused']:
            self.assert_refused(case['code'], case['why'], self._check, case)

    def test_each_byte_counts(self):
        """No answer bears a changed byte."""
        for case in self.loaded['accepted']:
            encoded = unhexed(case['answer'])
            for changed in flipped(encoded, 1 + len(encoded) // 100):
                self.assert_refused('bad-answer', case['name'], self._check,
                                    {**case, 'answer': changed.hex()})

    def _convict(self, record: bytes) -> int:
        return answers.convict(self.chain_id, self.document, record)

    def test_lies(self):
        """A lie convicts, the truth and what cannot be judged do not."""
        for case in self.loaded['lies']:
            self.assertEqual(case['member'],
                             self._convict(unhexed(case['lie'])))
            record = unhexed(case['lie'])
            for changed in flipped(record, 1 + len(record) // 100):
                self.assertRaises(refusal.Refused, self._convict, changed)
        for case in self.loaded['no_lies']:
            self.assert_refused(case['code'], case['why'], self._convict,
                                unhexed(case['lie']))


class TestLightClient(FederationTestCase):
    """What a client stores and folds."""

    def test_states(self):
        """Stored states say what stands beside them."""
        for case in self.load('light-client')['states']:
            trusted = lightclient.parse(unhexed(case['state']))
            self.assertEqual(self.chain_id, trusted.chain_id)
            self.assertEqual(
                [(epoch['document'], epoch['from_height'])
                 for epoch in case['epochs']],
                [(document.encoded.hex(), height)
                 for document, height in trusted.epochs])
            floor = case['floor']
            self.assertEqual(
                (floor['height'], unhexed(floor['digest']),
                 floor['time_ms']), trusted.floor)
            if case['head'] is not None:
                again = trusted.advance(unhexed(case['head']['header']),
                                        unhexed(case['head']['certificate']))
                self.assertEqual(trusted, again)

    def test_history(self):
        """Heads follow from ids."""
        history = self.load('light-client')['history']
        head = bytes(32)
        self.assertEqual(history['heads'][0], head.hex())
        for txid, expected in zip(history['txids'], history['heads'][1:],
                                  strict=True):
            head = state.advance(self.chain_id, head, unhexed(txid))
            self.assertEqual(expected, head.hex())


class TestSnapshots(FederationTestCase):
    """The state that a member hands to one that is far behind."""

    def setUp(self):
        super().setUp()
        self.loaded = self.load('snapshot-messages')

    def test_frames(self):
        """Each kind has its form."""
        kinds = [snapshots.parse(unhexed(case['frame']))[0]
                 for case in self.loaded['accepted']]
        self.assertEqual([case['kind'] for case in self.loaded['accepted']],
                         kinds)
        for case in self.loaded['refused']:
            self.assert_refused(case['code'], case['why'], snapshots.parse,
                                unhexed(case['frame']))

    def test_the_snapshot(self):
        """Whole and unchanged, or refused."""
        made = self.loaded['snapshot']

        def check(case: dict) -> bytes:
            return snapshots.check(
                self.document, unhexed(made['block']),
                unhexed(made['certificate']), *(
                    [(unhexed(one['key']), unhexed(one['value']))
                     for one in case[part]] for part in (
                         'state', 'addressed')))

        self.assertEqual(32, len(check(made)))
        for case in made['refused']:
            self.assert_refused(case['code'], case['why'], check, case)
