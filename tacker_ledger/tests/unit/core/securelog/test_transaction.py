# SPDX-License-Identifier: Apache-2.0
"""Tests of reading Bitcoin transactions."""

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core import errors
from tacker_ledger.core.securelog import transaction
from tacker_ledger.tests import base

#: Block 0's only transaction, the same for everybody.
GENESIS = (
    '01000000010000000000000000000000000000000000000000000000000000000000000'
    '000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039'
    '204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6'
    'f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548'
    '271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f3550'
    '4e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000')
GENESIS_TXID = ('4a5e1e4baab89f3a32518a88c31bc87f'
                '618f76673e2cc77ab2127b7afdeda33b')
#: Made on regtest: one input with witnesses, two outputs.
WITNESSED = (
    '020000000001011d392b2d34fb6c57c1df77e9c24662becdc9eabc6a770580319b78289'
    'f0182650000000000fdffffff02e803000000000000160014cb889b7ae40c8565ed16e9'
    '2bf6e4aa2854f722908bed052a01000000160014d01ac7e31f54daa3125593cf423e5ae'
    '5afef36510247304402200966aa1d69ce094a80345f535d9c607a23caa15e7bc07a494b'
    '266deea8cec15802201cd672453905ae484b35f6bb184b74f9d5a0bd95af445b7eaa482'
    '19db1983f57012102a2ea1e10e8b02fbdd186e34649e068ba992c89f526e3655d91fa2f'
    'cd7188dd7200000000')
WITNESSED_TXID = ('9fa6cc494b12e1837247cb52e27950c4'
                  '3f375b764d0b992892e656a3ab4c50f1')


def build(inputs=1, scripts=(b'\x6a',), satoshi=7):
    """Return a transaction's bytes without witnesses."""
    return b''.join((
        b'\x02\0\0\0', bytes([inputs]),
        (b'\x11' * 32 + b'\0\0\0\0' + b'\0' + b'\xff' * 4) * inputs,
        bytes([len(scripts)]),
        *(satoshi.to_bytes(8, 'little') + bytes([len(item)]) + item
          for item in scripts), bytes(4)))


class TestParse(base.TestCase):

    def test_known_transactions(self):
        one = transaction.parse(GENESIS)
        self.assertEqual(GENESIS_TXID, one.txid)
        self.assertEqual(50 * 10 ** 8, one.outputs[0].satoshi)
        self.assertEqual(bytes.fromhex(GENESIS), one.stripped)
        two = transaction.parse(bytes.fromhex(WITNESSED))
        self.assertEqual(WITNESSED_TXID, two.txid)
        self.assertEqual((1000, 4999998859), tuple(
            output.satoshi for output in two.outputs))
        self.assertEqual(two, dataclass_without_witness(two))

    def test_one_output_changed(self):
        one = transaction.parse(WITNESSED)
        other = transaction.parse(one.with_output(1, 5))
        self.assertEqual((1000, 5), tuple(
            output.satoshi for output in other.outputs))
        self.assertEqual([output.script for output in one.outputs],
                         [output.script for output in other.outputs])
        self.assertEqual(one.inputs, other.inputs)
        self.assertEqual(one.txid, transaction.parse(
            other.with_output(1, 4999998859)).txid)

    def test_refused(self):
        good = build()
        transaction.parse(good)
        for bad in (b'', good[:-1], good + b'\0', build(inputs=0),
                    build(scripts=()), build(satoshi=2_100_000_000_000_001),
                    # a count that is not the shortest, one past the end
                    good[:4] + b'\xfd\x01\x00' + good[5:],
                    good[:4] + b'\xfe\xff\xff\xff\xff' + good[5:],
                    # witnesses announced, none there
                    good[:4] + b'\0\x01' + good[4:-4] + b'\0' + good[-4:]):
            self.assertRaises(errors.Malformed, transaction.parse, bad)
        for bad in ('zz', 'ABCD', '0', good.hex().upper(), ' ' + good.hex()):
            self.assertRaises(errors.Malformed, transaction.parse, bad)
        self.assertRaises(errors.TooLarge, transaction.parse, bytes(400_001))

    @hypothesis.given(st.binary(max_size=200))
    def test_any_bytes(self, data):
        try:
            transaction.parse(data)
        except errors.FormatError:
            pass

    @hypothesis.given(st.data())
    def test_a_changed_byte_is_another_transaction_or_none(self, data):
        raw = bytearray(bytes.fromhex(GENESIS))
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] ^= data.draw(st.integers(1, 255))
        try:
            found = transaction.parse(bytes(raw))
        except errors.FormatError:
            return
        self.assertNotEqual(GENESIS_TXID, found.txid)

    @hypothesis.given(st.integers(1, 5), st.lists(
        st.binary(max_size=60), min_size=1, max_size=5))
    def test_round_trip(self, inputs, scripts):
        raw = build(inputs, scripts)
        one = transaction.parse(raw)
        self.assertEqual(raw, one.stripped)
        self.assertEqual(inputs, len(one.inputs))
        self.assertEqual(scripts, [item.script for item in one.outputs])


def dataclass_without_witness(one):
    """Return the same, read from its bytes without witnesses."""
    return transaction.parse(one.stripped)


class TestOutpoint(base.TestCase):

    def test_text(self):
        text = '0a' * 32 + ':0'
        self.assertEqual(text, transaction.Outpoint.parse(text).text)
        for bad in ('', '0a' * 32, '0A' * 32 + ':0', '0a' * 32 + ':01',
                    '0a' * 32 + ':-1', '0a' * 32 + ':4294967296',
                    text + '\n'):
            self.assertRaises(errors.Malformed, transaction.Outpoint.parse,
                              bad)
