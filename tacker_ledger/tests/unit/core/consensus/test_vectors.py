# SPDX-License-Identifier: Apache-2.0
"""The code agrees with the golden vectors of the consensus."""

from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import view_change
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block
from tacker_ledger.core.ledger import federation
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors

unhex = bytes.fromhex
PROVIDER = providers.default()


class TestVectors(base.TestCase):
    """Messages, view changes, evidence."""

    def setUp(self):
        super().setUp()
        self.vectors = vectors.load('consensus-messages')
        self.h = hashing.hasher(unhex(self.vectors['chain_id']))
        self.federation = federation.Federation.of(
            self.h, unhex(self.vectors['federation']))
        self.head = block.genesis_header(
            self.h, self.federation).digest(self.h)

    def refused(self, case, function, *args):
        exc = self.assertRaises(errors.LedgerError, function, *args)
        self.assertEqual((case['why'], case['code']),
                         (case['why'], exc.code))

    def test_every_kind_is_there(self):
        self.assertEqual(set(messages.BY_KIND), {
            case['kind'] for case in self.vectors['accepted']})

    def test_accepted(self):
        for case in self.vectors['accepted']:
            found = messages.decode(unhex(case['message']))
            self.assertEqual(case['kind'], found.KIND)
            self.assertEqual(unhex(case['message']), messages.encode(found))

    def test_refused(self):
        for case in self.vectors['refused']:
            self.refused(case, messages.decode, unhex(case['message']))

    def test_votes(self):
        for case in self.vectors['votes']:
            self.assertEqual(
                unhex(case['covered']), messages.vote_message(
                    self.h, case['kind'], case['height'], case['view'],
                    unhex(case['digest'])))
        for case in self.vectors['accepted']:
            found = messages.decode(unhex(case['message']))
            if not isinstance(found, messages.ShownVote):
                continue
            self.assertTrue(PROVIDER.verify_raw_ed25519(
                self.federation.member(found.member).vote_key,
                messages.vote_message(self.h, found.kind, found.height,
                                      found.view, found.digest),
                found.signature))

    def test_signed_parts(self):
        for case in self.vectors['signed_parts']:
            found = messages.decode(unhex(case['message']))
            self.assertEqual(unhex(case['covered']),
                             messages.signed_part(self.h, found))

    def test_view_changes(self):
        for case in self.vectors['accepted']:
            found = messages.decode(unhex(case['message']))
            if isinstance(found, messages.ViewChange):
                view_change.check_view_change(
                    self.h, PROVIDER, self.federation, self.head, found)
        for case in self.vectors['refused_view_changes']:
            self.refused(
                case, view_change.check_view_change, self.h, PROVIDER,
                self.federation, self.head,
                messages.decode(unhex(case['message'])))

    def test_new_views(self):
        digests = set()
        for case in self.vectors['accepted']:
            found = messages.decode(unhex(case['message']))
            if isinstance(found, messages.NewView):
                digests.add(messages.digest_of(self.h, found))
                view_change.check_new_view(
                    self.h, PROVIDER, self.federation, self.head, found)
        proposals = [messages.decode(unhex(case['message']))
                     for case in self.vectors['accepted']
                     if case['kind'] == messages.PrePrepare.KIND]
        self.assertTrue(digests & {one.new_view for one in proposals})
        for case in self.vectors['refused_new_views']:
            self.refused(
                case, view_change.check_new_view, self.h, PROVIDER,
                self.federation, self.head,
                messages.decode(unhex(case['message'])))

    def test_equivocations(self):
        cases = self.vectors['equivocations']
        for record in cases['accepted']:
            found = evidence.Equivocation.from_bytes(unhex(record))
            self.assertEqual(unhex(record), found.to_bytes())
            evidence.check(self.h, PROVIDER, self.federation, found)
        for case in cases['refused']:
            self.refused(
                case, evidence.check, self.h, PROVIDER, self.federation,
                evidence.Equivocation.from_bytes(unhex(case['record'])))
