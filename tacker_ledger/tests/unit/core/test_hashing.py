# SPDX-License-Identifier: Apache-2.0
"""Tests of tagged digests."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from tacker_ledger.core import hashing
from tacker_ledger.tests import base

CHAIN = bytes(range(32))
OTHER_CHAIN = bytes(32)
LABELS = {
    'transaction', 'transaction-signature', 'cid', 'content-key', 'payload',
    'block', 'block-transaction', 'state-key', 'state-leaf', 'history',
    'answer-form', 'pre-prepare', 'prepare', 'commit', 'view-change',
    'new-view', 'answer', 'request', 'federation', 'federation-issue',
    'federation-approval', 'key-announcement', 'console', 'hello',
    'vote-state', 'recovery', 'checkpoint-record', 'genesis', 'key'}
#: Logs and anchors belong to no chain of the ledger.
LOG_LABELS = {
    'log-text', 'log-evolve', 'log-seal', 'log-tags', 'log-previous',
    'log-opening', 'log-opening-signature', 'log-checkpoint',
    'log-checkpoint-signature', 'log-redaction', 'log-retention',
    'anchor-checkpoint', 'anchor-ledger', 'anchor-rebase', 'anchor-log'}


class TestFraming(base.TestCase):
    """What is covered says what it is for."""

    def test_by_hand(self):
        name = b'tacker-ledger/1/block'
        message = bytes([21]) + name + CHAIN + b'ab' + b'c'
        self.assertEqual(message, hashing.tagged_message(
            hashing.Tag.BLOCK, b'ab', b'c', chain_id=CHAIN))
        self.assertEqual(
            hashlib.sha256(message).digest(),
            hashing.tagged_hash(hashing.Tag.BLOCK, b'ab', b'c',
                                chain_id=CHAIN))

    def test_unbound_tags_ignore_the_chain(self):
        message = bytes([19]) + b'tacker-ledger/1/key' + b'x'
        for chain_id in (None, CHAIN):
            self.assertEqual(message, hashing.tagged_message(
                hashing.Tag.KEY, b'x', chain_id=chain_id))
            self.assertEqual(
                hashlib.sha256(message).digest(), hashing.tagged_hash(
                    hashing.Tag.KEY, b'x', chain_id=chain_id))

    def test_bound_tags_need_the_chain(self):
        for function in (hashing.tagged_hash, hashing.tagged_message):
            self.assertRaises(AssertionError, function, hashing.Tag.BLOCK,
                              b'x')

    def test_a_chain_id_has_32_bytes(self):
        self.assertRaises(AssertionError, hashing.Hasher, b'short')

    def test_tags_are_the_specified_ones(self):
        # An alias (two members of one value) would not show in the length.
        self.assertEqual(44, len(hashing.Tag.__members__))
        self.assertEqual(LABELS | LOG_LABELS, {
            tag.label for tag in hashing.Tag})
        self.assertEqual({'genesis', 'key'} | LOG_LABELS, {
            tag.label for tag in hashing.Tag if not tag.chain_bound})
        self.assertEqual(list(range(44)), [tag.index for tag in hashing.Tag])

    def test_no_name_begins_another(self):
        prefixes = [tag.prefix for tag in hashing.Tag]
        for one in prefixes:
            self.assertEqual([one], [other for other in prefixes
                                     if other.startswith(one)])

    @given(st.sampled_from(hashing.Tag), st.sampled_from(hashing.Tag),
           st.binary(max_size=80), st.binary(max_size=80))
    def test_a_message_has_one_tag_and_one_content(self, tag, other, a, b):
        same = (hashing.tagged_message(tag, a, chain_id=CHAIN)
                == hashing.tagged_message(other, b, chain_id=CHAIN))
        self.assertEqual(tag is other and a == b, same)

    @given(st.sampled_from(hashing.Tag), st.lists(st.binary(max_size=80)))
    def test_the_hash_is_that_of_the_message(self, tag, parts):
        hasher = hashing.hasher(CHAIN)
        message = hasher.message(tag, *parts)
        self.assertEqual(hashlib.sha256(message).digest(),
                         hasher.hash(tag, *parts))
        self.assertEqual(hasher.hash(tag, *parts),
                         hasher.hash(tag, b''.join(parts)))

    def test_chains_differ(self):
        for tag in hashing.Tag:
            self.assertEqual(
                not tag.chain_bound,
                hashing.hasher(CHAIN).hash(tag, b'x')
                == hashing.hasher(OTHER_CHAIN).hash(tag, b'x'))

    def test_a_hasher_is_shared_and_keeps_no_state(self):
        hasher = hashing.hasher(CHAIN)
        self.assertIs(hasher, hashing.hasher(bytes(CHAIN)))
        first = hasher.hash(hashing.Tag.CID, b'x')
        hasher.hash(hashing.Tag.CID, b'y')
        self.assertEqual(first, hasher.hash(hashing.Tag.CID, b'x'))

    def test_an_inner_node_is_no_tagged_hash(self):
        self.assertEqual(
            hashlib.sha256(b'\x01' + CHAIN + OTHER_CHAIN).digest(),
            hashing.inner_node(CHAIN, OTHER_CHAIN))
        self.assertNotIn(1, [tag.prefix[0] for tag in hashing.Tag])
