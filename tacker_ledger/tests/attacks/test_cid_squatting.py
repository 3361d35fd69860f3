# SPDX-License-Identifier: Apache-2.0
"""CID squatting and front-running.

A thief sees a tenant's transaction while it waits and wants its CID first,
or founds a CID that he expects somebody to use, or goes on with one that he
does not own.
"""

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.tests.attacks import ledger_case


class TestCidSquatting(ledger_case.LedgerCase):
    """A CID belongs to the key that founds it, and to no other."""

    def test_a_cid_out_of_thin_air(self):
        for cid in (bytes(16), b'\xff' * 16, b'the tenant\'s cid'):
            self.assert_refused(errors.CidNotCertified,
                                self.thief.sealed(self.vnf, cid=cid))
            self.assert_refused(errors.CidNotCertified,
                                self.thief.public(cid=cid))
            self.assert_refused(errors.CidNotCertified,
                                self.thief.request(self.vnf, cid=cid))

    def test_the_cid_of_a_nonce_that_the_tenant_will_draw(self):
        """Whoever knows key and nonce beforehand gains nothing."""
        nonce = ledger_case.PROVIDER.random_bytes(16)
        cid = identifiers.cid_for(self.h, self.tenant.key_id, nonce)
        self.assert_refused(errors.CidNotCertified, self.thief.sealed(
            self.vnf, cid=cid, nonce=nonce))
        wanted = self.tenant.sealed(self.vnf, nonce=nonce)
        self.assertEqual(cid, wanted.content.cid)
        self.assert_committed(wanted)

    def test_front_running_what_waits_in_the_pool(self):
        seen = self.tenant.sealed(self.vnf)
        self.assertIsNone(self.door.submit(seen)[0].code)
        content = seen.content
        for stolen in (
                self.thief.sealed(self.vnf, cid=content.cid,
                                  nonce=content.nonce),
                self.thief.request(self.vnf, cid=content.cid,
                                   nonce=content.nonce),
                self.thief.public(cid=content.cid, nonce=content.nonce)):
            self.assert_refused(errors.CidNotCertified, stolen)
        # A leader puts the thief first: no block, in any order.
        with self.nothing_changes():
            stolen = self.thief.sealed(self.vnf, cid=content.cid)
            block = ledger_case.forged_block(
                self.chain, stolen.raw, seen.raw)
            self.assertRaises(errors.CidNotCertified,
                              self.chain.application.validate, block)
        self.chain.commit(seen)
        self.assertEqual(self.tenant.key_id,
                         self.cid(content.cid).owner_id)

    def test_the_version_after_one_that_waits(self):
        """Early versions are let in behind an earlier one of their owner."""
        first = self.tenant.sealed(self.vnf)
        self.assertIsNone(self.door.submit(first)[0].code)
        second = self.tenant.sealed(self.vnf, cid=first.content.cid, vid=2)
        stolen = self.thief.sealed(self.vnf, cid=first.content.cid, vid=2)
        with self.nothing_changes():
            self.assertEqual('cid-not-certified',
                             self.door.submit(stolen)[0].code)
        # The place in the pool is still the tenant's.
        self.assertIsNone(self.door.submit(second)[0].code)
        self.assert_no_block(errors.NotOwner, first, stolen)
        self.chain.commit(first, second)
        self.assertEqual(2, self.cid(first.content.cid).latest_vid)

    def test_going_on_with_the_cid_of_another(self):
        first = self.tenant.sealed(self.vnf)
        self.assert_committed(first)
        cid = first.content.cid
        nonce = first.content.nonce
        for vid in (1, 2, 3):
            for stolen in (self.thief.sealed(self.vnf, cid=cid, vid=vid),
                           self.thief.public(cid=cid, vid=vid),
                           self.thief.sealed(self.vnf, cid=cid, vid=vid,
                                             nonce=nonce)):
                self.assert_refused(errors.NotOwner, stolen)
            # A CID of configurations is none of requests, for anybody.
            self.assert_refused(errors.WrongKind, self.thief.request(
                self.vnf, cid=cid, vid=vid))

    def test_founding_with_a_later_version(self):
        """Who founds a CID far up would leave gaps to be filled later."""
        for vid in (2, 7, 2 ** 32 - 1):
            self.assert_refused(errors.VidConflict,
                                self.thief.sealed(self.vnf, vid=vid))

    def test_one_nonce_for_two_firsts(self):
        """The owner cannot found one CID twice either, nor as two kinds."""
        nonce = ledger_case.PROVIDER.random_bytes(16)
        first = self.tenant.sealed(self.vnf, nonce=nonce)
        again = self.tenant.public(nonce=nonce)
        asked = self.tenant.request(self.vnf, nonce=nonce)
        self.assertEqual(first.content.cid, asked.content.cid)
        self.assert_no_block(errors.VidConflict, first, again)
        self.assert_no_block(errors.WrongKind, first, asked)
        self.assert_committed(first)
        self.assert_refused(errors.VidConflict, again)
        self.assert_refused(errors.WrongKind, asked)
