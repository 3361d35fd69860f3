# SPDX-License-Identifier: Apache-2.0
"""The product and the independent reader, on bytes that nobody wrote down."""

import hypothesis
from hypothesis import strategies

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import state_map
from tacker_ledger.tests import base
from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import statemap

CHAIN_ID = bytes(range(32))
MAX_BYTES = 4096

_leaves = strategies.one_of(
    strategies.integers(-1 << 63, (1 << 64) - 1), strategies.none(),
    strategies.booleans(), strategies.binary(max_size=300),
    strategies.text(max_size=100))
values = strategies.recursive(
    _leaves, lambda inner: strategies.lists(inner, max_size=30),
    max_leaves=40)
#: Keys that share long beginnings, so that buckets are split.
map_keys = strategies.builds(
    lambda start, middle, end: (
        bytes([start]) * 3 + bytes([middle]) * 28 + bytes([end])),
    strategies.integers(0, 2), strategies.integers(0, 2),
    strategies.integers(0, 255))


class _Anything:
    """The schema of whatever is canonical."""

    def check(self, value, path: str) -> None:
        """Take it."""


def _lists(value):
    return ([_lists(each) for each in value] if isinstance(value, tuple)
            else value)


def by_product(data: bytes):
    """Return what the product reads, as one item; none if it refuses."""
    try:
        return [_lists(codec.decode(data, _Anything(), MAX_BYTES))]
    except errors.LedgerError:
        return []


def by_page(data: bytes):
    """Return what the independent reader reads, likewise."""
    try:
        return [cbor.decode(data, MAX_BYTES)]
    except refusal.Refused:
        return []


class TestAgreement(base.TestCase):
    """Both say the same, whatever they are shown."""

    @hypothesis.settings(max_examples=150)
    @hypothesis.given(values)
    def test_encoding(self, value):
        """One value has one encoding."""
        encoded = cbor.encode(value)
        hypothesis.assume(len(encoded) <= MAX_BYTES)
        self.assertEqual(codec.encode(value), encoded)
        self.assertEqual([value], by_product(encoded))
        self.assertEqual([value], by_page(encoded))

    @hypothesis.settings(max_examples=200)
    @hypothesis.given(values, strategies.data())
    def test_damaged_encoding(self, value, data):
        """What one refuses, the other refuses."""
        encoded = bytearray(cbor.encode(value))
        for _ in range(data.draw(strategies.integers(1, 3))):
            place = data.draw(strategies.integers(0, len(encoded) - 1))
            encoded[place] = data.draw(strategies.integers(0, 255))
        self.assertEqual(by_product(bytes(encoded)), by_page(bytes(encoded)))

    @hypothesis.settings(max_examples=200)
    @hypothesis.given(strategies.binary(max_size=24))
    def test_any_bytes(self, data):
        """Bytes out of the air as well."""
        self.assertEqual(by_product(data), by_page(data))

    @hypothesis.settings(max_examples=60)
    @hypothesis.given(
        strategies.lists(strategies.dictionaries(
            map_keys, strategies.binary(max_size=4), max_size=8),
            max_size=4),
        map_keys)
    def test_map(self, batches, absent):
        """Roots after each batch, and every proof under the last."""
        h = hashing.hasher(CHAIN_ID)
        values_of = state_map.MemoryState()
        product = state_map.StateMap(h, state_map.SparseNodes(), values_of)
        mine = statemap.StateMap(CHAIN_ID)
        for batch in batches:
            overlay = product.overlay(batch)
            mine.update(batch)
            self.assertEqual(overlay.root, mine.root)
            values_of.update(batch)
            product.commit(overlay)
        self.assertEqual(
            mine.root, statemap.node(CHAIN_ID, mine.entries(), 0))
        for key in [absent, *mine.entries()]:
            statemap.check_proof(CHAIN_ID, mine.root, key, mine.get(key),
                                 product.prove(key).to_bytes())
