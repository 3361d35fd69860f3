# SPDX-License-Identifier: Apache-2.0
"""Replay to another federation.

One tenant and one VNF use the same keys on two ledgers.  What was signed
for one of them must mean nothing on the other: not the transactions, not
the votes, not the answers, not the key blocks.
"""

import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core.configuration import console_block
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import answer as answer_module
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tests.attacks import federation_case
from tacker_ledger.tests.attacks import ledger_case
from tacker_ledger.tests.attacks import node_case
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import federation
from tacker_ledger.tests import ledger_simulator


class TestReplay(federation_case.FederationCase):
    """Every signature and hash names its chain."""

    def setUp(self):
        super().setUp()
        self.elsewhere = ledger_simulator.Chain(nonce=b'\x01' * 16)
        self.there = ledger_case.Party(self.elsewhere, 'tenant')
        self.assertEqual(self.tenant.key_id, self.there.key_id)
        self.assertNotEqual(self.h.chain_id, self.elsewhere.h.chain_id)

    def assert_refused_raw(self, error, raw):
        """Demand that neither the door nor a block takes these bytes."""
        with self.nothing_changes():
            self.assertEqual(error.code, self.door.submit_raw(raw)[0].code)
            block = ledger_case.forged_block(self.chain, raw)
            exc = self.assertRaises(
                error, self.chain.application.validate, block)
            self.assertEqual(error.code, exc.code)

    def test_as_it_is(self):
        for made in (self.there.sealed(self.vnf), self.there.public(),
                     self.there.request(self.vnf)):
            self.elsewhere.commit(made)
            self.assert_refused_raw(errors.BadHash, made.raw)

    def test_under_an_id_of_this_chain(self):
        """The hash is put right; the signature is over the other one."""
        made = self.there.sealed(self.vnf)
        txid = identifiers.transaction_id(self.h, made.content_bytes)
        self.assert_refused_raw(errors.BadSignature, codec.encode(
            (1, txid, made.signature, made.content_bytes)))

    def test_signed_again_by_its_own_author(self):
        """A tenant that signs it anew finds CID and sealing of no use."""
        made = self.there.authored(self.vnf)
        again = self.tenant.signed(made.transaction.content)
        self.assert_refused(errors.CidNotCertified, again)
        moved = self.tenant.signed(dataclasses.replace(
            made.transaction.content, cid=identifiers.cid_for(
                self.h, self.tenant.key_id,
                made.transaction.content.nonce)))
        self.assert_committed(moved)
        self.assertRaises(
            errors.WrongContentKey, authoring.open_configuration, self.h,
            moved, self.vnf.pair)

    def test_an_answer_of_a_vnf(self):
        vnf_there = ledger_case.Party(self.elsewhere, 'vnf')
        asked = self.there.request(vnf_there)
        self.elsewhere.commit(asked)
        told = vnf_there.answer(asked)
        self.elsewhere.commit(told)
        self.assert_committed(self.tenant.request(self.vnf))
        self.assert_refused_raw(errors.BadHash, told.raw)

    def test_heads_and_certificates(self):
        self.elsewhere.commit()
        head = self.elsewhere.application.head
        client = self.client()
        before = client.trusted
        self.assertRaises(errors.WrongFederation, client.accept_head,
                          head.header, head.certificate)
        genesis = self.elsewhere.blocks[0].block
        self.assertRaises(errors.WrongFederation, client.accept_head,
                          genesis.header_bytes, b'')
        self.assertEqual(before, client.trusted)
        block = self.elsewhere.blocks[-1].block
        with self.nothing_changes():
            self.assertRaises(errors.BadBlock,
                              self.chain.application.validate, block)

    def test_a_federation_document(self):
        """Members who run both chains approve for one of them."""
        document = self.document()
        here = self.issued(document)
        there = federation_module.issue(
            self.chain.issuer, document, self.elsewhere.h.chain_id)
        approvals = [
            federation_module.approve(self.elsewhere.h, secrets.node, there,
                                      side, index)
            for side in (federation_case.PREDECESSOR, federation_case.OWN)
            for index, secrets in self.genuine()]
        for one in (here, there):
            attack = self.published(one.with_approvals(approvals))
            self.assert_refused(errors.FederationConflict, attack)
            block = ledger_case.forged_block(self.chain, attack.raw)
            exc = self.assertRaises(errors.FederationConflict,
                                    self.chain.application.validate, block)
            self.assertEqual('bad-signature', exc.details['reason'])
        self.assert_committed(self.published(self.approved(
            here, self.genuine(), self.genuine())))

    def test_a_members_answer(self):
        """The same request and nonce, asked of both, tell them apart."""
        request = answer_module.Request.of(
            'GET', '/v1/head?nonce=' + '0' * 32, b'')
        secrets = self.chain.secrets[0]
        head = self.elsewhere.application.head
        told = answer_module.sign_answer(
            self.elsewhere.h, lambda message:
            ledger_case.PROVIDER.sign_raw_ed25519(secrets.answer, message),
            member=0, instance=bytes(16),
            request_digest=request.digest(self.elsewhere.h),
            head_height=head.height, head_digest=head.digest,
            head_time_ms=head.time_ms, body=b'\x80').to_bytes()
        self.assertNotEqual(request.digest(self.h),
                            request.digest(self.elsewhere.h))
        for digest in (request.digest(self.h),
                       request.digest(self.elsewhere.h)):
            self.assertRaises(
                errors.BadAnswer, answer_module.check_answer, self.h,
                ledger_case.PROVIDER, self.chain.application.federation,
                digest, 0, told)

    def test_a_trust_change_and_a_key_block(self):
        recovery = self.thief.pair
        change = payload.TrustChange.signed_by(
            self.elsewhere.h, recovery, payload.AddCommander(
                self.thief.document))
        self.assertRaises(errors.BadSignature, change.verify,
                          ledger_case.PROVIDER, self.h,
                          recovery.document.key_id)
        (encoded,) = console_block.find(console_block.make(
            self.elsewhere.h, self.vnf.pair, self.thief.pair, 'uuid', 1))
        self.assertRaises(errors.BadSignature, console_block.parse, self.h,
                          ledger_case.PROVIDER, encoded)


class TestReplayToRealNodes(node_case.NodeCase):
    """Two real ledgers, one member each, and one author on both."""

    NODES = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = federation.Federation(
            1, heartbeat_seconds=3600.0, plain_http=True,
            init=('--suite', 'ed25519'))
        cls.addClassCleanup(cls.other.close)

    def test_a_transaction_of_the_other_ledger(self):
        author = authors.Author(self.other.h)
        to = authors.Author(self.other.h)
        written = [author.template(), author.configuration(to),
                   author.request(to)]
        results = self.other.submit(
            0, *(one.submission for one in written))
        self.assertEqual([None] * 3, [one.code for one in results])
        self.other.wait_height(1)
        with self.nothing_changes():
            for one in written:
                answer = self.submit(0, one)
                self.assertEqual((400, ['bad-hash']),
                                 (answer.status, answer.codes))
            answer = self.submit(0, *written)
            self.assertEqual((202, ['bad-hash'] * 3),
                             (answer.status, answer.codes))
            for one in written:
                transaction = one.transaction
                raw = codec.encode((
                    1, identifiers.transaction_id(
                        self.h, transaction.content_bytes),
                    transaction.signature, transaction.content_bytes))
                answer = self.post(
                    0, transaction_module.Submission(raw).to_bytes())
                self.assertEqual((400, ['bad-signature']),
                                 (answer.status, answer.codes))
        self.assert_goes_on()
