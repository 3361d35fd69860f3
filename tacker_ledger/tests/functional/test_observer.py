# SPDX-License-Identifier: Apache-2.0
"""What an observer of the chain can and cannot tell (S0 III.B).

The observer has every block and no key.  A transaction for a VNF, one for a
group and the delivery of a migration must look alike, with receipts on.
"""

import collections

from tacker_ledger.core.crypto import rsa2048
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import federation
from tacker_ledger.tests.functional import tenants


def appearance(transaction):
    """Return all that a transaction shows but random bytes and times."""
    content = transaction.content
    return (len(transaction.raw), transaction.sender_id, content.vid,
            content.compression, content.encryption, content.description,
            len(content.recipient_id), content.apply_before,
            content.apply_after, tuple(len(wrap) for wrap in content.wraps),
            len(content.configuration))


class TestObserver(base.TestCase):
    """Real transactions of a tenant with two VNFs."""

    TIMEOUT_SCALE = 8

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.members = federation.Federation()
        cls.addClassCleanup(cls.members.close)

    def setUp(self):
        super().setUp()
        self.tenant = tenants.Tenant(self.make_directory(), self.members)
        self.tenant.init()
        self.vnfs = {name: self.vnf(name) for name in 'ab'}

    def vnf(self, name):
        vnf = tenants.Vnf(self.tenant, name)
        self.addCleanup(vnf.kill)
        return self.tenant.register(vnf)

    def transactions(self):
        """Return every transaction on the chain, as the observer has them.
        """
        found = []
        with self.tenant.library() as tenant:
            for height in range(1, tenant.ledger.head().height + 1):
                found += tenant.blocks.read(height).transactions
        return {item.txid: item for item in found}

    def test_what_it_sees(self):
        with self.tenant.library() as tenant:
            key = tenant.keys.choose(None)
            tenant.groups.create('web')
            told = [*tenant.groups.add('web', 'a', key),
                    *tenant.groups.add('web', 'b', key)]
            fields = {'applier': 'file', 'data': b'allow 80\n'}
            to_vnf = tenant.configurations.create(
                key, tenant.vnfs.find('a').key, target='rules', **fields)
            to_group = tenant.configurations.create(
                key, tenant.inventory.read().group('web').key,
                target='base', **fields)
            self.vnfs['a'].wait_file('base', b'allow 80\n')
            item = tenant.migrations.run(tenant.migrations.create(
                'a', 'b', key))
            delivery = item.rounds[0].delivery_txid
            known = {name: tenant.vnfs.find(name) for name in 'ab'}
            group_ids = {document.key_id for document in
                         tenant.inventory.read().group('web').keys}
        seen = self.transactions()
        looks = {appearance(seen[txid]) for txid in (
            to_vnf.txid, to_group.txid, delivery)}
        self.assertEqual(1, len(looks), looks)
        # A group's RSA key takes as much room as a larger configuration,
        # and looks like one.
        larger = {appearance(seen[written.txid])[1:-1] for written in told}
        self.assertEqual({look[1:-1] for look in looks}, larger)
        self._wraps([seen[to_vnf.txid], seen[to_group.txid], seen[delivery]])
        self._signers(seen, known, group_ids, key)

    def _wraps(self, transactions):
        for transaction in transactions:
            wraps = transaction.content.wraps
            self.assertEqual(limits.WRAP_COUNT, len(wraps))
            for wrap in wraps:
                self.assertEqual(rsa2048.SUITE.wrap_bytes, len(wrap))
                # Below every modulus: a dummy shows no more than a wrap.
                self.assertLess(int.from_bytes(wrap, 'big'), 1 << 2047)

    def _signers(self, seen, known, group_ids, key):
        """Receipts are signed by keys that nothing links to a recipient."""
        sealed = [item for item in seen.values() if isinstance(
            item.content, transaction_module.Configuration)
            and item.content.is_sealed]
        senders = {item.sender_id for item in sealed}
        receipt_ids = {vnf.receipt_key.key_id for vnf in known.values()}
        self.assertEqual(set(), receipt_ids - senders)
        # A VNF key signs answers to requests alone: the source's did, the
        # destination's never, and neither did a group's.
        self.assertNotIn(known['b'].key.key_id, senders)
        self.assertEqual(set(), group_ids & senders)
        answers = [item for item in sealed
                   if item.sender_id == known['a'].key.key_id]
        self.assertTrue(answers)
        for item in answers:
            self.assertEqual(key.key_id, item.content.recipient_id)
        # Receipts about group and VNF transactions look alike too.
        receipts = [item for item in sealed
                    if item.sender_id in receipt_ids]
        self.assertEqual(1, len({
            appearance(item)[3:] for item in receipts}))
        counted = collections.Counter(
            item.content.recipient_id for item in receipts)
        self.assertEqual({key.key_id}, set(counted))
