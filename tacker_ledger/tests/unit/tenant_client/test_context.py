# SPDX-License-Identifier: Apache-2.0
"""Authoring, and names."""

import statistics

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core import limits
from tacker_ledger.tests.unit.tenant_client import simulator

#: Enough for five standard deviations to be narrow.
SAMPLE_COUNT = 100


class TestWraps(simulator.TenantCase):
    """An observer who looks at wraps only (S0 III.B)."""

    def test_the_leading_byte_tells_nothing(self):
        # Whatever is real or a dummy, whoever it is for.
        generate = self.chain.provider.generate
        key = self.tenant.keys.create('rsa', suite='rsa2048')
        body = payload_module.Configuration('file', 'rules', b'x')
        kinds = {
            'vnf': (body, {'recipient': generate(1).document}),
            'group': (body, {'recipient': generate(1).document}),
            'delivery': (payload_module.Delivery(()),
                         {'recipient': generate(1).document}),
            'welcome': (payload_module.Welcome('x'),
                        {'recipient': generate(2, False).document})}
        for name, (payload, fields) in kinds.items():
            first = [[] for _ in range(limits.WRAP_COUNT)]
            for _ in range(SAMPLE_COUNT):
                content = self.tenant.context.sealed(
                    key, payload, **fields).transaction.content
                for place, wrap in enumerate(content.wraps):
                    self.assertEqual(256, len(wrap))
                    first[place].append(wrap[0])
            for place, values in enumerate(first):
                self.assertLess(max(values), 128, (name, place))
                # Uniform from 0 to 127: mean 63.5, deviation 36.9.
                self.assertLess(abs(statistics.fmean(values) - 63.5),
                                5 * 36.9 / SAMPLE_COUNT ** 0.5,
                                (name, place))


class TestNames(simulator.TenantCase):
    """Names for CIDs."""

    def test_names(self):
        context = self.tenant.context
        context.name(b'a' * 16, 'edge')
        context.name(b'a' * 16, 'edge')
        self.assertEqual(b'a' * 16, context.cid_of(' edge '))
        self.assertEqual(b'a' * 16, context.cid_of('61' * 16))
        self.assertEqual(b'\xab' * 16, context.cid_of('AB' * 16))
        self.assertRaises(errors.Duplicate, context.name, b'b' * 16, 'edge')
        for text in ('', 'nothing', '61' * 15, 'xy' * 16):
            self.assertRaises(errors.NotFound, context.cid_of, text)

    def test_owner(self):
        self.vnf('a')
        written = self.create()
        key, record = self.tenant.context.owner_of(written.cid)
        self.assertEqual((self.key, 2), (key, record.next_vid))
        self.assertRaises(errors.NotFound, self.tenant.context.owner_of,
                          bytes(16))

    def test_a_request_has_no_payload(self):
        self.vnf('a')
        written = self.tenant.requests.create(
            self.tenant.vnfs.find('a'), self.key)
        self.assertRaises(errors.WrongPayload, self.tenant.context.open,
                          written.proven.placed)
