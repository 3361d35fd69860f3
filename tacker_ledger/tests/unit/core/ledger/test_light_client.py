# SPDX-License-Identifier: Apache-2.0
"""What a light client believes."""

import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import light_client
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers

PROVIDER = federations.PROVIDER


class LightClientCase(base.TestCase):
    """A chain of four blocks; the third puts epoch 1 in force."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.h = self.made.h
        self.ledger = ledgers.Ledger(self.made)
        self.next = federations.successor(
            self.made, [federations.make_site(f'new-{index}')
                        for index in range(4)])
        self.one = ledgers.digest_transaction(self.h, 'one')
        self.two = ledgers.digest_transaction(self.h, 'two')
        self.document = ledgers.federation_transaction(self.h, self.next)
        self.blocks = [
            self.ledger.commit([self.one, self.two]), self.ledger.commit()]

    def turn(self):
        """Put epoch 1 in force at block 3, and add block 4."""
        self.blocks.append(self.ledger.commit(
            [self.document], next_made=self.next))
        self.blocks.append(self.ledger.commit())

    def client(self, **fields):
        trusted = trusted_state.TrustedState.bootstrap(
            PROVIDER, self.h.chain_id, self.made.signed.to_bytes(), **fields)
        return light_client.LightClient(PROVIDER, trusted)

    def refuses(self, client, error, method, *arguments):
        """Check that a call is refused and changes nothing."""
        before = client.trusted
        found = self.assertRaises(error, method, *arguments)
        self.assertIs(before, client.trusted)
        return found

    def fake(self, base_block, members=range(3), sites=None, **fields):
        """Return a head pair of another header, signed by members."""
        header = dataclasses.replace(base_block.block.header, **fields)
        raw = header.to_bytes()
        return raw, ledgers.certify(
            self.h, sites or self.made.sites, members, header.height,
            block.header_digest(self.h, raw))


class TestHeads(LightClientCase):
    """accept_head."""

    def test_heads_rise(self):
        client = self.client()
        self.assertIsNone(client.trusted.head)
        for committed in self.blocks:
            found = client.accept_head(*committed.pair)
            self.assertEqual(committed.block.digest, found.header_digest)
            self.assertEqual(found, client.trusted.head)
        client.accept_head(*self.blocks[-1].pair)

    def test_the_genesis_block_is_a_head(self):
        client = self.client()
        genesis = block.genesis_header(self.h, self.made.federation)
        client.accept_head(genesis.to_bytes(), b'')
        self.assertEqual(0, client.trusted.head.height)

    def test_rollback(self):
        client = self.client()
        client.accept_head(*self.blocks[1].pair)
        self.refuses(client, errors.HeadRollback, client.accept_head,
                     *self.blocks[0].pair)

    def test_below_the_floor(self):
        floor = trusted_state.Floor(
            2, self.blocks[1].block.digest,
            self.blocks[1].block.header.timestamp_ms)
        client = self.client(floor=floor)
        self.refuses(client, errors.HeadRollback, client.accept_head,
                     *self.blocks[0].pair)
        client.accept_head(*self.blocks[1].pair)

    def test_another_block_at_the_floor(self):
        floor = trusted_state.Floor(2, bytes(32), 0)
        client = self.client(floor=floor)
        self.refuses(client, errors.ForkedChain, client.accept_head,
                     *self.blocks[1].pair)

    def test_a_fork(self):
        client = self.client()
        client.accept_head(*self.blocks[1].pair)
        fork = self.fake(self.blocks[1], state_root=b'\x01' * 32)
        self.refuses(client, errors.ForkedChain, client.accept_head, *fork)

    def test_time_does_not_run_backwards(self):
        client = self.client()
        client.accept_head(*self.blocks[0].pair)
        early = self.fake(
            self.blocks[1],
            timestamp_ms=self.blocks[0].block.header.timestamp_ms)
        self.refuses(client, errors.ForkedChain, client.accept_head, *early)

    def test_without_a_quorum(self):
        client = self.client()
        weak = self.fake(self.blocks[0], (0, 1))
        self.refuses(client, errors.BadCertificate, client.accept_head,
                     *weak)

    def test_an_expired_federation(self):
        client = self.client()
        expiry_ms = self.made.federation.document.expiry_ms
        client.accept_head(*self.fake(self.blocks[0],
                                      timestamp_ms=expiry_ms))
        client = self.client()
        self.refuses(client, errors.FederationExpired, client.accept_head,
                     *self.fake(self.blocks[0], timestamp_ms=expiry_ms + 1))

    def test_freshness(self):
        client = self.client()
        found = client.accept_head(*self.blocks[0].pair)
        client.check_fresh(found, found.time_ms + 120_000, 120_000)
        client.check_fresh(found, found.time_ms - 10 ** 9, 120_000)
        self.assertRaises(errors.StaleHead, client.check_fresh, found,
                          found.time_ms + 120_001, 120_000)


class TestFederations(LightClientCase):
    """advance_federation, and which federation certifies what."""

    def setUp(self):
        super().setUp()
        self.turn()
        third = self.blocks[2]
        self.proof = (self.document.raw,
                      third.block.inclusion(0).to_fields(), *third.pair)

    def test_the_next_federation_is_learnt(self):
        client = self.client()
        self.refuses(client, errors.UnknownFederation, client.accept_head,
                     *self.blocks[3].pair)
        self.assertEqual(self.next.federation,
                         client.advance_federation(*self.proof))
        client.accept_head(*self.blocks[3].pair)
        # Blocks of the past are certified by those who were there.
        client.certify(*self.blocks[0].pair)

    def test_members_long_gone_certify_nothing_new(self):
        client = self.client()
        client.advance_federation(*self.proof)
        old = self.fake(self.blocks[3], parent=bytes(32),
                        federation=self.made.federation.digest)
        self.refuses(client, errors.UnknownFederation, client.accept_head,
                     *old)

    def test_newcomers_certify_nothing_old(self):
        client = self.client()
        client.advance_federation(*self.proof)
        early = self.fake(self.blocks[1], sites=self.next.sites,
                          federation=self.next.federation.digest)
        self.refuses(client, errors.UnknownFederation, client.certify,
                     *early)

    def test_it_has_to_be_committed(self):
        client = self.client()
        raw, inclusion, header, proof = self.proof
        for wrong, error in (
                ((self.one.raw, inclusion, header, proof), errors.BadProof),
                ((raw, (0, 2, (bytes(32),)), header, proof),
                 errors.BadProof),
                ((raw, inclusion, header, self.blocks[1].certificate),
                 errors.BadCertificate),
                ((raw, inclusion, *self.fake(self.blocks[2], (0,))),
                 errors.BadCertificate)):
            self.refuses(client, error, client.advance_federation, *wrong)

    def test_it_has_to_hold_a_document(self):
        client = self.client()
        first = self.blocks[0]
        self.refuses(
            client, errors.UnknownFederation, client.advance_federation,
            self.one.raw, first.block.inclusion(0).to_fields(), *first.pair)

    def test_it_has_to_follow(self):
        client = self.client()
        client.advance_federation(*self.proof)
        self.refuses(client, errors.UnknownFederation,
                     client.advance_federation, *self.proof)

    def test_the_committed_document_has_to_be_approved(self):
        # The members of epoch 0 would have to break their own rules.
        forged = dataclasses.replace(self.next, signed=dataclasses.replace(
            self.next.signed, approvals=()))
        raw = ledgers.federation_transaction(self.h, forged).raw
        root = block.transactions_root(self.h, [raw])
        pair = self.fake(self.blocks[2], transactions_root=root)
        client = self.client()
        self.refuses(client, errors.UnknownFederation,
                     client.advance_federation, raw, (0, 1, ()), *pair)

    def test_a_later_block_under_the_old_federation(self):
        client = self.client()
        client.accept_head(*self.fake(
            self.blocks[3], federation=self.made.federation.digest))
        self.refuses(client, errors.ForkedChain, client.advance_federation,
                     *self.proof)

    def test_starting_from_the_federation_in_force(self):
        head = self.blocks[3]
        trusted = trusted_state.TrustedState.bootstrap(
            PROVIDER, self.h.chain_id, self.next.signed.to_bytes(),
            trusted_state.Floor(4, head.block.digest,
                                head.block.header.timestamp_ms))
        client = light_client.LightClient(PROVIDER, trusted)
        client.accept_head(*head.pair)
        self.refuses(client, errors.UnknownFederation, client.certify,
                     *self.blocks[0].pair)


class TestContents(LightClientCase):
    """State, transactions, histories."""

    def test_state(self):
        client = self.client()
        found = client.accept_head(*self.blocks[1].pair)
        key = identifiers.cid_state_key(self.h, self.one.content.cid)
        value, proof = self.ledger.prove(key)
        client.check_state(found, key, value, proof)
        self.assertRaises(errors.BadProof, client.check_state, found, key,
                          None, proof)
        other = identifiers.cid_state_key(self.h, bytes(16))
        value, proof = self.ledger.prove(other)
        self.assertIsNone(value)
        client.check_state(found, other, None, proof)
        self.assertRaises(errors.BadProof, client.check_state, found, other,
                          b'something', proof)

    def test_transactions(self):
        client = self.client()
        first = self.blocks[0]
        inclusion = first.block.inclusion(1).to_fields()
        self.assertEqual(self.two, client.check_transaction(
            *first.pair, self.two.raw, inclusion))
        self.assertRaises(
            errors.BadProof, client.check_transaction, *first.pair,
            self.one.raw, inclusion)
        self.assertRaises(
            errors.BadProof, client.check_transaction,
            *self.blocks[1].pair, self.two.raw, inclusion)

    def history(self, *transactions):
        head = state_records.EMPTY_HEAD
        for one in transactions:
            head = state_records.advance(self.h, head, one.txid)
        return len(transactions), head

    def test_histories(self):
        client = self.client()
        empty, before = self.history(), self.history(self.one)
        after = self.history(self.one, self.two)
        one, two = (1, 0, self.one.raw), (1, 1, self.two.raw)
        self.assertEqual(
            [(1, 0, self.one), (1, 1, self.two)],
            client.check_history(*empty, [one, two], *after))
        self.assertEqual([(1, 1, self.two)],
                         client.check_history(*before, [two], *after))
        self.assertEqual([], client.check_history(*after, [], *after))
        for why, known, entries in (
                ('one left out', empty, [one]),
                ('the other left out', empty, [two]),
                ('none', empty, []),
                ('another order', empty, [two, one]),
                ('another order of places', empty,
                 [(2, 0, self.one.raw), (1, 0, self.two.raw)]),
                ('one place twice', empty,
                 [(1, 0, self.one.raw), (1, 0, self.two.raw)]),
                ('one twice', before, [one, two]),
                ('no transaction', before, [(1, 1, b'\x00')]),
                ('a changed one', before,
                 [(1, 1, self.two.raw[:-1] + b'\x00')]),
                ('a history that went back', after, [])):
            with self.subTest(why):
                goal = before if 'back' in why else after
                self.assertRaises(
                    errors.HistoryIncomplete, client.check_history, *known,
                    entries, *goal)
