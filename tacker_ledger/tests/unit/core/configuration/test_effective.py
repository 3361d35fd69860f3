# SPDX-License-Identifier: Apache-2.0
"""Tests of the effective configuration."""

from tacker_ledger.core import codec
from tacker_ledger.core.configuration import effective
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.tests import base


def cid(name: str) -> bytes:
    return name.encode().ljust(16, b'.')


def entry(name: str, vid: int = 1) -> effective.Entry:
    return effective.Entry(cid(name), vid, bytes([vid]) * 32, b'\x02' * 32,
                           'file', name, b'\x03' * 32, b'\x04' * 32)


def base_of(name: str, height: int, plan=(), vid: int = 1) -> effective.Base:
    plan = tuple(plan) or (entry(name, vid),)
    return effective.Base(cid(name), vid, (height, 0), plan)


class TestEffective(base.TestCase):

    def names(self, one: effective.Effective) -> list[str]:
        return [name.rstrip(b'.').decode() + str(vid)
                for name, vid in one.summary()]

    def test_bases_in_the_order_of_the_chain(self):
        one = effective.Effective().with_base(base_of('b', 7)).with_base(
            base_of('a', 9)).with_base(base_of('c', 8))
        self.assertEqual(['b1', 'c1', 'a1'], self.names(one))

    def test_a_newer_version_moves_to_its_place(self):
        one = effective.Effective().with_base(base_of('a', 1)).with_base(
            base_of('b', 2)).with_base(base_of('a', 3, vid=2))
        self.assertEqual(['b1', 'a2'], self.names(one))
        self.assertEqual(2, one.vid_of(cid('a')))
        self.assertIsNone(one.vid_of(cid('x')))

    def test_one_version_per_cid_at_its_first_place(self):
        one = effective.Effective().with_base(
            base_of('a', 1, [entry('t', 1), entry('a')])).with_base(
            base_of('b', 2, [entry('t', 2), entry('b')]))
        self.assertEqual(['t2', 'a1', 'b1'], self.names(one))

    def test_what_a_base_brought_goes_with_it(self):
        one = effective.Effective().with_base(
            base_of('a', 1, [entry('t'), entry('a')])).with_base(
            base_of('b', 2, [entry('u'), entry('b')]))
        self.assertEqual(['u1', 'b1'], self.names(one.without(cid('a'))))
        # what two want stays for the other
        two = one.with_base(base_of('c', 3, [entry('t'), entry('c')]))
        self.assertEqual(['u1', 'b1', 't1', 'c1'],
                         self.names(two.without(cid('a'))))

    def test_a_withdrawn_reference_goes_everywhere(self):
        one = effective.Effective().with_base(
            base_of('a', 1, [entry('t'), entry('a')]))
        self.assertEqual(['a1'], self.names(one.without(cid('t'))))
        self.assertEqual(one, one.without(cid('x')))

    def test_a_new_version_without_its_template_drops_it(self):
        one = effective.Effective().with_base(
            base_of('a', 1, [entry('t'), entry('a')])).with_base(
            base_of('a', 2, vid=2))
        self.assertEqual(['a2'], self.names(one))

    def test_what_continues_another_takes_its_place(self):
        one = effective.Effective().with_base(base_of('old', 1)).with_base(
            base_of('new', 2), [cid('old')])
        self.assertEqual(['new1'], self.names(one))

    def test_delivered_entries_are_bases(self):
        one = effective.delivered((5, 1), [entry('t'), entry('a', 3)])
        self.assertEqual(['t1', 'a3'], self.names(one))
        self.assertEqual(['t1'], self.names(one.without(cid('a'))))
        self.assertEqual(['t1', 'a4'], self.names(
            one.with_base(base_of('a', 6, vid=4))))

    def test_storage(self):
        one = effective.Effective().with_base(
            base_of('a', 1, [entry('t'), entry('a')])).with_base(
            effective.Base(cid('b'), 2, (3, 4), ()))
        fields = codec.decode(codec.encode(one.to_fields()),
                              effective.SCHEMA, 1 << 20)
        self.assertEqual(one, effective.from_fields(fields))

    def test_bound(self):
        many = effective.delivered((1, 0), [
            entry(str(number)) for number in
            range(limits.EFFECTIVE_MAX_COUNT)])
        self.assertRaises(errors.PlanTooLarge, many.with_base,
                          base_of('a', 2))
