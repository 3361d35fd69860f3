# SPDX-License-Identifier: Apache-2.0
"""Groups and their epochs."""

from tacker_ledger.core import errors
from tacker_ledger.tests.unit.tenant_client import simulator


class TestGroups(simulator.TenantCase):
    """Who has which key."""

    def setUp(self):
        super().setUp()
        self.vnfs = {name: self.vnf(name) for name in 'abc'}
        self.subject = self.tenant.groups
        self.subject.create('web')

    def group(self):
        return self.tenant.inventory.read().group('web')

    def holders(self, epoch):
        key_id = self.group().keys[epoch - 1].key_id
        return {name for name, vnf in self.vnfs.items()
                if key_id in vnf.groups}

    def add(self, *names):
        for name in names:
            self.subject.add('web', name, self.key)

    def test_create(self):
        self.assertEqual(1, self.group().epoch)
        self.assertRaises(errors.Duplicate, self.subject.create, 'web')
        self.assertRaises(errors.BadOption, self.subject.create, 'b',
                          'rot13')
        self.assertEqual(['web'], [group.name for group
                                   in self.subject.list_all()])

    def test_add(self):
        self.add('a', 'b')
        self.assertEqual({'a', 'b'}, self.holders(1))
        self.assertEqual((), self.group().pending)
        self.assertEqual([], self.subject.add('web', 'a', self.key))

    def test_one_transaction_configures_all_members(self):
        self.add('a', 'b')
        cid = self.create(group='web').cid
        for name in 'ab':
            self.assertEqual(((cid, 1),),
                             self.vnfs[name].effective.summary())
        self.assertEqual((), self.vnfs['c'].effective.summary())

    def test_remove(self):
        self.add('a', 'b', 'c')
        self.subject.remove('web', 'b', self.key)
        self.assertEqual({'a', 'c'}, self.holders(2))
        self.assertEqual(set(), self.holders(1))
        self.assertEqual(('a', 'c'), self.group().members)
        cid = self.create(group='web').cid
        self.assertNotIn(cid, dict(self.vnfs['b'].effective.summary()))
        self.assertIn(cid, dict(self.vnfs['a'].effective.summary()))

    def test_who_is_not_there(self):
        self.assertRaises(errors.NotFound, self.subject.remove, 'web', 'a',
                          self.key)
        self.assertRaises(errors.NotFound, self.subject.add, 'web', 'x',
                          self.key)
        self.assertRaises(errors.NotFound, self.subject.add, 'x', 'a',
                          self.key)
        self.tenant.vnfs.revoke('a', self.key)
        self.assertRaises(errors.KeyRevoked, self.subject.add, 'web', 'a',
                          self.key)

    def test_what_could_not_be_told_is_told_later(self):
        self.doors.down = {0, 1, 2, 3}
        self.assertRaises(errors.LedgerError, self.add, 'a')
        self.assertEqual(1, len(self.group().pending))
        self.doors.down = set()
        self.subject.tell('web', self.key)
        self.assertEqual({'a'}, self.holders(1))
        self.assertEqual((), self.group().pending)

    def test_a_leaver_who_could_not_be_told(self):
        self.add('a', 'b')
        self.doors.down = {0, 1, 2, 3}
        self.assertRaises(errors.LedgerError, self.subject.remove, 'web',
                          'b', self.key)
        self.doors.down = set()
        self.subject.remove('web', 'a', self.key)
        self.assertEqual(3, self.group().epoch)
        for epoch in (1, 2, 3):
            self.assertEqual(set(), self.holders(epoch))

    def test_without_waiting(self):
        written = self.subject.add('web', 'a', self.key, wait=False)
        self.assertIsNone(written[0].proven)
        self.assertEqual(1, len(self.group().pending))
        self.subject.tell('web', self.key)
        self.assertEqual({'a'}, self.holders(1))

    def test_private_keys_are_sealed(self):
        self.add('a')
        secret = self.tenant.keys.group_secret('web', 1)
        for committed in self.chain.blocks:
            for raw in committed.block.raw_transactions:
                self.assertNotIn(secret[30:60], raw)
