# SPDX-License-Identifier: Apache-2.0
"""VNFs in the inventory, and receipts."""

import dataclasses

from tacker_ledger.core.configuration import bootstrap
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core import limits
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tests.unit.tenant_client import simulator


class TestRegister(simulator.TenantCase):
    """A key is taken from a console, and never replaced unasked."""

    def setUp(self):
        super().setUp()
        self.subject = self.tenant.vnfs

    def register(self, vnf, name='a', **fields):
        return self.subject.register(name, [vnf.console()], **fields)

    def test_register(self):
        a = self.vnf('a', register=False)
        made = self.register(a)
        self.assertEqual(a.pair.document, made.key)
        self.assertEqual(a.receipt_pair.document, made.receipt_key)
        self.assertEqual([made], self.subject.list_all())
        self.assertEqual(made, self.subject.find('uuid-a'))

    def test_again(self):
        a = self.vnf('a')
        self.assertEqual(self.subject.find('a'), self.register(a))

    def test_another_key(self):
        self.vnf('a')
        impostor = self.vnf('a', register=False)
        known = self.subject.find('a')
        error = self.assertRaises(errors.Duplicate, self.register, impostor)
        self.assertEqual(known.key.key_id.hex(), error.details['known'])
        self.assertEqual(known, self.subject.find('a'))
        replaced = self.register(impostor, replace=True)
        self.assertEqual((known.key,), replaced.former_keys)

    def test_the_same_key_under_another_name(self):
        a = self.vnf('a')
        self.assertRaises(errors.Duplicate, self.register, a, 'b')

    def test_fingerprint(self):
        a = self.vnf('a', register=False)
        shown = a.pair.document.key_id.hex()
        self.assertRaises(errors.BadSignature, self.register, a,
                          fingerprint='00' * 32)
        colons = ':'.join(shown[at:at + 2] for at in range(0, 64, 2))
        self.register(a, fingerprint=colons.upper())

    def test_names(self):
        self.assertRaises(errors.BadOption, self.register,
                          self.vnf('a', register=False), '../a')


class TestVnfs(simulator.TenantCase):
    """Keys and their end."""

    def setUp(self):
        super().setUp()
        self.a, self.b = self.vnf('a'), self.vnf('b')
        self.subject = self.tenant.vnfs

    def test_welcome(self):
        written = self.subject.welcome('a', self.key)
        content = written.transaction.content
        self.assertEqual(self.a.receipt_pair.document.key_id,
                         content.recipient_id)
        self.assertEqual(limits.WRAP_COUNT, len(content.wraps))
        # The recipient cannot open anything; the author can.
        self.assertRaises(errors.Undecryptable, self.a.receipt_pair.unwrap,
                          content.wraps[envelope.Role.RECIPIENT])
        self.tenant.keys.pair(self.key).unwrap(
            content.wraps[envelope.Role.AUTHOR])

    def test_key_replacement(self):
        old = self.a.pair.document
        self.assertRaises(errors.NotFound, self.subject.await_key, 'a',
                          self.key)
        self.subject.replace_key('a', self.key, order='monthly')
        self.assertEqual(old, self.subject.find('a').key)
        adopted = self.subject.adopt_key('a', self.key)
        self.assertEqual((self.a.pair.document, (old,)),
                         (adopted.key, adopted.former_keys))
        self.assertIsNone(self.subject.adopt_key('a', self.key))

    def test_several_replacements_in_a_row(self):
        for _ in range(3):
            self.subject.replace_key('a', self.key)
            self.tenant.vnfs.find('a')
            # The order goes to the key that is known; old keys are kept.
        self.subject.adopt_key('a', self.key)
        self.assertEqual(self.a.pair.document, self.subject.find('a').key)
        self.assertEqual(3, len(self.subject.find('a').former_keys))

    def test_an_announcement_by_somebody_else(self):
        forger = self.chain.provider.generate(2)

        def replace(order):
            self.a.pairs.append(self.chain.provider.generate(2))
            return payload_module.Announcement.signed_by(
                self.chain.h, forger, self.a.pair.document)

        self.a._replace = replace
        self.subject.replace_key('a', self.key)
        known = self.subject.find('a')
        self.assertRaises(errors.BadSignature, self.subject.adopt_key, 'a',
                          self.key)
        self.assertEqual(known, self.subject.find('a'))

    def test_revoke(self):
        self.tenant.groups.create('web')
        for name in ('a', 'b'):
            self.tenant.groups.add('web', name, self.key)
        before = self.tenant.inventory.read().group('web').key
        written = self.subject.revoke('a', self.key, 'stolen')
        self.assertTrue(self.a.retired)
        vnf = self.subject.find('a')
        self.assertEqual((inventory.REVOKED, 'stolen'),
                         (vnf.state, vnf.note))
        group = self.tenant.inventory.read().group('web')
        self.assertEqual(('b',), group.members)
        self.assertNotEqual(before, group.key)
        self.assertIn(group.key.key_id, self.b.groups)
        self.assertNotIn(before.key_id, self.b.groups)
        self.assertNotIn(group.key.key_id, self.a.groups)
        self.assertEqual(3, len(written))
        for call in (self.subject.welcome, self.subject.replace_key,
                     self.subject.adopt_key):
            self.assertRaises(errors.KeyRevoked, call, 'a', self.key)

    def test_bootstrap(self):
        self.create()
        document = self.subject.bootstrap(
            commanders=[self.key.document], references=[],
            instance_uuid='uuid-c', interval_seconds=5)
        self.assertEqual(document, bootstrap.parse(document.to_json()))
        self.assertEqual(self.chain.signed.to_bytes(), document.federation)
        self.assertEqual(self.chain.height, document.floor.height)
        self.assertEqual(self.chain.application.head.digest,
                         document.floor.digest)
        self.assertEqual(4, len(document.nodes))
        self.assertRaises(errors.BadDocument, self.subject.bootstrap,
                          commanders=[], instance_uuid='x')


class TestReceipts(simulator.TenantCase):
    """What VNFs say they did."""

    def test_list(self):
        a = self.vnf('a')
        first = self.create()
        a.obey = lambda payload: 'dry-run-failed'
        second = self.create('other')
        vnf = self.tenant.vnfs.find('a')
        found = self.tenant.receipts.list_all(vnf, self.key)
        self.assertEqual(
            [(first.txid, payload_module.Outcome.APPLIED),
             (second.txid, payload_module.Outcome.REFUSED)],
            [(item.payload.about_txid, item.payload.outcome)
             for item in found])
        self.assertEqual(found[1], self.tenant.receipts.about(
            vnf, self.key, second.txid))
        self.assertIsNone(self.tenant.receipts.about(vnf, self.key,
                                                     bytes(32)))

    def test_what_is_no_receipt(self):
        a = self.vnf('a')
        self.doors.commit(a._author(
            simulator.authoring.author_configuration, pair=a.receipt_pair,
            vid=1, payload=payload_module.Welcome('x'),
            recipient=self.key.document))
        stranger = self.chain.provider.generate(2).document
        self.doors.commit(a._author(
            simulator.authoring.author_configuration, pair=a.receipt_pair,
            vid=1, payload=payload_module.Welcome('x'),
            recipient_id=self.key.key_id))
        self.assertNotEqual(stranger, self.key.document)
        self.assertEqual([], self.tenant.receipts.list_all(
            self.tenant.vnfs.find('a'), self.key))

    def test_a_receipt_that_is_withheld(self):
        self.vnf('a')
        self.create()
        self.create('second')

        def withhold(what, body):
            if what == 'history':
                return (*body[:2], body[2][:-1])
            return body

        self.doors.lies = dict.fromkeys(range(3), withhold)
        found = self.tenant.receipts.list_all(self.tenant.vnfs.find('a'),
                                              self.key)
        self.assertEqual(2, len(found))
        # What was proven once is not asked for again: there must be more.
        self.create('third')
        self.doors.lies = dict.fromkeys(range(4), withhold)
        self.assertRaises(errors.HistoryIncomplete,
                          self.tenant.receipts.list_all,
                          self.tenant.vnfs.find('a'), self.key)
        self.assertEqual(4, len({offence.node for offence
                                 in self.doors.pool.offences()}))

    def test_slots_of_dataclasses_show_no_key(self):
        self.vnf('a')
        written = self.create()
        opened = self.tenant.configurations.read(written.cid)
        self.assertNotIn(opened.content_key.hex(), repr(opened))
        self.assertNotIn('allow', repr(dataclasses.replace(opened)))
