# SPDX-License-Identifier: Apache-2.0
"""References as users write them."""

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.tenant_client import references
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.tenant_client import simulator


class TestSplit(base.TestCase):
    """The grammar."""

    def test_good(self):
        for text, found in (
                ('base', ('base', None, 'pinned')),
                ('base:3', ('base', 3, 'pinned')),
                (' base:3@exact ', ('base', 3, 'exact')),
                ('base:3@pinned', ('base', 3, 'pinned')),
                ('base@latest', ('base', None, 'latest')),
                ('00' * 16, ('00' * 16, None, 'pinned'))):
            self.assertEqual(found, references.split(text))

    def test_bad(self):
        for text in ('', ':1', 'base:', 'base:0', 'base:4294967296',
                     'base:x', 'base@newest', 'base@exact', 'base:1@latest',
                     'base:1:2', '../x', 'a b'):
            self.assertRaises(errors.BadOption, references.split, text)


class TestResolve(simulator.TenantCase):
    """On the chain."""

    def setUp(self):
        super().setUp()
        self.context = self.tenant.context
        self.first = self.publish(b'1', name='base')
        self.second = self.publish(b'2', cid=self.first.cid)

    def publish(self, data, **fields):
        return self.tenant.templates.publish(
            self.key, applier='file', target='t', data=data, vendor='v',
            **fields)

    def test_modes(self):
        cid = self.first.cid
        for text, expected in (
                ('base', (cid, 2, self.second.txid)),
                (f'{cid.hex()}:1', (cid, 1, self.first.txid)),
                ('base:1@exact', (cid, 1, None)),
                ('base@latest', (cid, None, None))):
            self.assertEqual(identifiers.Reference(*expected),
                             references.resolve(self.context, text))

    def test_what_is_not_there(self):
        for text in ('nothing', 'base:3', '00' * 16, '00' * 16 + '@latest'):
            self.assertRaises(errors.NotFound, references.resolve,
                              self.context, text)

    def test_sealed(self):
        self.vnf('a')
        written = self.create('secret')
        found = references.resolve_sealed(self.context, 'secret')
        self.assertEqual((written.cid, 1, written.txid),
                         (found.cid, found.vid, found.txid))
        self.assertIsNotNone(found.content_key)
        self.assertIsNone(references.resolve_sealed(
            self.context, 'base').content_key)
        for text in ('secret@latest', 'secret:1@exact'):
            self.assertRaises(errors.BadOption, references.resolve_sealed,
                              self.context, text)
