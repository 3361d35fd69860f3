# SPDX-License-Identifier: Apache-2.0
"""Zip bomb: a small transaction that inflates to more than memory holds.

Sealed, public, inside a plan, and where a node itself might look.  Memory
is measured: what refuses a bomb must not have held it first.
"""

import dataclasses
import tracemalloc
import zlib

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import plan
from tacker_ledger.core.configuration import trust
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits
from tacker_ledger.tests.attacks import ledger_case

_MIB = 1024 * 1024
#: What a bomb inflates to; packed it has about a thousandth of that.
BOMB_MIB = 500


def _bomb():
    packer = zlib.compressobj(9)
    zeros = bytes(_MIB)
    return b''.join([*(packer.compress(zeros) for _ in range(BOMB_MIB)),
                     packer.flush()])


class TestZipBomb(ledger_case.LedgerCase):
    """Nothing inflates further than a payload may."""

    #: Room for what is allowed, twice over: zlib grows its buffer.
    MEMORY_MAX_BYTES = 4 * limits.INFLATED_MAX_BYTES
    bomb = _bomb()

    def measured(self, call, *arguments):
        """Return what a call returns; demand that it took little memory."""
        tracemalloc.start()
        try:
            return call(*arguments)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.assertLess(peak, self.MEMORY_MAX_BYTES)

    def public_bomb(self):
        """Return a public template whose field is a bomb."""
        return self.thief.signed(dataclasses.replace(
            self.thief.public().content, compression=envelope.COMPRESSION_ZLIB,
            configuration=self.bomb))

    def sealed_bomb(self):
        """Return a sealed configuration that opens to a bomb."""
        made = self.tenant.authored(self.vnf)
        content = made.transaction.content
        ciphertext = ledger_case.PROVIDER.seal(
            made.content_key, content.nonce[:12], envelope.pad(self.bomb),
            transaction_module.associated_data(content.unsealed_fields()))
        return self.tenant.signed(dataclasses.replace(
            content, configuration=ciphertext)), made.content_key

    def test_public(self):
        """A node carries it and never looks inside."""
        bomb = self.public_bomb()
        self.assertLess(len(bomb.raw), _MIB)
        self.measured(self.assert_committed, bomb)
        self.assertEqual('too-large', self.measured(
            self.code_of, authoring.open_public, bomb))
        self.assertEqual('too-large', self.measured(
            self.code_of, acceptance.open_located, self.h,
            ledger_case.PROVIDER, {}, acceptance.Located((1, 0), bomb)))

    def test_sealed(self):
        bomb, content_key = self.sealed_bomb()
        self.measured(self.assert_committed, bomb)
        pairs = {self.vnf.key_id: self.vnf.pair}
        for call, arguments in (
                (authoring.open_configuration, (self.h, bomb, self.vnf.pair)),
                (authoring.open_with_key, (self.h, bomb, content_key)),
                (acceptance.open_located, (
                    self.h, ledger_case.PROVIDER, pairs,
                    acceptance.Located((1, 0), bomb)))):
            self.assertEqual('too-large', self.measured(
                self.code_of, call, *arguments))

    def test_as_a_federation_document(self):
        """The one public kind that nodes read is read uncompressed only."""
        bomb = self.public_bomb()
        self.assertIsNone(self.measured(
            payload.federation_document_of, bomb.content))
        document = payload.encode_payload(
            payload.FederationDocument(bytes(limits.INFLATED_MAX_BYTES // 8)))
        packed = self.thief.signed(dataclasses.replace(
            self.thief.public().content,
            compression=envelope.COMPRESSION_ZLIB,
            configuration=zlib.compress(document)))
        self.assertIsNone(self.measured(
            payload.federation_document_of, packed.content))
        federation = self.chain.application.federation
        self.measured(self.assert_committed, bomb, packed)
        self.assertIs(federation, self.chain.application.federation)

    def test_many_that_each_just_fit(self):
        """A plan is bounded by what its parts inflate to."""
        data = bytes(limits.INFLATED_MAX_BYTES - 100)
        template = payload.Template('file', '/etc/x', data, 'v', '1')
        parts = [self.thief.public(template) for _ in range(8)]
        self.assertLess(sum(len(one.raw) for one in parts), _MIB)
        base = self.tenant.sealed(self.vnf, apply_before=[
            identifiers.Reference(one.content.cid, 1, one.txid)
            for one in parts])
        self.assert_committed(*parts, base)
        resolver = plan.Resolver(
            trust.Trust((trust.Commander(self.tenant.document),),
                        own_ids=(self.vnf.key_id,)),
            self.opened(base))
        needs = dict(zip(resolver.needs(), parts, strict=True))
        taken = []
        error = self.assertRaises(errors.PlanTooLarge, lambda: [
            taken.append(resolver.supply(need, self.opened(one)))
            for need, one in needs.items()])
        self.assertGreater(error.details['bytes'], limits.PLAN_MAX_BYTES)
        # The base needs a little room too.
        self.assertEqual(
            limits.PLAN_MAX_BYTES // limits.INFLATED_MAX_BYTES - 1,
            len(taken))

    def opened(self, transaction):
        """Return a transaction as a VNF has opened it."""
        return acceptance.open_located(
            self.h, ledger_case.PROVIDER, {self.vnf.key_id: self.vnf.pair},
            acceptance.Located(self.chain.places[transaction.txid],
                               transaction))

    def test_many_small_items(self):
        """A bomb of structure instead of bytes: arrays in arrays."""
        nested = b'\x81' * 100_000 + b'\x80'
        flat = b'\x9a' + (3 * _MIB).to_bytes(4, 'big') + bytes(3 * _MIB)
        for inflated in (nested, flat):
            bomb = self.thief.signed(dataclasses.replace(
                self.thief.public().content,
                compression=envelope.COMPRESSION_ZLIB,
                configuration=zlib.compress(inflated, 9)))
            self.assertLess(len(bomb.raw), 16 * 1024)
            self.assert_committed(bomb)
            self.assertIn(self.measured(
                self.code_of, authoring.open_public, bomb),
                ('malformed', 'too-large'))

    def test_after_the_stream(self):
        """Neither a second stream nor an unfinished one is looked into."""
        packed = zlib.compress(payload.encode_payload(ledger_case.TEMPLATE))
        for data in (packed + self.bomb, self.bomb[:-5], packed[:-1]):
            spoiled = self.thief.signed(dataclasses.replace(
                self.thief.public().content,
                compression=envelope.COMPRESSION_ZLIB, configuration=data))
            self.assertIn(self.measured(
                self.code_of, authoring.open_public, spoiled),
                ('malformed', 'too-large'))
