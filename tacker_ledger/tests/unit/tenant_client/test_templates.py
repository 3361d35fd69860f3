# SPDX-License-Identifier: Apache-2.0
"""Templates and their withdrawal."""

from tacker_ledger.core import errors
from tacker_ledger.tests.unit.tenant_client import simulator


class TestTemplates(simulator.TenantCase):
    """A vendor publishes, everybody reads."""

    def setUp(self):
        super().setUp()
        self.subject = self.tenant.templates
        self.reader = self.new_tenant()

    def publish(self, data=b'1', **fields):
        return self.subject.publish(
            self.key, applier='file', target='base', data=data,
            vendor='ACME', version_label='1.0', **fields)

    def test_publish_and_read(self):
        written = self.publish(name='base', description='d')
        view = self.reader.templates.read(written.cid)
        self.assertEqual(
            (b'1', 'ACME', '1.0', 'd', ()),
            (view.payload.data, view.payload.vendor,
             view.payload.version_label, view.opened.content.description,
             view.notices))
        self.assertIsNone(view.opened.content.recipient_id)
        self.assertEqual(written.cid, self.tenant.context.cid_of('base'))
        self.assertRaises(errors.Duplicate, self.publish, name='base')

    def test_versions(self):
        cid = self.publish().cid
        self.assertEqual(2, self.publish(b'2', cid=cid).vid)
        self.assertEqual(b'2', self.reader.templates.read(cid).payload.data)
        self.assertEqual(b'1',
                         self.reader.templates.read(cid, 1).payload.data)
        self.assertRaises(errors.NotFound, self.reader.templates.read, cid,
                          3)

    def test_somebody_elses(self):
        cid = self.publish().cid
        self.reader.keys.create('x', suite=simulator.SUITE)
        self.assertRaises(errors.NotOwner, self.reader.templates.withdraw,
                          cid)

    def test_list(self):
        cids = {self.publish().cid, self.publish().cid}
        self.vnf('a')
        self.create()
        self.subject.withdraw(sorted(cids)[0])
        self.assertEqual(cids, {view.opened.content.cid for view
                                in self.reader.templates.list_all()})
        self.assertEqual(2, len(self.reader.templates.list_all(
            self.key.key_id)))
        self.assertEqual([], self.reader.templates.list_all(bytes(32)))

    def test_withdraw(self):
        cid = self.publish().cid
        self.publish(b'2', cid=cid)
        self.publish(b'3', cid=cid)
        self.subject.withdraw(cid, last_vid=2, reason='CVE')
        self.subject.withdraw(cid, first_vid=2)
        notices = [self.reader.templates.read(cid, vid).notices
                   for vid in (1, 2, 3)]
        self.assertEqual([('CVE',), ('CVE', 'withdrawn'), ('withdrawn',)],
                         notices)
        # A notice is a transaction of its own: the newest version stays.
        self.assertEqual(b'3', self.reader.templates.read(cid).payload.data)

    def test_a_notice_by_somebody_else_means_nothing(self):
        cid = self.publish().cid
        stranger = self.reader.keys.create('x', suite=simulator.SUITE)
        self.doors.commit(self.reader.context.public(
            stranger, simulator.payload_module.TemplateWithdrawal(
                cid, 1, 1, 'FUD')))
        self.assertEqual((), self.reader.templates.read(cid).notices)

    def test_versions_that_are_none(self):
        cid = self.publish().cid
        for first, last in ((0, 1), (2, 1), (1, 2)):
            self.assertRaises(errors.BadOption, self.subject.withdraw, cid,
                              first_vid=first, last_vid=last)

    def test_a_configuration_is_no_template(self):
        self.vnf('a')
        cid = self.create().cid
        self.assertRaises(errors.WrongPayload, self.subject.read, cid)
        self.assertRaises(errors.WrongPayload, self.subject.withdraw, cid)

    def test_one_lying_index_hides_no_notice(self):
        cid = self.publish().cid
        self.subject.withdraw(cid, reason='CVE')
        real = self.doors.search

        def hiding(*, node, **filters):
            return [] if node.member == 0 else real(node=node, **filters)

        self.doors.search = hiding
        self.assertEqual(('CVE',), self.reader.templates.read(cid).notices)
