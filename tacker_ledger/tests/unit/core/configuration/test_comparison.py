# SPDX-License-Identifier: Apache-2.0
"""A state report against the chain."""

from tacker_ledger.core.configuration import comparison
from tacker_ledger.core import errors
from tacker_ledger.tests import base

Kind = comparison.Kind
Policy = comparison.Policy


def known(number: int, vid: int = 1) -> comparison.Known:
    """Return version ``vid`` of configuration ``number`` on the chain."""
    return comparison.Known(
        bytes([number]) * 16, vid, bytes([number, vid]) * 16,
        bytes([vid, number]) * 16, bytes([vid]) * 32)


def reported(item: comparison.Known, **changes) -> comparison.Reported:
    """Return what an honest source says about ``item``."""
    values = {'cid': item.cid, 'vid': item.vid, 'txid': item.txid,
              'payload_digest': item.payload_digest,
              'content_key': item.content_key}
    return comparison.Reported(**{**values, **changes})


def compare(reports, expected, others=()):
    authentic = {(item.cid, item.vid): item for item in (*expected, *others)}
    return comparison.compare(reports, expected, authentic)


class TestCompare(base.TestCase):
    """Each kind of difference."""

    def setUp(self):
        super().setUp()
        self.first, self.second = known(1), known(2, vid=3)
        self.expected = (self.first, self.second)

    def kinds(self, found):
        return [(item.kind, item.cid[0], item.reported_vid, item.chain_vid)
                for item in found.differences]

    def test_honest(self):
        found = compare([reported(item) for item in self.expected],
                        self.expected)
        self.assertEqual((), found.differences)
        self.assertEqual(self.expected, found.reported)

    def test_outdated(self):
        old = known(2, vid=2)
        found = compare([reported(self.first), reported(old)],
                        self.expected, [old])
        self.assertEqual([(Kind.OUTDATED, 2, 2, 3)], self.kinds(found))

    def test_missing(self):
        found = compare([reported(self.second)], self.expected)
        self.assertEqual([(Kind.MISSING, 1, 0, 1)], self.kinds(found))

    def test_made_up(self):
        found = compare(
            [*(reported(item) for item in self.expected),
             reported(known(7))], self.expected)
        self.assertEqual([(Kind.UNKNOWN, 7, 1, 0)], self.kinds(found))

    def test_another_vid_than_any_on_the_chain(self):
        found = compare([reported(self.first), reported(known(2, vid=9))],
                        self.expected)
        self.assertEqual([(Kind.UNKNOWN, 2, 9, 3)], self.kinds(found))

    def test_other_content(self):
        for change in ({'txid': b'!' * 32}, {'payload_digest': b'!' * 32},
                       {'content_key': b'!' * 32}, {'content_key': None}):
            found = compare([reported(self.first, **change),
                             reported(self.second)], self.expected)
            self.assertEqual([(Kind.MISMATCH, 1, 1, 1)], self.kinds(found))

    def test_twice(self):
        found = compare([reported(item) for item in
                         (self.first, self.second, self.first)],
                        self.expected)
        self.assertEqual([(Kind.REPEATED, 1, 1, 1)], self.kinds(found))

    def test_withdrawn_and_still_reported(self):
        withdrawn = known(5)
        found = compare(
            [reported(withdrawn), *(reported(i) for i in self.expected)],
            self.expected, [withdrawn])
        self.assertEqual([(Kind.SURPLUS, 5, 1, 0)], self.kinds(found))

    def test_newer_than_what_the_chain_has_in_effect(self):
        newer = known(2, vid=4)
        found = compare([reported(self.first), reported(newer)],
                        self.expected, [newer])
        self.assertEqual([(Kind.SURPLUS, 2, 4, 3)], self.kinds(found))

    def test_another_order(self):
        found = compare([reported(self.second), reported(self.first)],
                        self.expected)
        self.assertEqual([(Kind.ORDER, 2, 3, 3)], self.kinds(found))

    def test_keys_are_not_shown(self):
        self.assertNotIn('content_key', repr(self.first))
        self.assertNotIn('content_key', repr(reported(self.first)))

    def test_labels(self):
        self.assertEqual(
            ['outdated', 'missing', 'unknown', 'mismatch', 'repeated',
             'surplus', 'order'], [kind.label for kind in Kind])
        self.assertEqual(['stop', 'chain', 'report'],
                         [policy.label for policy in Policy])


class TestResolve(base.TestCase):
    """What is delivered is the tenant's choice."""

    def setUp(self):
        super().setUp()
        self.kept, self.left_out = known(1), known(2)
        self.new, self.old = known(3, vid=2), known(3, vid=1)
        self.found = compare(
            [reported(self.old), reported(self.kept), reported(known(9))],
            (self.kept, self.left_out, self.new), [self.old])

    def test_stop(self):
        error = self.assertRaises(
            errors.ReferenceMismatch, comparison.resolve, self.found,
            Policy.STOP)
        self.assertEqual(
            ['outdated', 'unknown', 'missing'],
            [item['kind'] for item in error.details['differences']])

    def test_chain(self):
        self.assertEqual((self.kept, self.left_out, self.new),
                         comparison.resolve(self.found, Policy.CHAIN))

    def test_report(self):
        self.assertEqual((self.old, self.kept),
                         comparison.resolve(self.found, Policy.REPORT))

    def test_nothing_to_settle(self):
        honest = compare([reported(self.kept), reported(self.left_out)],
                         (self.kept, self.left_out))
        for policy in Policy:
            self.assertEqual((self.kept, self.left_out),
                             comparison.resolve(honest, policy))
