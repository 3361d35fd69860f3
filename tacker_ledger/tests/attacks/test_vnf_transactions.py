# SPDX-License-Identifier: Apache-2.0
"""Attacks on a VNF by what stands on the ledger.

Anybody may write to the ledger and address anybody; nodes judge form,
signature and order, not meaning.  What a VNF obeys it decides itself.
"""

import zlib

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tests import agent_case
from tacker_ledger.tests import door_simulator
from tacker_ledger.tests import ledger_simulator

Outcome = payload.Outcome


class TestWrongRecipient(agent_case.AgentCase):
    """Replay to another VNF, group or federation."""

    def test_wrong_recipient(self):
        """A lying node answers with another VNF's configuration."""
        other = self.provider.generate(2)
        mine = self.author(self.configuration(b'mine'))
        theirs = self.author(self.configuration(b'theirs'),
                             to=other.document)
        self.commit(mine)
        self.commit(theirs)
        for door in self.doors:
            door.lie = lambda asked, body: ([body[0], body[1], [
                [*self.chain.places[theirs.txid], theirs.raw]]]
                if 'histories' in asked else body)
        self.assertPollFails('history-incomplete')

    def test_replay_to_another_vnf(self):
        """What was sealed to one VNF, addressed to another by a thief."""
        other = self.provider.generate(2)
        theirs = self.authored(self.configuration(b'theirs'),
                               to=other.document)
        content = theirs.transaction.content
        # the tenant itself would have to sign, so a thief with its key does
        replayed = transaction_module.Transaction.signed_by(
            self.h, self.tenant, transaction_module.Configuration(**{
                **_fields(content),
                'recipient_id': self.vnf.document.key_id,
                'cid': identifiers.cid_for(
                    self.h, self.tenant.document.key_id, content.nonce)}))
        self.assertRefused('undecryptable', replayed)

    def test_replay_to_another_group(self):
        group, other = self.provider.generate(2), self.provider.generate(2)
        self.commit(self.author(payload.GroupKey(
            payload.GroupKey.JOIN, group.document.key_id, 1,
            group.to_private_bytes())))
        self.poll()
        self.receipts()
        theirs = self.author(self.configuration(b'theirs'),
                             to=other.document)
        replayed = transaction_module.Transaction.signed_by(
            self.h, self.tenant, transaction_module.Configuration(**{
                **_fields(theirs.content),
                'recipient_id': group.document.key_id}))
        self.assertRefused('undecryptable', replayed)

    def test_replay_to_another_federation(self):
        elsewhere = ledger_simulator.Chain(nonce=b'another chain 16')
        self.assertNotEqual(self.h.chain_id, elsewhere.h.chain_id)
        foreign = authoring.author_configuration(
            elsewhere.h, self.provider, self.tenant, vid=1,
            payload=self.configuration(b'foreign'), timestamp_ms=1,
            nonce=bytes(16), content_key=bytes(32),
            recipient=self.vnf.document).transaction
        self.assertRaises(
            errors.BadHash, transaction_module.Transaction.from_bytes,
            self.h, foreign.raw)
        # a node that shows it, or the other chain's head, is refused
        mine = self.author(self.configuration(b'mine'))
        self.commit(mine)
        for door in self.doors:
            door.lie = lambda asked, body: ([body[0], body[1], [
                [*row[:2], foreign.raw] for row in body[2]]]
                if 'histories' in asked else body)
        self.assertPollFails('bad-hash')
        elsewhere.commit()
        doors = door_simulator.Doors(elsewhere)
        head = doors[0]._head()
        for door in self.doors:
            door.lie = lambda asked, body: [list(head), body[1]]
        self.assertPollFails('wrong-federation')


def _fields(content):
    return {name: getattr(content, name) for name in (
        'cid', 'vid', 'compression', 'encryption', 'description', 'sender',
        'recipient_id', 'timestamp_ms', 'nonce', 'apply_before',
        'apply_after', 'commitment', 'wraps', 'configuration')}


class TestSenders(agent_case.AgentCase):

    def test_a_strangers_junk_does_not_bury_a_tenants_word(self):
        for _ in range(30):
            self.commit(*(self.author(self.configuration(b'junk'),
                                      pair=self.stranger)
                          for _ in range(10)))
        self.commit(self.author(self.configuration(b'word')))
        for _ in range(5):
            self.commit(self.author(self.configuration(b'junk'),
                                    pair=self.stranger))
        for door in self.doors:
            door.asked.clear()
        self.poll()
        self.assertEqual(b'word', self.vnf.content())
        # it was not even fetched
        asked = [path for door in self.doors for path in door.asked
                 if 'histories' in path or 'transactions' in path]
        self.assertLessEqual(len(asked), 3)
        self.assertEqual(1, len(self.receipts()))

    def test_ciphertext_re_signed_by_another_tenant(self):
        """A commander passes another's sealed configuration off as its own.
        """
        second = self.provider.generate(2)
        self.commit(self.author(self.trust_change(
            payload.AddCommander(second.document))))
        one = self.author(self.configuration(b'first'))
        self.commit(one)
        self.poll()
        self.receipts()
        stolen = transaction_module.Transaction.signed_by(
            self.h, second, transaction_module.Configuration(**{
                **_fields(one.content),
                'sender': second.document.to_bytes(),
                'cid': identifiers.cid_for(
                    self.h, second.document.key_id, one.content.nonce)}))
        self.commit(stolen)
        self.assertNothingChanged(self.poll)
        (receipt,) = self.receipts(second)
        self.assertEqual((Outcome.REFUSED, 'undecryptable'),
                         (receipt.outcome, receipt.code))

    def test_cid_squatting(self):
        """A stranger claims the CID of a tenant's coming configuration."""
        coming = self.author(self.configuration(b'coming'))
        squat = self.author(self.configuration(b'squat'),
                            pair=self.stranger, cid=coming.content.cid)
        self.assertRaises(errors.CidNotCertified, self.chain.commit, squat)
        self.commit(coming)
        after = self.author(self.configuration(b'after'), vid=2,
                            pair=self.stranger, cid=coming.content.cid)
        self.assertRaises(errors.NotOwner, self.chain.commit, after)
        self.poll()
        self.assertEqual(b'coming', self.vnf.content())

    def test_re_signed_duplicate(self):
        one = self.author(self.configuration(b'1'))
        self.commit(one)
        self.poll()
        self.assertRaises(errors.Duplicate, self.chain.commit, one)
        self.assertNothingChanged(self.poll)

    def test_the_nonce_of_the_last_transaction(self):
        one = self.author(self.configuration(b'1'))
        self.commit(one)
        self.poll()
        self.receipts()
        self.assertRefused('nonce-repeated', self.author(
            self.configuration(b'2'), vid=2, cid=one.content.cid,
            nonce=one.content.nonce))


class TestReferences(agent_case.AgentCase):
    """Mix-and-match, partial bundle, extraneous dependencies."""

    def setUp(self):
        super().setUp()
        self.v1 = self.template(b'v1', target='dns')
        self.cid = self.v1.content.cid
        self.commit(self.v1)

    def test_mix_and_match(self):
        """Two configurations of one plan disagree about a third."""
        v2 = self.template(b'v2', target='dns', vid=2, cid=self.cid)
        self.commit(v2)
        middle = self.template(b'', pair=self.tenant, target='dns',
                               apply_before=[self.reference(self.v1)])
        self.commit(middle)
        self.assertRefused('reference-mismatch', self.author(
            self.configuration(b'x'), apply_before=[
                self.reference(middle), self.reference(v2)]))

    def test_a_digest_that_is_not_that_version(self):
        other = self.template(b'other', target='dns')
        pinned = identifiers.Reference(self.cid, 1, other.txid)
        self.assertRefused('reference-mismatch', self.author(
            self.configuration(b'x'), apply_before=[pinned]))

    def test_partial_bundle(self):
        """One part of a plan is kept back: nothing of the rest is applied.
        """
        self.commit(self.author(self.configuration(b'x'), apply_before=[
            self.reference(self.v1)]))
        for door in self.doors:
            def liar(asked, body):
                return [None] if self.v1.txid.hex() in asked else body
            door.lie = liar
        self.assertPollFails('no-node')
        for door in self.doors:
            door.lie = None
        self.poll()
        self.assertEqual((b'x', b'v1'),
                         (self.vnf.content(), self.vnf.content('dns')))

    def test_extraneous_dependencies(self):
        """A node cannot add to a plan what nobody referred to."""
        extra = self.author(self.configuration(b'extra', target='dns'))
        base = self.author(self.configuration(b'x'))
        self.commit(base)
        for door in self.doors:
            def liar(asked, body):
                if 'histories' in asked:
                    body[2].append([*body[2][-1][:1],
                                    body[2][-1][1] + 1, extra.raw])
                return body
            door.lie = liar
        self.assertPollFails('bad-answer')
        self.assertIsNone(self.vnf.content('dns'))

    def test_too_many_dependencies(self):
        many = [self.template(b'%d' % number, target='dns')
                for number in range(64)]
        self.commit(*many)
        self.assertRefused('plan-too-large', self.author(
            self.configuration(b'x'),
            apply_before=[self.reference(one) for one in many]))

    def test_a_circle(self):
        nonce = self.provider.random_bytes(16)
        cid = identifiers.cid_for(self.h, self.tenant.document.key_id, nonce)
        back = self.template(
            b'', pair=self.tenant, target='dns',
            apply_before=[identifiers.Reference(cid)])
        self.commit(back)
        self.assertRefused('plan-cycle', self.author(
            self.configuration(b'x'), nonce=nonce,
            apply_before=[self.reference(back)]))

    def test_a_vendors_new_template_version(self):
        """It does not enter by the vendor's act, only by the tenant's."""
        self.commit(self.author(self.configuration(b'x'), apply_before=[
            self.reference(self.v1)]))
        self.poll()
        self.assertEqual(b'v1', self.vnf.content('dns'))
        self.receipts()
        self.commit(self.template(b'v2', target='dns', vid=2, cid=self.cid))
        self.assertNothingChanged(self.poll)
        self.assertEqual([], self.receipts())
        # not even where the tenant forgot to say which version it meant
        self.assertRefused('reference-not-allowed', self.author(
            self.configuration(b'y'), apply_before=[
                self.reference(self.v1, vid=False)]))

    def test_latest_is_the_same_for_who_wakes_up_later(self):
        self.vnf = self.start(document=self.bootstrap_document(
            allow_unpinned_references=True))
        self.commit(self.author(self.configuration(b'x'), apply_before=[
            self.reference(self.v1, vid=False)]))
        self.commit(self.template(b'v2', target='dns', vid=2, cid=self.cid))
        self.commit(self.template(b'v3', target='dns', vid=3, cid=self.cid))
        self.poll()
        self.assertEqual(b'v1', self.vnf.content('dns'))

    def test_a_node_moves_versions_in_time(self):
        """The places in a history are a node's word: they are proven."""
        self.vnf = self.start(document=self.bootstrap_document(
            allow_unpinned_references=True))
        self.commit(self.author(self.configuration(b'x'), apply_before=[
            self.reference(self.v1, vid=False)]))
        self.commit(self.template(b'v2', target='dns', vid=2, cid=self.cid))
        self.commit(self.template(b'v3', target='dns', vid=3, cid=self.cid))
        self.poll_despite(self.later)

    def later(self, rows):
        # as if every version had come after the tenant's word
        for number, row in enumerate(rows):
            row[:2] = [self.chain.height, 100 + number]

    def test_a_node_moves_later_versions_before_the_tenants_word(self):
        self.vnf = self.start(document=self.bootstrap_document(
            allow_unpinned_references=True))
        self.commit(self.author(self.configuration(b'x'), apply_before=[
            self.reference(self.v1, vid=False)]))
        self.commit(self.template(b'v2', target='dns', vid=2, cid=self.cid))

        def earlier(rows):
            for number, row in enumerate(rows):
                row[:2] = [1, number]
        self.poll_despite(earlier)

    def poll_despite(self, move):
        """Poll with one such liar until it has been found out."""
        key = identifiers.cid_state_key(self.h, self.cid).hex()

        def liar(asked, body):
            if key in asked:
                move(body[2])
            return body
        self.doors[0].lie = liar
        self.only(0)
        self.assertPollFails('history-incomplete')
        self.assertEqual(1, len(self.vnf.evidence()))
        self.only(0, 1, 2, 3)
        self.poll()
        self.assertEqual((b'x', b'v1'),
                         (self.vnf.content(), self.vnf.content('dns')))


class TestContent(agent_case.AgentCase):
    """What is inside the envelope."""

    def test_one_ciphertext_two_plaintexts(self):
        """Two content keys open one ciphertext; only one was committed to.
        """
        one = self.authored(self.configuration(b'x', target='dns'),
                            to=self.stranger.document)
        sealed = payload.SealedReference(
            one.transaction.content.cid, 1, one.transaction.txid,
            self.provider.random_bytes(32))
        self.commit(one.transaction)
        self.assertRefused('wrong-content-key', self.author(
            self.configuration(b'y', sealed_before=(sealed,))))

    def test_a_wrap_that_opens_to_another_key(self):
        """The recipient's wrap and the author's disagree."""
        one = self.authored(self.configuration(b'x'))
        content = one.transaction.content
        wraps = envelope.wraps_for(
            self.provider, self.provider.random_bytes(32),
            self.vnf.document, self.tenant.document, dummy_suite=2)
        forged = transaction_module.Transaction.signed_by(
            self.h, self.tenant, transaction_module.Configuration(
                **{**_fields(content), 'wraps': wraps}))
        self.assertRefused('wrong-content-key', forged)

    def test_zip_bomb(self):
        bomb = zlib.compress(b'\x00' * (64 * 1024 * 1024), 9)
        content_key = self.provider.random_bytes(32)
        one = authoring.author_configuration(
            self.h, self.provider, self.tenant, vid=1,
            payload=self.configuration(b'x'), timestamp_ms=1,
            nonce=self.provider.random_bytes(16), content_key=content_key,
            recipient=self.vnf.document).transaction
        fields = list(one.content.unsealed_fields())
        padded = envelope.pad(bomb)
        sealed = self.provider.seal(
            content_key, one.content.nonce[:12], padded,
            transaction_module.associated_data(fields))
        forged = transaction_module.Transaction.signed_by(
            self.h, self.tenant, transaction_module.Configuration(
                **{**_fields(one.content), 'configuration': sealed}))
        self.assertRefused('too-large', forged)

    def test_an_order_in_the_open(self):
        """A private payload that is not sealed is no order."""
        encoded = payload.encode_payload(payload.Withdrawal(bytes(16)))
        open_order = transaction_module.Transaction.signed_by(
            self.h, self.tenant, transaction_module.Configuration(
                cid=identifiers.cid_for(
                    self.h, self.tenant.document.key_id, bytes(16)),
                vid=1, compression=0, encryption=0, description='',
                sender=self.tenant.document.to_bytes(), recipient_id=None,
                timestamp_ms=1, nonce=bytes(16), apply_before=(),
                apply_after=(), commitment=None, wraps=(),
                configuration=encoded))
        self.commit(open_order)
        self.assertRefused('wrong-payload', self.author(
            self.configuration(b'x'),
            apply_before=[self.reference(open_order)]))

    def test_a_payload_that_is_none(self):
        one = self.authored(self.configuration(b'x')).transaction
        content_key = self.provider.random_bytes(32)
        fields = list(one.content.unsealed_fields())
        fields[13] = envelope.commitment(self.h, content_key,
                                         one.content.nonce)
        wraps = envelope.wraps_for(
            self.provider, content_key, self.vnf.document,
            self.tenant.document, dummy_suite=2)
        sealed = envelope.seal(
            self.provider, self.h, payload=codec.encode((1, 99, ())),
            compression=1, content_key=content_key,
            nonce16=one.content.nonce,
            associated_data=transaction_module.associated_data(fields))
        forged = transaction_module.Transaction.signed_by(
            self.h, self.tenant, transaction_module.Configuration(**{
                **_fields(one.content), 'commitment': fields[13],
                'wraps': wraps, 'configuration': sealed}))
        self.assertRefused('unsupported-version', forged)


class TestRequests(agent_case.AgentCase):

    def test_confused_deputy_by_a_request(self):
        """A stranger's request gets no answer and changes nothing."""
        self.commit(self.request(pair=self.stranger))
        self.assertNothingChanged(self.poll)
        self.assertEqual([], self.settle())

    def test_an_answer_goes_to_who_asked_and_to_no_other(self):
        self.commit(self.request())
        self.poll()
        (answer,) = self.settle()
        self.assertEqual(self.tenant.document.key_id,
                         answer.content.recipient_id)
        for reader in (self.stranger, self.vendor, self.recovery):
            for role in envelope.Role:
                self.assertRaises(
                    errors.LedgerError, authoring.open_configuration,
                    self.h, answer, reader, role)

    def test_a_request_is_no_configuration(self):
        self.commit(self.request())
        self.assertNothingChanged(self.poll)

    def test_compromised_vnf_answering_into_a_configuration(self):
        """Its answer has a slot's CID: it is no version of a configuration.
        """
        one = self.author(self.configuration(b'own'))
        self.commit(one)
        self.poll()
        self.settle()
        vnf_pair = self.vnf.agent.keys.own(self.vnf.document.key_id)
        # as a version of the tenant's configuration
        self.assertRaises(errors.NotOwner, self.chain.commit, self.author(
            self.configuration(b'evil'), pair=vnf_pair, vid=2,
            cid=one.content.cid))
        asked = self.request()
        self.commit(asked)
        evil = authoring.author_answer(
            self.h, self.provider, vnf_pair, asked,
            self.configuration(b'evil'), timestamp_ms=1,
            nonce=self.provider.random_bytes(16),
            content_key=self.provider.random_bytes(32)).transaction
        self.chain.commit(evil)
        other = self.start()
        self.commit(self.author(
            self.configuration(b'y'), to=other.document, apply_before=[
                identifiers.Reference(asked.content.cid)]))
        self.poll(other)
        self.assertIsNone(other.content())
        self.assertIn('wrong-payload', self.log.output)

    def test_slots_expired_by_cheap_traffic(self):
        """Blocks come fast or slowly; a slot lives by their time alone."""
        self.commit(self.request(lifetime_ms=60_000))
        for _ in range(300):
            self.chain.commit(time_ms=self.chain.time_ms + 20)
        self.poll()
        self.assertEqual(1, len(self.settle()))


class TestOffline(agent_case.AgentCase):

    def test_missed_transactions_while_offline(self):
        """Everything since is handled: keys and requests always."""
        group = self.provider.generate(2)
        first = self.author(self.configuration(b'1'))
        cid = first.content.cid
        self.commit(first)
        self.poll()
        self.settle()
        self.commit(self.author(self.configuration(b'2'), vid=2, cid=cid))
        self.commit(self.author(payload.GroupKey(
            payload.GroupKey.JOIN, group.document.key_id, 1,
            group.to_private_bytes())))
        self.commit(self.request())
        self.commit(self.author(self.configuration(b'3'), vid=3, cid=cid))
        self.commit(self.author(self.configuration(b'g', target='dns'),
                                to=group.document))
        self.commit(self.author(payload.KeyReplacement(2, 'x')))
        old = self.vnf.document
        self.commit(self.author(self.configuration(b'4'), vid=4, cid=cid))
        self.poll()
        self.assertEqual((b'4', b'g'),
                         (self.vnf.content(), self.vnf.content('dns')))
        self.assertNotEqual(old, self.vnf.document)
        sent = self.settle()
        self.assertEqual(1, len([one for one in sent
                                 if one.sender == old]))
        self.assertEqual(
            [Outcome.JOINED_GROUP, Outcome.APPLIED, Outcome.KEY_REPLACED,
             Outcome.APPLIED],
            [self.opened(one).outcome for one in sent
             if one.sender != old])
