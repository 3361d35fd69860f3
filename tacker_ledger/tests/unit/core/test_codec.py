# SPDX-License-Identifier: Apache-2.0
"""Tests of the canonical encoding and its strict decoder."""

import cbor2
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.tests import base

LIMIT = 1 << 16


class Anything:
    """A schema that takes every value of the subset."""

    def check(self, value, path):
        pass


ANY = Anything()

SCALARS = (
    st.integers(codec.INT_MIN, codec.INT_MAX) | st.binary(max_size=300)
    | st.text(max_size=100) | st.booleans() | st.none())
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=30).map(tuple),
    max_leaves=40)


def nested(depth):
    """Return an array of ``depth`` levels around a zero."""
    value = 0
    for _ in range(depth):
        value = (value,)
    return value


class TestEncoding(base.TestCase):
    """One value, one encoding."""

    @given(VALUES)
    def test_round_trip(self, value):
        data = codec.encode(value)
        self.assertEqual(value, codec.decode(data, ANY, LIMIT))

    @given(VALUES)
    def test_another_decoder_reads_the_same(self, value):
        def listed(item):
            return ([listed(one) for one in item]
                    if isinstance(item, tuple) else item)
        self.assertEqual(listed(value), cbor2.loads(codec.encode(value)))

    def test_types_survive(self):
        for value in (0, 1, False, True, None, b'', '', ()):
            back = codec.decode(codec.encode(value), ANY, LIMIT)
            self.assertIs(type(value), type(back))

    def test_lists_encode_like_tuples(self):
        self.assertEqual(codec.encode((1, (2, b'x'))),
                         codec.encode([1, [2, b'x']]))

    def test_shared_items_are_written_out(self):
        inner = (1, 2)
        self.assertEqual(bytes.fromhex('82820102820102'),
                         codec.encode((inner, inner)))

    def test_values_outside_the_subset_are_mistakes(self):
        class Number(int):
            pass
        for value in (1.5, {}, {1: 2}, set(), object(), bytearray(b'x'),
                      memoryview(b'x'), 2 ** 64, -2 ** 63 - 1, Number(3),
                      (1, [2.0]), nested(17)):
            self.assertRaises(AssertionError, codec.encode, value)

    def test_bounds_of_integers(self):
        for value in (2 ** 64 - 1, -2 ** 63):
            self.assertEqual(
                value, codec.decode(codec.encode(value), ANY, LIMIT))


class TestDecoding(base.TestCase):
    """Whatever is accepted is canonical; nothing else gets out."""

    @given(st.binary(max_size=80))
    @settings(max_examples=500)
    @example(b'\x9b' + b'\xff' * 8)
    @example(b'\x5b\x7f' + b'\xff' * 7)
    def test_bytes_are_canonical_or_malformed(self, data):
        try:
            value = codec.decode(data, ANY, LIMIT)
        except errors.Malformed:
            return
        self.assertEqual(data, codec.encode(value))

    @given(VALUES, st.data())
    @settings(max_examples=300)
    def test_damage_is_noticed_or_another_value(self, value, draw):
        data = bytearray(codec.encode(value))
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at] ^= draw.draw(st.integers(1, 255))
        try:
            back = codec.decode(bytes(data), ANY, LIMIT)
        except errors.Malformed:
            return
        self.assertEqual(bytes(data), codec.encode(back))

    @given(VALUES, st.data())
    def test_cut_or_continued(self, value, draw):
        data = codec.encode(value)
        cut = draw.draw(st.integers(0, len(data) - 1))
        self.assertRaises(errors.Malformed, codec.decode, data[:cut], ANY,
                          LIMIT)
        more = draw.draw(st.binary(min_size=1, max_size=4))
        self.assertRaises(errors.Malformed, codec.decode, data + more, ANY,
                          LIMIT)

    def test_size_comes_first(self):
        data = codec.encode(bytes(100))
        self.assertEqual(bytes(100), codec.decode(data, ANY, len(data)))
        error = self.assertRaises(errors.TooLarge, codec.decode, data, ANY,
                                  len(data) - 1)
        self.assertEqual({'size': 102, 'limit': 101}, error.details)
        # Not even read: these bytes are not CBOR.
        self.assertRaises(errors.TooLarge, codec.decode, b'\xff' * 9, ANY, 8)

    def test_depth(self):
        deepest = nested(limits.NESTING_MAX_DEPTH)
        data = codec.encode(deepest)
        self.assertEqual(deepest, codec.decode(data, ANY, LIMIT))
        error = self.assertRaises(errors.Malformed, codec.decode,
                                  b'\x81' + data, ANY, LIMIT)
        self.assertIn('depth', error.details)
        # As deep as the bytes allow: neither recursion nor memory gives in.
        self.assertRaises(errors.Malformed, codec.decode,
                          b'\x81' * 60000 + b'\x00', ANY, LIMIT)

    def test_items(self):
        count = limits.ITEMS_MAX_COUNT
        head = b'\x9a' + (count - 1).to_bytes(4, 'big')
        data = head + b'\x00' * (count - 1)
        self.assertEqual(count - 1,
                         len(codec.decode(data, ANY, len(data))))
        head = b'\x9a' + count.to_bytes(4, 'big')
        data = head + b'\x00' * count
        error = self.assertRaises(errors.TooLarge, codec.decode, data, ANY,
                                  len(data))
        self.assertEqual(limits.ITEMS_MAX_COUNT, error.details['limit'])

    def test_a_promise_of_items_allocates_nothing(self):
        # 2^31 items promised in five bytes.
        self.assertRaises(errors.Malformed, codec.decode,
                          b'\x9a\x80\x00\x00\x00', ANY, LIMIT)

    @given(VALUES)
    def test_lists_of_older_libraries_become_tuples(self, value):
        data = codec.encode(value)
        self.assertEqual(value, codec._load_and_freeze(data))

    def test_positions_are_told(self):
        error = self.assertRaises(
            errors.Malformed, codec.decode,
            codec.encode((1, 2))[:1] + b'\x01\xf7', ANY, LIMIT)
        self.assertEqual(2, error.details['at'])


class TestSchemas(base.TestCase):
    """Schemas take what they say."""

    def accept(self, schema, *values):
        for value in values:
            self.assertEqual(value, codec.decode(
                codec.encode(value), schema, LIMIT))

    def refuse(self, schema, *values, path='$'):
        for value in values:
            error = self.assertRaises(
                errors.Malformed, codec.decode, codec.encode(value), schema,
                LIMIT)
            self.assertEqual(path, error.details.get('path'), value)

    def test_int(self):
        self.accept(codec.Int(-3, 9), -3, 0, 9)
        self.refuse(codec.Int(-3, 9), -4, 10, True, None, b'', '1', (1,))
        self.accept(codec.Int(), 0, 2 ** 64 - 1)
        self.refuse(codec.Int(), -1)

    def test_bytes(self):
        self.accept(codec.Bytes(1, 3), b'1', b'123')
        self.refuse(codec.Bytes(1, 3), b'', b'1234', 'a', 1, None, (b'1',))
        self.accept(codec.Bytes.exact(4), b'1234')
        self.refuse(codec.Bytes.exact(4), b'123', b'12345')

    def test_text_counts_bytes(self):
        self.accept(codec.Text(4), '', 'abcd', 'üü')
        self.refuse(codec.Text(4), 'abcde', 'üüa', b'a', None)

    def test_bool(self):
        self.accept(codec.Bool(), True, False)
        self.refuse(codec.Bool(), 0, 1, None)

    def test_const(self):
        self.accept(codec.Const(1), 1)
        self.refuse(codec.Const(1), True, 2, b'\x01')
        self.accept(codec.Const(None), None)
        self.accept(codec.Const(b'x'), b'x')
        self.refuse(codec.Const(b'x'), 'x')
        self.refuse(codec.Const(False), 0, None)

    def test_optional(self):
        schema = codec.Optional(codec.Int(0, 9))
        self.accept(schema, None, 5)
        self.refuse(schema, 10, False)

    def test_array(self):
        schema = codec.Array(codec.Int(0, 9), 1, 3)
        self.accept(schema, (1,), (1, 2, 3))
        self.refuse(schema, (), (1, 2, 3, 4), 1, None, b'')
        self.refuse(schema, (1, 2, 10), path='$[2]')

    def test_record(self):
        schema = codec.Record(codec.Const(1), codec.Array(
            codec.Record(codec.Text(3), codec.Bool()), 0, 2))
        self.accept(schema, (1, ()), (1, (('a', True), ('b', False))))
        self.refuse(schema, (1,), (1, (), ()), 1)
        self.refuse(schema, (2, ()), path='$[0]')
        self.refuse(schema, (1, (('a', True), ('b', 1))), path='$[1][1][1]')
        self.refuse(schema, (1, (('a',),)), path='$[1][0]')

    def test_tagged(self):
        schema = codec.Tagged({
            1: codec.Record(codec.Const(1), codec.Int()),
            2: codec.Record(codec.Const(2), codec.Text(5), codec.Bool())})
        self.accept(schema, (1, 7), (2, 'a', True))
        self.refuse(schema, (), 1, None)
        self.refuse(schema, (3, 7), (True, 7), ((1,), 7), (b'\x01', 7),
                    path='$[0]')
        self.refuse(schema, (2, 7, True), path='$[1]')
        self.refuse(schema, (1, 7, 7))
