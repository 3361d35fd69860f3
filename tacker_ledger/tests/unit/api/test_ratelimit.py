# SPDX-License-Identifier: Apache-2.0
"""Buckets, addresses, and whose key a submission claims."""

import hashlib

import hypothesis
from hypothesis import strategies

from tacker_ledger.api import ratelimit
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import transaction
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.api import simulated


class TestBuckets(base.TestCase):
    """Token buckets."""

    def test_burst_then_rate(self):
        buckets = ratelimit.Buckets(2.0, 3)
        self.assertEqual([0, 0, 0], [buckets.take('a', 10.0)
                                     for _ in range(3)])
        self.assertEqual(0.5, buckets.take('a', 10.0))
        self.assertEqual(0.25, buckets.take('a', 10.25))
        self.assertEqual(0, buckets.take('a', 10.5))
        self.assertEqual(0, buckets.take('b', 10.5))

    def test_a_bucket_holds_no_more_than_its_burst(self):
        buckets = ratelimit.Buckets(100.0, 2)
        buckets.take('a', 0.0)
        self.assertEqual([0, 0], [buckets.take('a', 1000.0)
                                  for _ in range(2)])
        self.assertGreater(buckets.take('a', 1000.0), 0)

    def test_bounded(self):
        buckets = ratelimit.Buckets(0.001, 1, max_count=3)
        for number in range(10):
            buckets.take(number, 0.0)
        self.assertEqual(3, len(buckets))
        # the one used longest ago was forgotten, not the last
        self.assertGreater(buckets.take(9, 0.0), 0)


class TestAddresses(base.TestCase):
    """Who is the client."""

    def setUp(self):
        super().setUp()
        self.addresses = ratelimit.Addresses(['10.0.0.0/8', '2001:db8::/32'])

    def test_without_proxies_the_header_is_ignored(self):
        addresses = ratelimit.Addresses()
        self.assertEqual('10.0.0.1',
                         addresses.client('10.0.0.1', '192.0.2.1'))

    def test_the_last_entry_no_proxy_wrote(self):
        client = self.addresses.client
        for peer, header, expected in (
                ('10.0.0.1', '192.0.2.1', '192.0.2.1'),
                ('10.0.0.1', '198.51.100.1, 192.0.2.1', '192.0.2.1'),
                ('10.0.0.1', '192.0.2.1, 10.0.0.2', '192.0.2.1'),
                ('2001:db8::1', '192.0.2.1', '192.0.2.1'),
                ('::ffff:10.0.0.1', '192.0.2.1', '192.0.2.1'),
                ('192.0.2.9', '192.0.2.1', '192.0.2.9'),
                ('10.0.0.1', 'unknown', '10.0.0.1'),
                ('10.0.0.1', '192.0.2.1, unknown', '10.0.0.1'),
                ('10.0.0.1', '192.0.2.1, unknown, 10.0.0.2', '10.0.0.2'),
                ('10.0.0.1', None, '10.0.0.1'),
                ('', '192.0.2.1', '')):
            self.assertEqual(expected, client(peer, header), (peer, header))

    def test_a_long_header_is_cut_in_front(self):
        header = '192.0.2.1, ' * 100_000 + '192.0.2.2'
        self.assertEqual('192.0.2.2',
                         self.addresses.client('10.0.0.1', header))
        header = ', '.join(['192.0.2.1'] + ['10.0.0.2'] * 1000)
        self.assertEqual('10.0.0.2',
                         self.addresses.client('10.0.0.1', header))

    @hypothesis.settings(max_examples=100)
    @hypothesis.given(strategies.text())
    def test_any_header(self, header):
        self.addresses.client('10.0.0.1', header)

    def test_ipv6_counts_by_its_64_bits(self):
        group = self.addresses.group
        self.assertEqual(group('2001:db8::1'), group('2001:db8::2'))
        self.assertNotEqual(group('2001:db8:0:1::1'), group('2001:db8::1'))
        self.assertEqual('192.0.2.1', group('192.0.2.1'))
        self.assertEqual('door', group('door'))

    def test_a_wrong_network_names_its_option(self):
        error = self.assertRaises(errors.BadOption, ratelimit.Addresses,
                                  ['10.0.0.0/99'])
        self.assertIn('trusted_proxies in [door]', error.message)


class TestSenderOf(base.TestCase):
    """Whose key it is, without checking anything."""

    def test_a_real_one(self):
        world = simulated.World()
        written = world.template()
        raw = transaction.Submission(written.raw).to_bytes()
        self.assertEqual(
            hashlib.sha256(written.sender.to_bytes()).digest(),
            ratelimit.sender_of(raw))

    @hypothesis.settings(max_examples=200)
    @hypothesis.given(strategies.binary(max_size=200))
    def test_anything(self, raw):
        self.assertIsNone(ratelimit.sender_of(raw))

    @hypothesis.settings(max_examples=200)
    @hypothesis.given(strategies.integers(0, 400),
                      strategies.integers(0, 255))
    def test_a_changed_one(self, at, value):
        changed = bytearray(_SUBMISSION)
        changed[at % len(changed)] = value
        found = ratelimit.sender_of(bytes(changed))
        self.assertTrue(found is None or len(found) == 32)


_SUBMISSION = transaction.Submission(
    simulated.World().template().raw).to_bytes()
