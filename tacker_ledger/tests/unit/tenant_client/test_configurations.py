# SPDX-License-Identifier: Apache-2.0
"""Configurations of a tenant."""

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.tenant_client import configurations
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tests.unit.tenant_client import simulator


class TestConfigurations(simulator.TenantCase):
    """Publishing and reading back."""

    def setUp(self):
        super().setUp()
        self.a = self.vnf('a')
        self.subject = self.tenant.configurations

    def test_create(self):
        written = self.create(description='edge')
        self.assertEqual(1, written.vid)
        self.assertEqual(3, written.proven.quorum)
        self.assertEqual(3, len(written.proven.signers))
        self.assertEqual(((written.cid, 1),), self.a.effective.summary())
        read = self.subject.read(written.cid)
        self.assertEqual(b'allow\n', read.payload.data)
        self.assertEqual('edge', read.content.description)
        self.assertEqual(written.cid, self.tenant.context.cid_of('rules'))

    def test_without_waiting(self):
        written = self.create(wait=False)
        self.assertIsNone(written.proven)

    def test_a_name_is_given_once(self):
        self.create()
        before = self.chain.height
        self.assertRaises(errors.Duplicate, self.create)
        self.assertEqual(before, self.chain.height)

    def test_update_keeps_what_is_not_given(self):
        cid = self.create(description='one').cid
        written = self.subject.update(cid, data=b'deny\n')
        read = self.subject.read(cid)
        self.assertEqual((2, b'deny\n', 'rules', 'one'), (
            written.vid, read.payload.data, read.payload.target,
            read.content.description))
        self.assertEqual(b'allow\n', self.subject.read(cid, 1).payload.data)

    def test_update_from_an_older_version(self):
        cid = self.create().cid
        self.subject.update(cid, data=b'2')
        error = self.assertRaises(
            errors.VidConflict, self.subject.update, cid, data=b'x',
            expected_vid=1)
        self.assertEqual(2, error.details['newest'])

    def test_two_clients_of_one_tenant(self):
        cid = self.create().cid
        newest = self.subject.read(cid)
        self.subject.update(cid, data=b'first')
        # The second client has not seen it and signs the same version.
        late = self.tenant.context.sealed(
            self.key, newest.payload, recipient=self.a.pair.document,
            cid=cid, vid=2)
        error = self.assertRaises(
            errors.VidConflict, self.tenant.context.send,
            [late.transaction])
        self.assertIn('somebody else published first', error.message)
        self.assertEqual(b'first', self.subject.read(cid).payload.data)

    def test_what_is_another_tenants(self):
        cid = self.create().cid
        other = self.new_tenant()
        other.keys.create('mallory', suite=simulator.SUITE)
        self.assertRaises(errors.NotOwner, other.context.owner_of, cid)
        self.assertRaises(errors.Undecryptable, other.configurations.read,
                          cid)
        self.assertEqual([], other.configurations.list_all())

    def test_everything_is_read_back_with_the_key_alone(self):
        cids = [self.create(f'rules-{number}').cid for number in range(3)]
        self.subject.update(cids[1], data=b'newer')
        passphrase = b'correct horse'
        backup = self.make_directory() / 'backup'
        self.tenant.keys.backup(backup, passphrase)
        other = self.new_tenant()
        other.keys.restore(backup, passphrase)
        other.store.path(inventory.FILE).unlink()
        found = {item.content.cid: item.payload.data
                 for item in other.configurations.list_all()}
        self.assertEqual({cids[0]: b'allow\n', cids[1]: b'newer',
                          cids[2]: b'allow\n'}, found)

    def test_list_of_a_vnf_and_of_a_group(self):
        self.tenant.groups.create('web')
        self.tenant.groups.add('web', 'a', self.key)
        first = self.create('first').cid
        shared = self.create('shared', group='web').cid
        gone = self.create('gone').cid
        self.subject.withdraw(gone)

        def listed(**which):
            return [item.content.cid
                    for item in self.subject.list_all(**which)]

        self.assertEqual([first, shared], listed(vnf='a'))
        self.assertEqual([shared], listed(group='web'))
        self.assertEqual([first, shared], listed())

    def test_history_and_diff(self):
        cid = self.create(data=b'one\ntwo\n').cid
        self.subject.update(cid, data=b'one\nthree\n')
        self.assertEqual([1, 2], [item.content.vid for item
                                  in self.subject.history(cid)])
        text = self.subject.diff(cid, 1, 2)
        self.assertIn('-two\n', text)
        self.assertIn('+three\n', text)
        self.assertEqual('', self.subject.diff(cid, 2, 2))

    def test_diff_of_what_is_no_text(self):
        cid = self.create(data=b'\xff\x00').cid
        self.subject.update(cid, data=b'\xff\x01')
        self.assertIn('+ff01\n', self.subject.diff(cid, 1, 2))

    def test_withdraw(self):
        cid = self.create().cid
        self.subject.withdraw(cid)
        self.assertEqual((), self.a.effective.summary())

    def test_nothing_there(self):
        self.assertRaises(errors.NotFound, self.subject.read, bytes(16))
        self.assertRaises(errors.NotFound, self.subject.history, bytes(16))
        cid = self.create().cid
        self.assertRaises(errors.NotFound, self.subject.read, cid, 7)

    def test_a_template_is_no_configuration(self):
        cid = self.tenant.templates.publish(
            self.key, applier='file', target='t', data=b'', vendor='v').cid
        self.assertRaises(errors.WrongPayload, self.subject.read, cid)

    def test_the_present_key_of_a_recipient(self):
        cid = self.create().cid
        self.tenant.vnfs.replace_key('a', self.key)
        self.tenant.vnfs.adopt_key('a', self.key)
        written = self.subject.update(cid, data=b'2')
        self.assertEqual(self.a.pair.document.key_id,
                         written.transaction.content.recipient_id)

    def test_a_recipient_that_is_gone(self):
        cid = self.create().cid
        self.tenant.vnfs.revoke('a', self.key)
        self.assertRaises(errors.KeyRevoked, self.subject.update, cid,
                          data=b'2')
        with self.tenant.inventory.change() as contents:
            del contents.vnfs['a']
        self.assertRaises(errors.NotFound, self.subject.update, cid,
                          data=b'2')

    def test_whom_for(self):
        for which in ({}, {'vnf': 'a', 'group': 'g'}):
            self.assertRaises(errors.BadOption,
                              self.tenant.context.recipient, **which)


class TestRefresh(simulator.TenantCase):
    """A vendor's newer version enters only by the tenant's act."""

    def setUp(self):
        super().setUp()
        self.a = self.vnf('a')
        self.subject = self.tenant.configurations
        self.vendor = self.new_tenant()
        self.vendor_key = self.vendor.keys.create(
            'acme', suite=simulator.SUITE)
        self.template = self.publish(b'1').cid

    def publish(self, data, cid=None):
        return self.vendor.templates.publish(
            self.vendor_key, applier='file', target='base', data=data,
            vendor='ACME', cid=cid)

    def configured(self, reference):
        return self.create(refers=configurations.References(
            before=[reference.format(self.template.hex())])).cid

    def test_update_available(self):
        cid = self.configured('{}')
        self.assertEqual([False], [
            update.available for update in self.subject.updates(cid)])
        self.assertIsNone(self.subject.refresh(cid))
        self.publish(b'2', self.template)
        before = self.a.effective.summary()
        [update] = self.subject.updates(cid)
        self.assertTrue(update.available)
        self.assertEqual((1, 2), (update.reference.vid, update.newest_vid))
        self.assertEqual(before, self.a.effective.summary())
        written = self.subject.refresh(cid)
        self.assertEqual(2, written.vid)
        self.assertEqual(((self.template, 2), (cid, 2)),
                         self.a.effective.summary())

    def test_what_follows_the_newest_needs_no_update(self):
        cid = self.configured('{}@latest')
        self.publish(b'2', self.template)
        self.assertEqual([False], [
            update.available for update in self.subject.updates(cid)])

    def test_a_withdrawal_is_shown(self):
        cid = self.configured('{}')
        self.vendor.templates.withdraw(self.template, reason='CVE')
        [update] = self.subject.updates(cid)
        self.assertEqual('CVE', update.notice)
        self.assertEqual(((self.template, 1), (cid, 1)),
                         self.a.effective.summary())

    def test_other_references_stay(self):
        other = self.publish(b'other').cid
        cid = self.create(refers=configurations.References(
            before=[self.template.hex()], after=[other.hex()])).cid
        self.publish(b'2', self.template)
        self.subject.refresh(cid)
        content = self.subject.read(cid).content
        self.assertEqual([2], [one.vid for one in content.apply_before])
        self.assertEqual([1], [one.vid for one in content.apply_after])

    def test_sealed_references(self):
        secret = self.create('secret').cid
        cid = self.create(refers=configurations.References(
            sealed_before=['secret'])).cid
        read = self.subject.read(cid)
        self.assertEqual((), read.content.apply_before)
        [reference] = read.payload.sealed_before
        self.assertEqual((secret, 1), (reference.cid, reference.vid))
        self.assertIsNotNone(reference.content_key)
        self.subject.update(cid, refers=configurations.References(
            sealed_before=[]))
        self.assertEqual((), self.subject.read(cid).payload.sealed_before)

    def test_kinds(self):
        self.assertEqual('configuration', configurations.kind_of(
            self.subject.read(self.create('x').cid).payload))
        self.assertEqual('template-withdrawal', configurations.kind_of(
            payload_module.TemplateWithdrawal(self.template, 1, 1, '')))
