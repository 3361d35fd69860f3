# SPDX-License-Identifier: Apache-2.0
"""Tests of the key block on the console."""

import base64

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core.configuration import console_block
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.tests import base

UUID = '7d8f2a2e-0000-4000-8000-000000000001'


class TestConsoleBlock(base.TestCase):

    def setUp(self):
        super().setUp()
        self.provider = providers.default()
        self.hasher = hashing.hasher(b'\x01' * 32)
        self.vnf = self.provider.generate(2)
        self.receipt = self.provider.generate(2, encryption=False)
        self.text = console_block.make(self.hasher, self.vnf, self.receipt,
                                       UUID, 1234)

    def parse(self, text=None, hasher=None):
        return [console_block.parse(hasher or self.hasher, self.provider, one)
                for one in console_block.find(text or self.text)]

    def test_round_trip_amid_other_output(self):
        noise = 'login: \x1b[31mkernel\x1b[0m\r\n'
        text = noise + self.text.replace('\n', '\r\n') + noise + self.text
        first, second = self.parse(text)
        self.assertEqual(first, second)
        self.assertEqual(self.vnf.document, first.vnf_key)
        self.assertEqual(self.receipt.document, first.receipt_key)
        self.assertEqual((UUID, 1234), (first.instance_uuid, first.time_ms))
        self.assertEqual(first, console_block.choose([first, second], UUID))

    def test_lines_fit_a_console(self):
        lines = self.text.splitlines()
        self.assertEqual(console_block.BEGIN, lines[0])
        self.assertEqual(console_block.END, lines[-1])
        self.assertLessEqual(max(len(line) for line in lines[1:-1]), 64)

    def test_an_rsa_key_fits(self):
        pair = providers.load('cryptography').generate(1)
        text = console_block.make(self.hasher, pair, self.receipt, UUID, 1)
        (block,) = self.parse(text)
        self.assertEqual(pair.document, block.vnf_key)

    def test_a_block_cut_by_the_ring_is_not_seen(self):
        for cut in (self.text[10:], self.text[:-10],
                    self.text[:200] + self.text[260:]):
            blocks = console_block.find(cut)
            for one in blocks:
                self.assertRaises(errors.LedgerError, console_block.parse,
                                  self.hasher, self.provider, one)

    def test_another_chain_refuses_it(self):
        self.assertRaises(errors.BadSignature, self.parse,
                          hasher=hashing.hasher(b'\x02' * 32))

    def test_every_flipped_bit_is_refused(self):
        (encoded,) = console_block.find(self.text)
        data = base64.b64decode(encoded)
        for at in range(0, len(data), 7):
            changed = bytearray(data)
            changed[at] ^= 1
            self.assertRaises(
                errors.LedgerError, console_block.parse, self.hasher,
                self.provider, base64.b64encode(changed).decode())

    def test_choose_refuses_two_identities_and_none(self):
        (mine,) = self.parse()
        other = console_block.make(
            self.hasher, self.provider.generate(2), self.receipt, UUID, 2000)
        (injected,) = self.parse(other)
        self.assertRaises(errors.BadSignature, console_block.choose,
                          [mine, injected], UUID)
        self.assertRaises(errors.NotFound, console_block.choose,
                          [mine], 'another')

    @hypothesis.given(st.text(max_size=300))
    def test_any_text_is_refused_cleanly(self, text):
        try:
            console_block.parse(self.hasher, self.provider, text)
        except errors.LedgerError:
            return
        self.fail('a random block was believed')

    def test_a_flood_is_refused(self):
        self.assertRaises(errors.TooLarge, console_block.find,
                          'x' * (console_block.CONSOLE_MAX_CHARS + 1))
