# SPDX-License-Identifier: Apache-2.0
"""Verifying exports of a simulated federation."""

import io

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import export
from tacker_ledger.core.ledger import export_verifier
from tacker_ledger.core.ledger import payload
from tacker_ledger.tests import base
from tacker_ledger.tests import ledger_simulator

BODY = payload.Configuration('file', '/etc/motd', b'hello\n')


class TestVerifyExport(base.TestCase):
    """What is right passes; every change is found, with its height."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider = providers.default()
        cls.chain = chain = ledger_simulator.Chain()
        cls.pair = cls.provider.generate(2)
        cls.numbers = iter(range(1000))
        chain.commit(cls.authored())
        chain.commit()
        chain.commit()
        chain.commit(cls.authored(), cls.authored())
        chain.commit()

    @classmethod
    def authored(cls):
        number = next(cls.numbers)
        return authoring.author_configuration(
            cls.chain.h, cls.provider, cls.pair, vid=1, payload=BODY,
            recipient=cls.pair.document, timestamp_ms=cls.chain.time_ms,
            nonce=number.to_bytes(16, 'big'),
            content_key=cls.provider.random_bytes(32)).transaction

    def records(self):
        """Return (block, certificate) of every height above genesis."""
        return [(committed.block.to_bytes(), committed.certificate)
                for committed in self.chain.blocks[1:]]

    def export(self, records=None, chain=None) -> bytes:
        chain = chain or self.chain
        return export.header_record(
            chain.h.chain_id, chain.signed.to_bytes()) + b''.join(
                export.block_record(*record)
                for record in (self.records() if records is None
                               else records))

    def verify(self, data: bytes, h=None):
        return list(export_verifier.verify_export(
            h or self.chain.h, self.provider, io.BytesIO(data)))

    def assert_found(self, error_class, records, height):
        error = self.assertRaises(error_class, self.verify,
                                  self.export(records))
        self.assertEqual(height, error.details['height'])

    def test_everything_is_proven(self):
        data = self.export()
        steps = self.verify(data)
        self.assertEqual([1, 2, 3, 4, 5], [step.height for step in steps])
        self.assertEqual([1, 0, 0, 2, 0],
                         [len(step.transactions) for step in steps])
        self.assertEqual(5, steps[-1].certified_height)
        self.assertEqual(self.chain.application.head.digest,
                         steps[-1].digest)
        self.assertEqual(len(data), steps[-1].stream_bytes)

    def test_whichever_chain(self):
        steps = list(export_verifier.verify_export(
            None, self.provider, io.BytesIO(self.export())))
        self.assertEqual(5, len(steps))

    def test_an_empty_chain(self):
        self.assertEqual([], self.verify(self.export([])))

    def test_heartbeats_without_certificates(self):
        records = self.records()
        records[1] = (records[1][0], b'')
        records[2] = (records[2][0], b'')
        steps = self.verify(self.export(records))
        self.assertEqual([1, 1, 1, 4, 5],
                         [step.certified_height for step in steps])

    def test_nothing_certifies_the_end(self):
        records = self.records()
        records[4] = (records[4][0], b'')
        self.assert_found(errors.BadCertificate, records, 5)

    def test_transactions_need_a_certificate(self):
        records = self.records()
        records[3] = (records[3][0], b'')
        self.assert_found(errors.BadCertificate, records, 4)

    def test_block_left_out(self):
        for index in range(4):
            records = self.records()
            del records[index]
            self.assert_found(errors.BadBlock, records, index + 1)

    def test_blocks_swapped(self):
        records = self.records()
        records[1], records[2] = records[2], records[1]
        self.assert_found(errors.BadBlock, records, 2)

    def test_certificate_of_another_block(self):
        records = self.records()
        records[1] = (records[1][0], records[0][1])
        self.assert_found(errors.BadCertificate, records, 2)

    def test_too_few_votes(self):
        records = self.records()
        digest = self.chain.blocks[2].block.digest
        records[1] = (records[1][0],
                      self.chain.certificate(2, digest, (0, 1)))
        self.assert_found(errors.BadCertificate, records, 2)

    def test_transactions_swapped_within_a_block(self):
        records = self.records()
        block = self.chain.blocks[4].block
        other = block_module.Block(
            block.header, block.header_bytes, block.digest,
            block.raw_transactions[::-1], self.chain.h)
        records[3] = (other.to_bytes(), records[3][1])
        self.assert_found(errors.BadBlock, records, 4)

    def test_every_byte_of_a_block_counts(self):
        records = self.records()
        block, certificate = records[0]
        for position in range(0, len(block), 97):
            broken = bytearray(block)
            broken[position] ^= 1
            changed = [(bytes(broken), certificate), *records[1:]]
            self.assertRaises(errors.LedgerError, self.verify,
                              self.export(changed))

    def test_another_chain(self):
        other = ledger_simulator.Chain(nonce=b'x' * 16)
        self.assertRaises(errors.WrongFederation, self.verify,
                          self.export([], chain=other))

    def test_a_header_of_another_chain_on_these_blocks(self):
        other = ledger_simulator.Chain(nonce=b'x' * 16)
        data = self.export(self.records(), chain=other)
        self.assertRaises(errors.LedgerError, self.verify, data, other.h)

    def test_a_chain_id_that_is_not_the_documents(self):
        data = export.header_record(bytes(32), self.chain.signed.to_bytes())
        self.assertRaises(errors.WrongFederation, self.verify, data,
                          hashing.hasher(bytes(32)))
