# SPDX-License-Identifier: Apache-2.0
"""Which view a member is in."""

import dataclasses

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import views
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests.unit.core.consensus import scene


class ViewsCase(base.TestCase):
    """The first height of seven members: f = 2, a quorum is 5."""

    def setUp(self):
        super().setUp()
        made = federations.genesis(7)
        self.votes = scene.Votes(made)
        head = block_module.genesis_header(made.h, made.federation)
        self.views = views.Views(
            made.h, scene.PROVIDER, made.federation, 1,
            block_module.header_digest(made.h, head.to_bytes()), 2)

    def ask(self, wanted):
        """Let members, by their index, ask for views."""
        for member, view in wanted.items():
            self.views.add_change(self.votes.change(member, view))


class TestAsking(ViewsCase):

    def test_one_is_kept_for_each_member(self):
        self.assertTrue(self.views.add_change(self.votes.change(1, 4)))
        for view in (4, 3):
            self.assertFalse(self.views.add_change(
                self.votes.change(1, view)))
        self.assertEqual(4, self.views.wanted_by(1).view)
        self.assertTrue(self.views.add_change(self.votes.change(1, 5)))
        self.assertEqual(5, self.views.wanted_by(1).view)
        self.assertIsNone(self.views.wanted_by(0))

    def test_what_was_over_before_the_height_began(self):
        self.assertFalse(self.views.add_change(self.votes.change(1, 1)))

    def test_one_that_is_not_signed_changes_nothing(self):
        good = self.votes.change(1, 4)
        self.assertRaises(
            errors.BadSignature, self.views.add_change,
            dataclasses.replace(good, signature=bytes(64)))
        self.assertIsNone(self.views.wanted_by(1))

    def test_worth_joining(self):
        self.ask({0: 9, 1: 7})
        self.assertIsNone(self.views.worth_joining(6))
        self.ask({2: 4})
        self.assertEqual(4, self.views.worth_joining(6))
        self.ask({3: 8})
        self.assertEqual(7, self.views.worth_joining(6))
        # Our own asking is no reason to ask.
        self.assertEqual(4, self.views.worth_joining(0))
        self.views.leave(7)
        self.assertIsNone(self.views.worth_joining(6))

    def test_a_quorum_asks_for_one_view(self):
        self.views.leave(3)
        self.ask({0: 3, 1: 3, 2: 3, 3: 3, 4: 4})
        self.assertIsNone(self.views.quorum())
        # Those who are further count as somebody to go on with.
        self.assertTrue(self.views.wanted_by_quorum())
        self.ask({5: 3})
        self.assertEqual([0, 1, 2, 3, 5], [
            change.member for change in self.views.quorum()])


class TestEntering(ViewsCase):

    def opened(self, view=3):
        return self.votes.new_view(view, [
            self.votes.change(member, view) for member in range(5)])

    def test_by_a_new_view(self):
        opened = self.opened()
        self.views.check(opened)
        self.views.enter(opened)
        self.assertEqual((3, True, None), (
            self.views.view, self.views.active, self.views.required))
        self.assertEqual(messages.digest_of(self.votes.h, opened),
                         self.views.new_view_digest)
        self.assertEqual(1, self.views.failed)
        # What it shows is known from now on.
        self.assertEqual(3, self.views.wanted_by(4).view)

    def test_one_that_does_not_count(self):
        few = self.votes.new_view(3, [
            self.votes.change(member, 3) for member in range(4)])
        self.assertRaises(errors.BadCertificate, self.views.check, few)
        self.assertEqual(2, self.views.view)

    def test_views_only_rise(self):
        self.assertFalse(self.views.may_enter(2))
        self.assertTrue(self.views.may_enter(3))
        self.views.leave(4)
        self.assertEqual([False, True, True], [
            self.views.may_enter(view) for view in (3, 4, 5)])
        self.assertFalse(self.views.active)
        self.assertEqual(4, self.views.leader)

    def test_by_the_certificate_before(self):
        self.views.leave(3)
        self.views.enter_first(9)
        self.assertEqual((9, True, 9, 0), (
            self.views.view, self.views.active, self.views.first,
            self.views.failed))
        self.assertIsNone(self.views.new_view_digest)

    def test_leaving_forgets_what_opened_the_view(self):
        self.views.enter(self.opened())
        self.views.leave(4)
        self.assertIsNone(self.views.new_view)
        self.assertIsNone(self.views.new_view_digest)
