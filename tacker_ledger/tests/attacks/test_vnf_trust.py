# SPDX-License-Identifier: Apache-2.0
"""Attacks on whom a VNF obeys: thieves, newcomers, ex-members, clones."""

from tacker_ledger.core.configuration import console_block
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tests import agent_case

Outcome = payload.Outcome


class TestStolenTenantKey(agent_case.AgentCase):
    """A thief holds the tenant key, not the recovery key."""

    def setUp(self):
        super().setUp()
        self.thief = self.provider.generate(2)
        self.first = self.author(self.configuration(b'first'))
        self.commit(self.first)
        self.poll()
        self.receipts()

    def test_thief_rotates_first(self):
        rotation = payload.RotateTenant(
            self.tenant.document.key_id, self.thief.document)
        for signer in (self.tenant, self.thief):
            self.assertRefused('bad-signature', self.author(
                self.trust_change(rotation, signer)))
        self.assertTrue(self.vnf.state.trust.is_trusted_now(
            self.tenant.document.key_id))
        self.assertIsNone(self.vnf.state.trust.commander(
            self.thief.document.key_id))

    def test_thief_adds_a_commander_or_revokes_the_owner(self):
        for change in (payload.AddCommander(self.thief.document),
                       payload.RevokeTenant(self.tenant.document.key_id)):
            self.assertRefused('bad-signature', self.author(
                self.trust_change(change, self.thief)))

    def test_a_revoked_thief_obeyed_by_a_vnf_that_slept(self):
        """It slept since 90; the thief wrote at 100, was revoked at 110."""
        asleep = self.start()
        self.commit(self.author(self.configuration(b'old', target='dns'),
                                to=asleep.document))
        self.poll(asleep)
        self.commit(self.author(self.configuration(b'by the thief'),
                                to=asleep.document),
                    self.author(self.trust_change(payload.RetireVnf(
                        asleep.document.key_id, 'x')), to=asleep.document),
                    self.request(to=asleep.document))
        new = self.provider.generate(2)
        self.commit(self.author(
            self.trust_change(payload.RotateTenant(
                self.tenant.document.key_id, new.document)),
            to=asleep.document))
        self.commit(self.author(self.configuration(b'by the owner'),
                                pair=new, to=asleep.document))
        self.settle()
        self.poll(asleep)
        self.assertEqual(b'by the owner', asleep.content())
        self.assertIsNone(asleep.state.trust.retired)
        # the thief is told nothing
        for one in self.settle():
            self.assertNotEqual(self.tenant.document.key_id,
                                one.content.recipient_id)

    def test_what_the_thief_put_in_force_goes_back(self):
        cid = self.first.content.cid
        self.commit(self.author(self.configuration(b'by the thief'), vid=2,
                                cid=cid))
        self.poll()
        self.assertEqual(b'by the thief', self.vnf.content())
        new = self.provider.generate(2)
        self.commit(self.author(self.trust_change(payload.RotateTenant(
            self.tenant.document.key_id, new.document,
            ((cid, 1, bytes(16)),))), pair=self.recovery))
        self.poll()
        self.assertEqual(b'first', self.vnf.content())
        # and later versions under the old key are refused
        self.commit(self.author(self.configuration(b'again'), vid=3,
                                cid=cid))
        self.assertNothingChanged(self.poll)

    def test_a_recovery_order_told_again_later(self):
        """A replayed recovery signature brings no revoked key back."""
        add = self.trust_change(payload.AddCommander(self.thief.document))
        self.commit(self.author(add))
        self.poll()
        self.commit(self.author(self.trust_change(payload.RevokeTenant(
            self.thief.document.key_id))))
        self.poll()
        self.receipts()
        self.commit(self.author(add))
        self.assertNothingChanged(self.poll)
        self.assertFalse(self.vnf.state.trust.is_trusted_now(
            self.thief.document.key_id))


class TestNewcomer(agent_case.AgentCase):

    def test_not_obeyed_where_he_was_none_yet(self):
        self.commit(self.author(self.configuration(b'early'),
                                pair=self.stranger))
        self.commit(self.author(self.trust_change(
            payload.AddCommander(self.stranger.document))))
        self.assertNothingChanged(self.poll)
        self.commit(self.author(self.configuration(b'late'),
                                pair=self.stranger))
        self.poll()
        self.assertEqual(b'late', self.vnf.content())

    def test_a_node_moves_his_word_behind_his_coming(self):
        early = self.author(self.configuration(b'early'),
                            pair=self.stranger)
        self.commit(early)
        self.commit(self.author(self.trust_change(
            payload.AddCommander(self.stranger.document))))
        self.commit()

        def liar(asked, body):
            if 'histories' in asked:
                for row in body[2]:
                    if row[2] == early.raw:
                        row[0] = self.chain.height
            return body
        self.doors[0].lie = liar
        self.only(0)
        self.assertPollFails('history-incomplete')
        self.assertTrue(self.vnf.evidence())
        self.only(0, 1, 2, 3)
        self.assertNothingChanged(self.poll)

    def test_a_node_moves_a_trust_change(self):
        change = self.author(self.trust_change(
            payload.AddCommander(self.stranger.document)))
        self.commit()
        self.commit(self.author(self.configuration(b'early'),
                                pair=self.stranger))
        self.commit(change)

        def liar(asked, body):
            if 'histories' in asked:
                for row in body[2]:
                    if row[2] == change.raw:
                        row[:2] = [1, 0]
            return body
        self.doors[0].lie = liar
        self.only(0)
        self.assertPollFails('history-incomplete')
        self.only(0, 1, 2, 3)
        self.assertNothingChanged(self.poll)


class TestExMember(agent_case.AgentCase):

    def setUp(self):
        super().setUp()
        self.group = self.provider.generate(2)
        self.commit(self.author(payload.GroupKey(
            payload.GroupKey.JOIN, self.group.document.key_id, 1,
            self.group.to_private_bytes())))
        self.commit(self.author(self.configuration(b'group'),
                                to=self.group.document))
        self.poll()
        self.receipts()

    def test_ex_member_of_a_group(self):
        """It obeys nothing of the group, even if it kept the key."""
        kept = self.group.to_private_bytes()
        self.commit(self.author(self.configuration(b'before'),
                                to=self.group.document))
        self.commit(self.author(payload.GroupKey(
            payload.GroupKey.LEAVE, self.group.document.key_id, 1)))
        self.commit(self.author(self.configuration(b'after'),
                                to=self.group.document))
        self.assertNothingChanged(self.poll)
        self.vnf.agent.keys.join(self.group.document.key_id, kept)
        self.assertNothingChanged(self.poll)

    def test_a_member_gives_orders_in_the_groups_name(self):
        """Every member has the group's private key; it signs nothing."""
        self.commit(self.author(self.configuration(b'by a member'),
                                pair=self.group))
        self.commit(self.author(self.configuration(b'by a member'),
                                pair=self.group, to=self.group.document))
        self.assertNothingChanged(self.poll)

    def test_a_stranger_invites_a_vnf(self):
        other = self.provider.generate(2)
        self.commit(self.author(payload.GroupKey(
            payload.GroupKey.JOIN, other.document.key_id, 1,
            other.to_private_bytes()), pair=self.stranger))
        self.assertNothingChanged(self.poll)
        self.assertEqual((self.group.document.key_id,),
                         self.vnf.state.trust.groups())


class TestConsole(agent_case.AgentCase):

    def test_key_block_injected_on_the_console(self):
        """Anything in the guest can print; two keys are one too many."""
        vnf = self.vnf.agent
        real = console_block.make(
            self.h, vnf.keys.own(self.vnf.document.key_id),
            vnf.keys.receipt, agent_case.UUID, 1)
        injected = console_block.make(
            self.h, self.stranger, vnf.keys.receipt, agent_case.UUID, 2)
        blocks = [console_block.parse(self.h, self.provider, one)
                  for one in console_block.find(real + injected)]
        self.assertRaises(errors.BadSignature, console_block.choose, blocks,
                          agent_case.UUID)
        # a block made of the real one with another key is not signed
        forged = real.splitlines()
        forged[2] = forged[2][::-1]
        (encoded,) = console_block.find('\n'.join(forged) + '\n')
        self.assertRaises(errors.LedgerError, console_block.parse, self.h,
                          self.provider, encoded)


class TestClone(agent_case.AgentCase):
    """A VNF is copied, keys and all."""

    def copy(self, document=None):
        root = self.make_directory()
        source = self.vnf.root / 'state'
        for path in source.rglob('*'):
            target = root / 'state' / path.relative_to(source)
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True, mode=0o700)
            elif path.name != 'lock':
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                target.write_bytes(path.read_bytes())
                target.chmod(0o600)
        return self.start(root, self.vnf.clocks, document=document)

    def test_cloned_vnf_is_refused_as_another_instance(self):
        error = self.assertRaises(
            errors.BadDocument, self.copy,
            self.bootstrap_document(instance_uuid='another'))
        self.assertIn('copied', error.message)

    def test_cloned_vnf_under_one_name_is_reported(self):
        """Both write receipts under one key: who is displaced notices."""
        self.commit(self.author(self.configuration(b'1')))
        self.poll()
        self.settle()
        self.poll()
        clone = self.copy()
        self.commit(self.author(self.configuration(b'2')))
        self.poll()
        self.poll(clone)
        by_vid = {}
        for one in self.doors.submitted():
            by_vid.setdefault(one.content.vid, one)
        self.assertEqual([2], sorted(by_vid))
        self.commit(by_vid[2])
        self.poll()
        self.poll(clone)
        self.poll()
        self.poll(clone)
        standing = {*self.vnf.agent.alarms.standing(),
                    *clone.agent.alarms.standing()}
        self.assertEqual({'key-in-use-elsewhere'}, standing)
        # and what it had to say is said all the same
        (receipt,) = self.receipts()
        self.assertEqual(Outcome.APPLIED, receipt.outcome)

    def test_a_state_directory_has_one_agent(self):
        files = agent_case.bootstrap.files
        directory = self.make_directory()
        files.lock(directory)
        self.assertRaises(errors.Busy, files.lock, directory)


class TestObserver(agent_case.AgentCase):
    """What shows on the ledger of who receives and who signs."""

    def test_a_vnf_and_a_group_look_alike(self):
        group = self.provider.generate(2)
        to_vnf = self.author(self.configuration(b'x'))
        to_group = self.author(self.configuration(b'x'), to=group.document)
        delivery = self.author(payload.Delivery((payload.SealedReference(
            bytes(16), 1, bytes(32), bytes(32)),)))
        shapes = {self._shape(one) for one in (to_vnf, to_group, delivery)}
        self.assertEqual(1, len(shapes))

    def _shape(self, one: transaction_module.Transaction):
        content = one.content
        return (len(content.configuration),
                tuple(len(wrap) for wrap in content.wraps),
                content.apply_before, content.apply_after, len(one.raw))

    def test_the_vnf_key_signs_no_receipt(self):
        self.commit(self.author(self.configuration(b'x')))
        self.poll()
        (receipt,) = self.settle()
        self.assertNotEqual(self.vnf.document, receipt.sender)
        self.assertIsNone(receipt.sender.encryption)
