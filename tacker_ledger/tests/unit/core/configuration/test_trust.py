# SPDX-License-Identifier: Apache-2.0
"""Tests of the trust timeline."""

from tacker_ledger.core import codec
from tacker_ledger.core.configuration import trust
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.tests import base

CID = b'\xc1' * 16
OTHER_CID = b'\xc2' * 16
NEW_CID = b'\xc3' * 16
OWN = b'\x0a' * 32
OLDER = b'\x0b' * 32
GROUP = b'\x0c' * 32
RECOVERY = b'\x0d' * 32
VENDOR = b'\x0e' * 32


class TestTrust(base.TestCase):

    def setUp(self):
        super().setUp()
        provider = providers.default()
        self.tenant = provider.generate(2).document
        self.second = provider.generate(2).document
        self.third = provider.generate(2).document
        self.trust = trust.Trust(
            commanders=(trust.Commander(self.tenant),), references=(VENDOR,),
            recovery_id=RECOVERY, own_ids=(OLDER, OWN))

    def obeys(self, one, sender, position, cid=CID, vid=1):
        try:
            one.check_sender(sender.key_id, position, cid, vid)
        except (errors.UnknownSender, errors.KeyRevoked) as exc:
            return exc.code
        return None

    def addressed(self, one, recipient, position):
        try:
            one.check_addressed(recipient, position)
        except (errors.NotForMe, errors.KeyRevoked) as exc:
            return exc.code
        return None

    def test_commanders_of_the_bootstrap_document(self):
        self.assertIsNone(self.obeys(self.trust, self.tenant, (1, 0)))
        self.assertEqual('unknown-sender',
                         self.obeys(self.trust, self.second, (1, 0)))

    def test_a_newcomer_is_not_obeyed_before_he_was_one(self):
        later = self.trust.add_commander((110, 3), self.second)
        for position, expected in (((100, 0), 'unknown-sender'),
                                   ((110, 3), 'unknown-sender'),
                                   ((110, 4), None), ((111, 0), None)):
            self.assertEqual(expected,
                             self.obeys(later, self.second, position))

    def test_a_revoked_key_is_not_obeyed_at_earlier_positions_either(self):
        later = self.trust.revoke((110, 0), self.tenant.key_id, [])
        for position in ((100, 0), (120, 0)):
            self.assertEqual('key-revoked',
                             self.obeys(later, self.tenant, position))
        self.assertFalse(later.is_trusted_now(self.tenant.key_id))

    def test_up_to_its_last_valid_version_it_counts(self):
        later = self.trust.revoke((110, 0), self.tenant.key_id, [(CID, 4)])
        self.assertIsNone(self.obeys(later, self.tenant, (100, 0), CID, 4))
        for position, cid, vid in (((100, 0), CID, 5),
                                   ((100, 0), OTHER_CID, 1),
                                   ((110, 0), CID, 4), ((111, 0), CID, 1)):
            self.assertEqual('key-revoked', self.obeys(
                later, self.tenant, position, cid, vid))

    def test_what_was_revoked_does_not_come_back(self):
        later = self.trust.revoke((110, 0), self.tenant.key_id, [])
        self.assertRaises(errors.KeyRevoked, later.add_commander, (120, 0),
                          self.tenant)
        self.assertRaises(errors.KeyRevoked, later.rotate, (120, 0),
                          self.tenant.key_id, self.tenant, [])

    def test_rotation_names_what_continues(self):
        later = self.trust.rotate((110, 0), self.tenant.key_id, self.second,
                                  [(CID, 3, NEW_CID)])
        self.assertIsNone(self.obeys(later, self.second, (111, 0)))
        self.assertIsNone(self.obeys(later, self.tenant, (90, 0), CID, 3))
        self.assertEqual('key-revoked', self.obeys(
            later, self.tenant, (90, 0), CID, 4))
        self.assertEqual((CID,), later.continued(NEW_CID))
        self.assertEqual((), later.continued(CID))

    def test_told_twice_is_told_once(self):
        first = self.trust.rotate((110, 0), self.tenant.key_id, self.second,
                                  [(CID, 3, NEW_CID)])
        self.assertEqual(first, first.rotate(
            (110, 0), self.tenant.key_id, self.second, [(CID, 3, NEW_CID)]))
        joined = first.join((111, 0), GROUP, 1)
        self.assertEqual(joined, joined.join((111, 0), GROUP, 1))
        left = joined.leave((112, 0), GROUP)
        # replayed from the start after a crash
        self.assertEqual(left, left.join((111, 0), GROUP, 1))
        self.assertEqual(left, left.leave((112, 0), GROUP))

    def test_revoked_first_and_rotated_later(self):
        later = self.trust.revoke((110, 0), self.tenant.key_id, [(CID, 2)])
        later = later.rotate((120, 0), self.tenant.key_id, self.second,
                             [(CID, 9, NEW_CID)])
        self.assertIsNone(self.obeys(later, self.second, (121, 0)))
        # the first word about the old key stands
        self.assertEqual('key-revoked', self.obeys(
            later, self.tenant, (100, 0), CID, 3))

    def test_the_recovery_key_is_no_commander(self):
        guarded = trust.Trust(commanders=self.trust.commanders,
                              recovery_id=self.second.key_id)
        self.assertRaises(errors.WrongPayload, guarded.add_commander, (1, 0),
                          self.second)

    def test_a_stranger_cannot_be_revoked(self):
        self.assertRaises(errors.UnknownSender, self.trust.revoke, (1, 0),
                          self.third.key_id, [])

    def test_own_keys_receive_and_others_do_not(self):
        for recipient, expected in ((OWN, None), (OLDER, None),
                                    (GROUP, 'not-for-me'),
                                    (None, 'not-for-me')):
            self.assertEqual(expected,
                             self.addressed(self.trust, recipient, (5, 0)))

    def test_a_member_obeys_from_its_join_on(self):
        joined = self.trust.join((110, 0), GROUP, 1)
        self.assertEqual('not-for-me',
                         self.addressed(joined, GROUP, (100, 0)))
        self.assertIsNone(self.addressed(joined, GROUP, (110, 1)))

    def test_an_ex_member_obeys_nothing_of_the_group(self):
        left = self.trust.join((110, 0), GROUP, 1).leave((120, 0), GROUP)
        for position in ((115, 0), (125, 0)):
            self.assertEqual('not-for-me',
                             self.addressed(left, GROUP, position))
        again = left.join((130, 0), GROUP, 2)
        self.assertEqual('not-for-me', self.addressed(again, GROUP, (125, 0)))
        self.assertIsNone(self.addressed(again, GROUP, (131, 0)))

    def test_an_older_key_is_forgotten_the_current_one_retires(self):
        less = self.trust.retire((50, 0), OLDER)
        self.assertEqual('not-for-me', self.addressed(less, OLDER, (40, 0)))
        self.assertIsNone(self.addressed(less, OWN, (60, 0)))
        retired = less.join((55, 0), GROUP, 1).retire((60, 0), OWN)
        for recipient in (OWN, GROUP):
            self.assertEqual('key-revoked',
                             self.addressed(retired, recipient, (58, 0)))
        self.assertEqual((), retired.groups())
        self.assertRaises(errors.NotForMe, self.trust.retire, (1, 0), GROUP)

    def test_references(self):
        def check(sender, versioned, pinned):
            try:
                self.trust.check_reference(
                    sender, (5, 0), CID, 1, versioned=versioned,
                    pinned=pinned)
            except errors.LedgerError as exc:
                return exc.code
            return None
        stranger = self.third.key_id
        self.assertIsNone(check(self.tenant.key_id, False, False))
        self.assertIsNone(check(VENDOR, True, False))
        self.assertEqual('reference-not-allowed', check(VENDOR, False, False))
        self.assertEqual('reference-not-allowed',
                         check(stranger, True, False))
        self.assertIsNone(check(stranger, True, True))
        open_minded = trust.Trust(
            self.trust.commanders, (VENDOR,), allow_unpinned_references=True)
        open_minded.check_reference(VENDOR, (5, 0), CID, 1, versioned=False,
                                    pinned=False)

    def test_a_revoked_commander_is_no_reference_unless_pinned(self):
        later = self.trust.revoke((110, 0), self.tenant.key_id, [])
        self.assertRaises(
            errors.KeyRevoked, later.check_reference, self.tenant.key_id,
            (100, 0), CID, 1, versioned=True, pinned=False)
        later.check_reference(self.tenant.key_id, (100, 0), CID, 1,
                              versioned=True, pinned=True)

    def test_pairs(self):
        tenant, second = self.tenant.key_id, self.second.key_id
        joined = self.trust.join((3, 0), GROUP, 1)
        self.assertEqual(
            {(OLDER, tenant), (OLDER, RECOVERY), (OWN, tenant),
             (OWN, RECOVERY), (GROUP, tenant)}, set(joined.pairs(0)))
        later = joined.rotate((110, 0), tenant, self.second, [])
        self.assertIn((OWN, tenant), set(later.pairs(109)))
        self.assertNotIn((OWN, tenant), set(later.pairs(110)))
        self.assertIn((GROUP, second), set(later.pairs(110)))

    def test_storage(self):
        full = (self.trust.join((3, 0), GROUP, 1)
                .add_commander((4, 0), self.third)
                .rotate((5, 1), self.tenant.key_id, self.second,
                        [(CID, 3, NEW_CID)])
                .replace_own(b'\x11' * 32).leave((6, 0), GROUP))
        fields = codec.decode(codec.encode(full.to_fields()), trust.SCHEMA,
                              1 << 20)
        self.assertEqual(full, trust.from_fields(fields))

    def test_there_is_an_end_to_keys_and_groups(self):
        full = self.trust
        for number in range(trust.MEMBERSHIPS_MAX_COUNT):
            full = full.join((number + 1, 0), number.to_bytes(32, 'big'), 1)
        self.assertRaises(errors.WrongPayload, full.join, (999, 0), GROUP, 1)
        self.assertIn(GROUP, full.leave((900, 0), bytes(32)).join(
            (999, 0), GROUP, 1).groups())
        self.assertRaises(errors.WrongPayload, full.join, (999, 0), OWN, 1)
        many = self.trust
        for number in range(40):
            many = many.replace_own(number.to_bytes(32, 'big'))
        self.assertEqual(trust.OWN_KEYS_MAX_COUNT, len(many.own_ids))
