# SPDX-License-Identifier: Apache-2.0
"""What a light client keeps between its starts."""

import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests.unit.core.ledger import test_light_client

PROVIDER = federations.PROVIDER
TrustedState = trusted_state.TrustedState


class TestBootstrap(base.TestCase):
    """The first state."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.chain_id = self.made.federation.chain_id

    def bootstrap(self, made=None, floor=None, chain_id=None, signed=None):
        signed = signed or (made or self.made).signed
        return TrustedState.bootstrap(PROVIDER, chain_id or self.chain_id,
                                      signed.to_bytes(), floor)

    def test_genesis(self):
        found = self.bootstrap()
        self.assertEqual((self.made.federation, 0), (
            found.federation, found.reference.height))
        self.assertEqual(federations.CREATED_MS, found.reference.time_ms)

    def test_of_another_chain(self):
        other = federations.genesis(4, label='other')
        self.assertRaises(errors.WrongFederation, self.bootstrap, other)

    def test_not_approved(self):
        following = federations.successor(self.made)
        floor = trusted_state.Floor(9, bytes(32), 9)
        for made in (self.made, following):
            signed = dataclasses.replace(made.signed, approvals=())
            self.assertRaises(errors.BadDocument, self.bootstrap,
                              signed=signed, floor=floor)

    def test_a_later_document_needs_a_floor(self):
        following = federations.successor(self.made)
        self.assertRaises(errors.BadDocument, self.bootstrap, following)
        found = self.bootstrap(following,
                               trusted_state.Floor(9, bytes(32), 9))
        self.assertEqual(9, found.reference.height)


class TestStored(test_light_client.LightClientCase):
    """The stored form."""

    def setUp(self):
        super().setUp()
        self.turn()
        client = self.client()
        third = self.blocks[2]
        client.advance_federation(
            self.document.raw, third.block.inclusion(0).to_fields(),
            *third.pair)
        client.accept_head(*self.blocks[3].pair)
        self.trusted = client.trusted

    def test_there_and_back(self):
        for state in (self.trusted, self.client().trusted,
                      dataclasses.replace(self.trusted, head=None)):
            self.assertEqual(state, TrustedState.from_bytes(
                state.to_bytes()))

    def test_a_floor_above_the_head_counts(self):
        state = dataclasses.replace(
            self.trusted, floor=trusted_state.Floor(8, bytes(32), 9))
        self.assertEqual(8, state.reference.height)

    def test_damaged(self):
        self.assertRaises(errors.FormatError, TrustedState.from_bytes, b'')
        fields = list(codec.decode(self.trusted.to_bytes(), _Anything(),
                                   10 ** 6))
        for place, value in ((1, bytes(32)), (2, ((b'\x00', 0),)),
                             (4, (b'\x00', b''))):
            wrong = [*fields[:place], value, *fields[place + 1:]]
            self.assertRaises(
                (errors.CorruptStore, errors.FormatError),
                TrustedState.from_bytes, codec.encode(wrong))


class _Anything:
    def check(self, value, path):
        pass
