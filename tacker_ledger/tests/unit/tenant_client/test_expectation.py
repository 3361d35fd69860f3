# SPDX-License-Identifier: Apache-2.0
"""What is in effect at a VNF, worked out from the chain alone."""

from tacker_ledger.tenant_client import configurations
from tacker_ledger.tenant_client import expectation
from tacker_ledger.tenant_client import keys
from tacker_ledger.tests.unit.tenant_client import simulator


class TestExpectation(simulator.TenantCase):
    """The tenant and an obedient VNF come to the same."""

    def setUp(self):
        super().setUp()
        self.a = self.vnf('a')

    def template(self, name, data=b'1', cid=None):
        return self.tenant.templates.publish(
            self.key, applier='file', target=name, data=data, vendor='v',
            cid=cid, name='' if cid else name).cid

    def expect(self, name='a'):
        return expectation.expect(
            self.tenant.context, self.tenant.vnfs.find(name),
            self.tenant.keys.list_all(keys.TENANT))

    def assert_agrees(self):
        found = self.expect()
        self.assertEqual(
            [(entry.cid, entry.vid, entry.txid, entry.digest,
              entry.content_key) for entry in self.a.effective.entries()],
            [(one.cid, one.vid, one.txid, one.payload_digest,
              one.content_key) for one in found.effective])
        return found

    def test_nothing(self):
        self.assertEqual((), self.assert_agrees().effective)

    def test_versions_and_withdrawals(self):
        first = self.create('first').cid
        second = self.create('second').cid
        self.tenant.configurations.update(first, data=b'2')
        found = self.assert_agrees()
        self.assertEqual({(first, 1), (first, 2), (second, 1)},
                         set(found.authentic))
        self.tenant.configurations.withdraw(second)
        self.assert_agrees()

    def test_references_of_every_mode(self):
        base, after = self.template('base'), self.template('after')
        self.create(refers=configurations.References(
            before=['base@latest'], after=['after:1@exact']))
        self.template('base', b'2', base)
        found = self.assert_agrees()
        # As of the height of the block that names it.
        self.assertIn((base, 1), found.authentic)
        self.assertNotIn((base, 2), found.authentic)
        self.assertEqual(after, found.effective[-1].cid)

    def test_what_a_newer_version_no_longer_refers_to(self):
        base = self.template('base')
        cid = self.create(
            refers=configurations.References(before=['base'])).cid
        self.tenant.configurations.update(
            cid, refers=configurations.References(before=[]))
        found = self.assert_agrees()
        self.assertEqual([cid], [one.cid for one in found.effective])
        self.assertIn((base, 1), found.authentic)

    def test_groups_from_joining_to_leaving(self):
        self.tenant.groups.create('web')
        self.vnf('b')
        self.tenant.groups.add('web', 'b', self.key)
        early = self.create('early', group='web').cid
        self.tenant.groups.add('web', 'a', self.key)
        during = self.create('during', group='web').cid
        self.tenant.groups.remove('web', 'a', self.key)
        late = self.create('late', group='web').cid
        found = {one.cid for one in self.expect().effective}
        self.assertEqual({during}, found)
        self.assertEqual({early, during, late}, {
            one.cid for one in self.expect('b').effective})

    def test_a_key_replaced_meanwhile(self):
        self.create('first')
        self.tenant.vnfs.replace_key('a', self.key)
        self.tenant.vnfs.adopt_key('a', self.key)
        self.create('second')
        self.assert_agrees()

    def test_several_tenant_keys(self):
        self.create('first')
        self.key = self.tenant.keys.create('bob', suite=simulator.SUITE)
        self.create('second')
        self.assert_agrees()

    def test_a_circle_is_refused_here_as_there(self):
        first = self.create('first').cid
        second = self.create('second', refers=configurations.References(
            before=['first@latest'])).cid
        self.a.obey = lambda payload: 'plan-cycle'
        self.tenant.configurations.update(
            first, refers=configurations.References(
                before=['second@latest']))
        found = self.expect()
        self.assertEqual([(first, 1), (second, 1)], [
            (one.cid, one.vid) for one in found.effective])
