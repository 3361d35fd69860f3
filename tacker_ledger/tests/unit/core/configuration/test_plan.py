# SPDX-License-Identifier: Apache-2.0
"""Tests of plans: what is applied with a configuration, in which order."""

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import plan
from tacker_ledger.core.configuration import trust
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core import limits
from tacker_ledger.tests import base


class PlanCase(base.TestCase):
    """A world of configurations by name, each at some height."""

    BASE_HEIGHT = 100

    def setUp(self):
        super().setUp()
        self.provider = providers.default()
        self.h = hashing.hasher(b'\x05' * 32)
        self.tenant = self.provider.generate(2)
        self.vendor = self.provider.generate(2)
        self.stranger = self.provider.generate(2)
        self.vnf = self.provider.generate(2)
        self.trust = trust.Trust(
            (trust.Commander(self.tenant.document),),
            references=(self.vendor.document.key_id,),
            own_ids=(self.vnf.document.key_id,))
        self.world: dict[bytes, acceptance.Opened] = {}

    def cid(self, name: str) -> bytes:
        return name.encode().ljust(16, b'.')

    def references(self, names) -> tuple[identifiers.Reference, ...]:
        return tuple(one if isinstance(one, identifiers.Reference)
                     else identifiers.Reference(self.cid(one))
                     for one in names)

    def add(self, name, before=(), after=(), *, vid=1, pair=None,
            sealed_before=(), sealed_after=(), height=50, public=False,
            body=None):
        options = {
            'vid': vid, 'cid': self.cid(name), 'timestamp_ms': 1,
            'nonce': self.provider.random_bytes(16),
            'apply_before': self.references(before),
            'apply_after': self.references(after)}
        pair = pair or self.tenant
        key = None
        if public:
            body = body or payload.Template('file', name, b'x', 'v', '1')
            made = authoring.author_public(self.h, pair, payload=body,
                                           **options)
        else:
            body = body or payload.Configuration(
                'file', name, name.encode(), tuple(sealed_before),
                tuple(sealed_after))
            key = self.provider.random_bytes(32)
            made = authoring.author_configuration(
                self.h, self.provider, pair, payload=body, content_key=key,
                recipient=self.vnf.document, **options).transaction
        opened = acceptance.Opened(
            acceptance.Located((height, 0), made), body,
            payload.encode_payload(body), key)
        self.world[self.cid(name)] = opened
        return opened

    def base(self, before=(), after=(), **options):
        return self.add('base', before, after, height=self.BASE_HEIGHT,
                        **options)

    def resolve(self, base_configuration) -> list[str]:
        resolver = plan.Resolver(self.trust, base_configuration)
        while needs := resolver.needs():
            for need in needs:
                resolver.supply(need, self.world.get(need.cid))
        return [one.located.cid.rstrip(b'.').decode()
                for one in resolver.plan()]


class TestOrder(PlanCase):

    def test_alone(self):
        self.assertEqual(['base'], self.resolve(self.base()))

    def test_before_itself_after_in_the_order_of_the_lists(self):
        for name in ('a', 'b', 'c', 'd'):
            self.add(name)
        self.assertEqual(['b', 'a', 'base', 'd', 'c'], self.resolve(
            self.base(['b', 'a'], ['d', 'c'])))

    def test_deeper(self):
        self.add('a', before=['b'], after=['c'])
        self.add('b', before=['c1'])
        self.add('c1')
        self.add('c')
        self.assertEqual(['c1', 'b', 'a', 'c', 'base'],
                         self.resolve(self.base(['a'])))

    def test_a_diamond_stands_once(self):
        self.add('common')
        self.add('a', before=['common'])
        self.add('b', before=['common'])
        self.assertEqual(['common', 'a', 'b', 'base'],
                         self.resolve(self.base(['a', 'b'])))

    def test_constraints_beat_lists(self):
        self.add('a', before=['b'])
        self.add('b')
        self.assertEqual(['b', 'a', 'base'],
                         self.resolve(self.base(['a', 'b'])))
        self.add('first', after=['a'])
        self.assertEqual(['b', 'first', 'a', 'base'],
                         self.resolve(self.base(['a', 'b', 'first'])))

    def test_sealed_references_count_like_public_ones(self):
        hidden = self.add('hidden')
        reference = payload.SealedReference(
            hidden.located.cid, 1, hidden.located.transaction.txid,
            hidden.content_key)
        self.add('open')
        self.assertEqual(
            ['open', 'hidden', 'base'],
            self.resolve(self.base(['open'], sealed_before=[reference])))
        resolver = plan.Resolver(
            self.trust, self.base(sealed_after=[reference]))
        (need,) = resolver.needs()
        self.assertEqual(hidden.content_key, need.content_key)

    def test_a_circle(self):
        self.add('a', before=['b'])
        self.add('b', before=['a'])
        self.assertRaises(errors.PlanCycle, self.resolve, self.base(['a']))
        self.add('c', after=['base'])
        self.assertRaises(errors.PlanCycle, self.resolve,
                          self.base(after=['c'], before=['c']))

    @hypothesis.settings(max_examples=30)
    @hypothesis.given(st.lists(st.tuples(
        st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=10))
    def test_every_order_obeys_before_and_after(self, wishes):
        names = [f'n{number}' for number in range(6)]
        before = {name: [] for name in names}
        after = {name: [] for name in names}
        for one, other, is_before in wishes:
            if one != other:
                lists = before if is_before else after
                if names[other] not in lists[names[one]]:
                    lists[names[one]].append(names[other])
        for name in names:
            self.add(name, before[name], after[name])
        try:
            order = self.resolve(self.base(names))
        except errors.PlanCycle:
            return
        for name in names:
            for other in before[name]:
                self.assertLess(order.index(other), order.index(name))
            for other in after[name]:
                self.assertLess(order.index(name), order.index(other))


class TestFit(PlanCase):

    def refused(self, error, base_configuration):
        return self.assertRaises(error, self.resolve, base_configuration)

    def reference(self, name, vid=None, digest=None):
        return identifiers.Reference(self.cid(name), vid, digest)

    def test_missing_at_that_height(self):
        self.refused(errors.ReferenceMissing, self.base(['nowhere']))
        self.add('later', height=self.BASE_HEIGHT + 1)
        self.refused(errors.ReferenceMissing, self.base(['later']))
        self.add('same', height=self.BASE_HEIGHT)
        self.resolve(self.base(['same']))

    def test_another_than_referred_to(self):
        a = self.add('a', vid=2)
        self.resolve(self.base([self.reference('a', 2)]))
        self.resolve(self.base([self.reference(
            'a', 2, a.located.transaction.txid)]))
        self.refused(errors.ReferenceMismatch,
                     self.base([self.reference('a', 1)]))
        self.refused(errors.ReferenceMismatch,
                     self.base([self.reference('a', 2, bytes(32))]))
        self.world[self.cid('b')] = a
        self.refused(errors.ReferenceMismatch, self.base(['b']))

    def test_two_versions_of_one_cid(self):
        first = self.add('t', vid=1)
        second = self.add('t', vid=2)
        self.add('a', before=[self.reference('t', 1)])
        self.world[self.cid('t')] = second
        resolver = plan.Resolver(
            self.trust, self.base(['a', self.reference('t', 2)]))
        by_vid = {1: first, 2: second}

        def supply_all():
            while needs := resolver.needs():
                for need in needs:
                    resolver.supply(need, by_vid.get(need.vid)
                                    or self.world[need.cid])
        self.assertRaises(errors.ReferenceMismatch, supply_all)

    def test_who_may_be_referred_to(self):
        self.add('vendor', pair=self.vendor, public=True)
        self.add('stranger', pair=self.stranger, public=True)
        self.refused(errors.ReferenceNotAllowed, self.base(['vendor']))
        self.resolve(self.base([self.reference('vendor', 1)]))
        self.refused(errors.ReferenceNotAllowed,
                     self.base([self.reference('stranger', 1)]))
        digest = self.world[self.cid('stranger')].located.transaction.txid
        self.resolve(self.base([self.reference('stranger', 1, digest)]))

    def test_orders_are_no_part_of_a_plan(self):
        self.add('a', body=payload.Withdrawal(self.cid('x')))
        self.refused(errors.WrongPayload, self.base(['a']))
        self.add('b', public=True, body=payload.TemplateWithdrawal(
            self.cid('x'), 1, 1, 'x'))
        self.refused(errors.WrongPayload, self.base(['b']))

    def test_too_many(self):
        names = [f'n{number}' for number in range(limits.PLAN_MAX_COUNT)]
        for name in names:
            self.add(name)
        self.resolve(self.base(names[1:]))
        self.refused(errors.PlanTooLarge, self.base(names))

    def test_too_many_bytes(self):
        big = self.provider.random_bytes(1_200_000)
        names = [f'n{number}' for number in range(14)]
        for name in names:
            self.add(name, body=payload.Configuration('file', name, big))
        self.resolve(self.base(names[:3]))
        self.refused(errors.PlanTooLarge, self.base(names))


class TestDelivery(PlanCase):

    def test_needs_in_order(self):
        entries = [payload.SealedReference(self.cid(name), 1, bytes(32))
                   for name in ('b', 'a')]
        report = payload.SealedReference(self.cid('r'), 2, b'\x01' * 32,
                                         bytes(32))
        opened = self.base(body=payload.Delivery(tuple(entries), report))
        needs, about = plan.delivery_needs(opened)
        self.assertEqual([self.cid('b'), self.cid('a')],
                         [need.cid for need in needs])
        self.assertEqual((self.cid('r'), 2, self.BASE_HEIGHT),
                         (about.cid, about.vid, about.height))
        twice = self.base(body=payload.Delivery((entries[0], entries[0])))
        self.assertRaises(errors.WrongPayload, plan.delivery_needs, twice)
