# SPDX-License-Identifier: Apache-2.0
"""How a replica leaves views and enters them, event by event."""

import dataclasses

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import messages
from tacker_ledger.tests import base
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.unit.core.consensus import scene

_VIEW = effects.Timer(effects.TIMER_VIEW)


def changes(found):
    """Return (view, active) of what is told of views."""
    return [(one.view, one.active)
            for one in scene.only(found, effects.ViewChanged)]


class TestLeaving(base.TestCase):
    """What makes a member ask for another view."""

    def setUp(self):
        super().setUp()
        self.ours = scene.Scene(2)

    def where(self):
        replica = self.ours.replica
        return replica.view, replica.in_view

    def test_no_heartbeat(self):
        # Somewhat after it is due.
        head_ms = self.ours.ledger.application.head.time_ms
        self.assertEqual(head_ms + 30_000 - self.ours.now_ms + 1_000,
                         self.ours.view_timer_ms)
        found = self.ours.step(_VIEW)
        self.assertEqual([(1, False)], changes(found))
        self.assertEqual(['ViewChange'], scene.written(found))
        self.assertEqual([], scene.sent(found))
        self.assertEqual((1, False), self.where())
        # Only once it is durable is it sent.
        self.assertEqual([('ViewChange', None)],
                         scene.sent(self.ours.write(found)))

    def test_transactions_wait(self):
        self.ours.pool('one')
        self.ours.step(effects.TransactionsReady(1, 400))
        self.assertEqual(1_000, self.ours.view_timer_ms)
        # More of them do not prolong the time that the leader has.
        self.ours.view_timer_ms = None
        self.ours.step(effects.TransactionsReady(2, 800))
        self.assertIsNone(self.ours.view_timer_ms)
        self.assertEqual([(1, False)], changes(self.ours.step(_VIEW)))

    def test_what_can_be_in_no_block_blames_nobody(self):
        self.ours.pool('one')
        self.ours.ledger.commit(list(self.ours.ledger.pool.waiting))
        self.ours.step(effects.BlockCommitted(1))
        self.ours.step(effects.TransactionsReady(1, 400))
        self.assertEqual(1_000, self.ours.view_timer_ms)
        self.assertEqual([], changes(self.ours.step(_VIEW)))
        self.assertEqual((0, True), self.where())
        self.assertLess(30_000, self.ours.view_timer_ms)

    def test_a_proposal_that_is_not_decided(self):
        block = self.ours.block(['one'])
        self.ours.hear(self.ours.proposal(0, block))
        self.assertEqual(1_000, self.ours.view_timer_ms)
        self.assertEqual([(1, False)], changes(self.ours.step(_VIEW)))

    def test_one_member_alone_starts_no_timer(self):
        self.ours.view_timer_ms = None
        self.ours.hear(self.ours.prepare(3, self.ours.block(['one'])))
        self.assertIsNone(self.ours.view_timer_ms)
        self.ours.hear(self.ours.prepare(1, self.ours.block(['one'])))
        self.assertEqual(1_000, self.ours.view_timer_ms)

    def test_the_leader_proposes_what_is_not_valid(self):
        found = self.ours.hear(self.ours.proposal(
            0, self.ours.block(proposer=3)))
        self.assertEqual([(1, False)], changes(found))

    def test_the_leader_signs_two_blocks(self):
        one, two = self.ours.block(['one']), self.ours.block(['two'])
        self.ours.write(self.ours.hear(self.ours.proposal(0, one)))
        found = self.ours.hear(self.ours.proposal(0, two))
        self.assertEqual([(1, False)], changes(found))

    def test_another_member_that_signs_two_does_not_matter(self):
        one, two = self.ours.block(['one']), self.ours.block(['two'])
        self.ours.write(self.ours.hear(self.ours.proposal(0, one)))
        for block in (one, two):
            found = self.ours.hear(self.ours.prepare(3, block))
        self.assertEqual([], changes(found))

    def test_a_transaction_is_passed_over(self):
        found = self.ours.step(effects.RequestExpired(b'\x07' * 32))
        self.assertEqual([(1, False)], changes(found))
        self.assertIn('0707', scene.only(
            found, effects.ViewChanged)[0].reason)
        # It is nobody's fault while there is no leader.
        self.assertEqual([], changes(self.ours.step(
            effects.RequestExpired(b'\x07' * 32))))

    def test_more_than_f_others_have_left(self):
        self.assertEqual([], changes(
            self.ours.hear(self.ours.change(1, view=7))))
        # The highest one that f + 1 of them ask for, or for a later one.
        found = self.ours.hear(self.ours.change(3, view=4))
        self.assertEqual([(4, False)], changes(found))
        self.assertEqual((4, False), self.where())

    def test_nothing_is_voted_in_a_view_that_was_left(self):
        block = self.ours.block(['one'])
        self.ours.step(_VIEW)
        found = self.ours.hear(self.ours.proposal(0, block))
        found += self.ours.hear(self.ours.prepare(1, block))
        self.assertEqual([], scene.written(found))
        self.assertEqual([], scene.only(found, effects.Append))

    def test_what_others_decide_there_counts(self):
        block = self.ours.block(['one'])
        self.ours.hear(self.ours.proposal(0, block))
        self.ours.step(_VIEW)
        for member in (0, 1, 3):
            found = self.ours.hear(self.ours.commit(member, block))
        append, = scene.only(found, effects.Append)
        self.assertEqual(0, append.view)
        self.ours.commit_block(append)
        # The next height begins in the view of that certificate.
        self.assertEqual((0, True), self.where())

    def test_whoever_may_not_sign_leaves_nothing(self):
        self.ours.step(effects.VotingChanged(False))
        self.assertIsNone(self.ours.view_timer_ms)
        for message in (self.ours.change(1), self.ours.change(3)):
            self.assertEqual([], self.ours.hear(message))
        self.assertEqual((0, True), self.where())

    def test_a_leader_whose_link_is_down_has_less_time(self):
        self.ours.step(effects.PeerLost(1))
        self.assertLess(1_000, self.ours.view_timer_ms)
        self.ours.step(effects.PeerLost(0))
        self.assertEqual(250, self.ours.view_timer_ms)
        # It is back in time.
        self.ours.step(effects.PeerConnected(0))
        self.assertLess(1_000, self.ours.view_timer_ms)
        self.ours.step(effects.PeerLost(0))
        self.assertEqual([(1, False)], changes(self.ours.step(_VIEW)))

    def test_the_leader_leaves_too(self):
        ours = scene.Scene(0)
        ours.pool('one')
        ours.write(ours.step(effects.TransactionsReady(300, 400)))
        self.assertEqual([(1, False)], changes(ours.step(_VIEW)))


class TestTimer(base.TestCase):
    """When the timer of a view that is asked for runs."""

    def test_only_with_a_quorum_and_twice_as_long(self):
        ours = scene.Scene(2)
        ours.write(ours.step(_VIEW))
        self.assertIsNone(ours.view_timer_ms)
        ours.hear(ours.change(0))
        self.assertIsNone(ours.view_timer_ms)
        ours.hear(ours.change(3))
        self.assertEqual(2_000, ours.view_timer_ms)
        ours.view_timer_ms = None
        self.assertEqual([(2, False)], changes(ours.step(_VIEW)))
        self.assertIsNone(ours.view_timer_ms)

    def test_leaders_who_fail_make_the_next_height_no_slower(self):
        """Only the view in which a height is decided tells how long."""
        ours = scene.Scene(2, view_timeout_ms=500)
        ours.pool('one')
        ours.step(effects.TransactionsReady(1, 400))
        ours.now_ms += 500
        ours.step(_VIEW)
        opened = ours.new_view(1, [ours.change(index)
                                   for index in (0, 1, 3)])
        ours.hear(opened)
        self.assertEqual(1_000, ours.view_timer_ms)
        ours.now_ms += 100
        block = ours.block(['one'], proposer=1)
        ours.hear(dataclasses.replace(
            ours.proposal(1, block, view=1),
            new_view=messages.digest_of(ours.h, opened)))
        for member in (0, 1, 3):
            found = ours.hear(ours.commit(member, block, view=1))
        ours.commit_block(scene.only(found, effects.Append)[0])
        ours.step(effects.TransactionsReady(1, 1))
        self.assertEqual(500, ours.view_timer_ms)

    def test_members_who_hurried_ahead_count(self):
        ours = scene.Scene(3)
        ours.write(ours.step(_VIEW))
        ours.hear(ours.change(0))
        ours.hear(ours.change(1, view=2))
        self.assertEqual(2_000, ours.view_timer_ms)

    def test_a_decided_height_resets_it(self):
        ours = scene.Scene(2, view_timeout_ms=500)
        block = ours.block(['one'])
        ours.hear(ours.proposal(0, block))
        ours.now_ms += 400
        for member in (0, 1, 3):
            found = ours.hear(ours.commit(member, block))
        self.assertIsNone(ours.view_timer_ms)
        ours.commit_block(scene.only(found, effects.Append)[0])
        ours.step(effects.TransactionsReady(1, 1))
        # It has learnt what a height takes.
        self.assertEqual(1_600, ours.view_timer_ms)


class TestNewView(base.TestCase):
    """The leader of a view shows who asked for it."""

    def setUp(self):
        super().setUp()
        self.ours = scene.Scene(1)
        self.block = self.ours.block(['one'])

    def asked(self, ours, *messages_):
        """Let the replica and others ask for view 1."""
        found = ours.write(ours.step(_VIEW))
        for message in messages_:
            found = ours.hear(message)
        return found

    def test_nothing_was_prepared(self):
        self.ours.pool('two')
        self.ours.step(effects.TransactionsReady(1, 400, 20))
        found = self.asked(self.ours, self.ours.change(0),
                           self.ours.change(3))
        self.assertEqual([(1, True)], changes(found))
        self.assertEqual(['NewView', 'PrePrepare'], scene.written(found))
        opened, proposal = [
            one.message for one in scene.only(self.ours.write(found),
                                              effects.Send)]
        self.assertIsNone(opened.header)
        self.assertEqual(3, len(opened.view_changes))
        self.assertEqual(messages.digest_of(self.ours.h, opened),
                         proposal.new_view)
        self.assertTrue(self.ours.replica.in_view)

    def test_what_was_prepared_is_proposed_again(self):
        """S3: one correct member holds the prepared certificate."""
        self.ours.hear(self.ours.proposal(0, self.block))
        found = self.asked(
            self.ours, self.ours.change(0), self.ours.change(
                3, prepared=self.ours.prepared((0, 2, 3), self.block)))
        self.assertEqual(['NewView', 'PrePrepare'], scene.written(found))
        proposal = scene.only(found, effects.Persist)[1].messages[0]
        self.assertEqual(self.block.to_bytes(), proposal.block)

    def test_a_body_that_is_lacking_is_asked_for(self):
        prepared = self.ours.prepared((0, 2, 3), self.block)
        found = self.asked(self.ours, self.ours.change(0),
                           self.ours.change(3, prepared=prepared))
        self.assertEqual([('GetBody', 3)], scene.sent(found))
        self.assertEqual(['NewView'], scene.written(found))
        found = self.ours.hear(messages.Body(self.block.to_bytes()), 3)
        self.assertEqual(['PrePrepare'], scene.written(found))

    def test_the_highest_view_wins(self):
        """S4: two prepared certificates of different views."""
        ours = scene.Scene(3)
        other = ours.block(['two'])
        ours.hear(ours.change(0, 3, ours.prepared((0, 1, 2), self.block)))
        ours.hear(ours.change(1, 3, ours.prepared((1, 2, 3), other, 1)))
        found = ours.hear(ours.change(2, 3))
        opened, = scene.only(found, effects.Persist)[0].messages
        self.assertEqual(other.header_bytes, opened.header)

    def follower(self, *changes_, header=None, member=2):
        ours = scene.Scene(member)
        opened = ours.new_view(1, changes_ or [
            ours.change(index) for index in (0, 1, 3)], header)
        return ours, opened

    def test_a_follower_enters_and_votes(self):
        ours, opened = self.follower()
        found = ours.hear(opened)
        self.assertEqual([(1, True)], changes(found))
        self.assertEqual([], scene.written(found))
        block = ours.block(['two'], proposer=1)
        proposal = dataclasses.replace(
            ours.proposal(1, block, view=1),
            new_view=messages.digest_of(ours.h, opened))
        found = ours.hear(proposal)
        # What it relies on is durable with its vote.
        self.assertEqual(['NewView', 'PrePrepare', 'Prepare'],
                         scene.written(found))

    def test_anybody_may_pass_it_on(self):
        ours, opened = self.follower()
        self.assertEqual([(1, True)], changes(ours.hear(opened, 3)))

    def test_a_proposal_has_to_follow_the_new_view(self):
        ours, opened = self.follower()
        ours.hear(opened)
        block = ours.block(['two'], proposer=1)
        for named in (None, bytes(32)):
            again, _opened = self.follower()
            again.hear(opened)
            found = again.hear(dataclasses.replace(
                again.proposal(1, block, view=1), new_view=named))
            self.assertEqual(['bad-block'], [
                one.code for one in scene.only(found, effects.Refused)])
            self.assertEqual([(2, False)], changes(found))

    def test_only_what_was_prepared_may_be_proposed(self):
        votes = scene.Votes(self.ours.made)
        changed = [votes.change(0), votes.change(1), votes.change(
            3, prepared=votes.prepared((0, 1, 3), self.block))]
        ours, opened = self.follower(*changed,
                                     header=self.block.header_bytes)
        ours.hear(opened)
        other = ours.block(['two'], proposer=1)
        digest = messages.digest_of(ours.h, opened)
        found = ours.hear(dataclasses.replace(
            ours.proposal(1, other, view=1), new_view=digest))
        self.assertEqual([(2, False)], changes(found))
        # As it is: neither its proposer nor its time is judged again.
        ours, opened = self.follower(*changed,
                                     header=self.block.header_bytes)
        ours.now_ms -= 10 ** 7
        ours.hear(opened)
        found = ours.hear(dataclasses.replace(
            ours.proposal(1, self.block, view=1), new_view=digest))
        self.assertEqual(['NewView', 'PrePrepare', 'Prepare'],
                         scene.written(found))

    def test_new_views_that_do_not_count(self):
        """S5: forged, omitted, fabricated view changes."""
        votes = scene.Votes(self.ours.made)
        asked = [votes.change(index) for index in (0, 1, 3)]
        prepared = votes.change(3, prepared=votes.prepared(
            (0, 1, 3), self.block))
        forged = dataclasses.replace(asked[2], signature=bytes(64))
        for leader, given, header in (
                (1, asked[:2], None),
                (1, [asked[0], asked[0], asked[1]], None),
                (1, [*asked[:2], forged], None),
                (1, [*asked[:2], prepared], None),
                (1, asked, self.block.header_bytes),
                (2, asked, None),
                (1, [*asked[:2], votes.change(3, view=5)], None)):
            ours = scene.Scene(3)
            found = ours.hear(ours.new_view(leader, given, header), leader)
            self.assertEqual([], changes(found))
            self.assertEqual(1, len(scene.only(found, effects.Refused)))
            self.assertEqual((0, True), (ours.replica.view,
                                         ours.replica.in_view))

    def test_an_observer_follows(self):
        ours = scene.Scene(None)
        opened = ours.new_view(1, [
            ours.change(index) for index in (0, 1, 3)])
        self.assertEqual([(1, True)], changes(ours.hear(opened)))

    def test_a_view_change_carries_what_was_prepared(self):
        ours = scene.Scene(2)
        ours.write(ours.hear(ours.proposal(0, self.block)))
        ours.write(ours.hear(ours.prepare(1, self.block)))
        found = ours.step(_VIEW)
        change, = scene.only(found, effects.Persist)[0].messages
        self.assertEqual(ours.prepared((0, 1, 2), self.block),
                         change.prepared)


class TestEvidence(base.TestCase):
    """A leader that shows each member one proposal alone."""

    def setUp(self):
        super().setUp()
        self.ours = scene.Scene(1)
        one, self.two = self.ours.block(['one']), self.ours.block(['two'])
        self.ours.write(self.ours.hear(self.ours.proposal(0, one)))
        self.prepared = self.ours.prepared((0, 2, 3), self.two)

    def convicted(self, found):
        for one in scene.only(found, effects.Evidence):
            evidence.check(self.ours.h, scene.PROVIDER,
                           self.ours.made.federation, one.record)
        return [one.record.member
                for one in scene.only(found, effects.Evidence)]

    def test_by_what_a_view_change_shows(self):
        """S1: A to one half, B to the other."""
        found = self.ours.hear(self.ours.change(3, prepared=self.prepared))
        self.assertEqual([0], self.convicted(found))
        self.assertEqual([], self.convicted(self.ours.hear(
            self.ours.change(2, prepared=self.prepared))))

    def test_by_what_a_new_view_shows(self):
        found = self.ours.hear(self.ours.new_view(2, [
            self.ours.change(0, 2), self.ours.change(2, 2),
            self.ours.change(3, 2, self.prepared)], self.two.header_bytes))
        self.assertEqual([0], self.convicted(found))

    def test_who_prepared_both(self):
        self.ours.hear(self.ours.prepare(3, self.ours.block(['one'])))
        found = self.ours.hear(self.ours.change(2, prepared=self.prepared))
        self.assertEqual([0, 3], self.convicted(found))

    def test_nobody_by_what_is_not_proven(self):
        forged = dataclasses.replace(self.prepared, votes=tuple(
            (member, bytes(64)) for member, _ in self.prepared.votes))
        self.assertEqual([], self.convicted(self.ours.hear(
            self.ours.change(3, prepared=forged))))


class TestTogether(base.TestCase):
    """Members in different views of one height."""

    def setUp(self):
        super().setUp()
        self.ours = scene.Scene(2)
        self.block = self.ours.block(['one'])
        self.ours.hear(self.ours.proposal(0, self.block))
        for member in (0, 1, 3):
            found = self.ours.hear(self.ours.commit(member, self.block))
        self.ours.commit_block(scene.only(found, effects.Append)[0])
        self.later = ledgers.certify(
            self.ours.h, self.ours.made.sites, range(3), 1,
            self.block.digest, view=5)

    def head(self, proof):
        return messages.CertifiedHead(messages.head_pair(
            self.block.header_bytes, proof))

    def test_a_certificate_of_a_later_view_leads_there(self):
        found = self.ours.hear(self.head(self.later), 3)
        self.assertEqual([(5, True)], changes(found))
        self.assertEqual(5, self.ours.replica.view)

    def test_not_whoever_has_committed(self):
        block = self.ours.block(['two'])
        self.ours.write(self.ours.hear(self.ours.proposal(0, block)))
        self.ours.write(self.ours.hear(self.ours.prepare(1, block)))
        self.assertIsNotNone(self.ours.replica.prepared)
        self.assertEqual([], changes(
            self.ours.hear(self.head(self.later), 3)))
        self.assertEqual(0, self.ours.replica.view)

    def test_not_by_a_certificate_that_is_none(self):
        forged = bytearray(self.later)
        forged[-1] ^= 1
        found = self.ours.hear(self.head(bytes(forged)), 3)
        self.assertEqual(['bad-certificate'], [
            one.code for one in scene.only(found, effects.Refused)])
        self.assertEqual(0, self.ours.replica.view)

    def test_who_is_in_an_earlier_view_is_shown_ours(self):
        self.ours.hear(self.head(self.later), 3)
        found = self.ours.hear(messages.Status(2, 0), 1)
        self.assertEqual([('CertifiedHead', 1)], scene.sent(found))
        # Once, until it is time to say things again.
        self.assertEqual([], scene.sent(
            self.ours.hear(messages.Status(2, 0), 1)))

    def test_who_is_in_a_later_view_is_asked(self):
        found = self.ours.hear(messages.Status(2, 3), 1)
        self.assertEqual([('Status', 1)], scene.sent(found))
        self.assertEqual([], scene.sent(
            self.ours.hear(messages.Status(2, 3), 1)))

    def test_a_new_view_is_passed_on(self):
        head = (self.block.header_bytes,
                self.ours.ledger.application.head.certificate)
        opened = self.ours.new_view(1, [
            self.ours.change(member, head=head, height=2)
            for member in (0, 1, 3)])
        self.ours.hear(opened)
        found = self.ours.hear(
            self.ours.change(3, view=1, head=head, height=2))
        self.assertEqual([('NewView', 3)], scene.sent(found))


class TestRestart(base.TestCase):
    """Views outlive the process."""

    def again(self, ours, member):
        return scene.Scene(member, made=ours.made, ledger=ours.ledger,
                           records=ours.persisted)

    def test_a_view_that_was_left_is_not_entered_again(self):
        ours = scene.Scene(2)
        block = ours.block(['one'])
        ours.write(ours.write(ours.hear(ours.proposal(0, block))
                              + ours.hear(ours.prepare(1, block))))
        ours.write(ours.step(_VIEW))
        again = self.again(ours, 2)
        self.assertEqual((1, False), (again.replica.view,
                                      again.replica.in_view))
        self.assertEqual(ours.replica.prepared, again.replica.prepared)
        found = again.step(effects.PeerConnected(3))
        self.assertEqual([('Status', 3), ('ViewChange', 3)],
                         scene.sent(found))
        self.assertEqual([], scene.written(
            again.hear(again.prepare(3, block))))

    def test_what_was_prepared_is_found_again(self):
        ours = scene.Scene(2)
        block = ours.block(['one'])
        ours.write(ours.hear(ours.proposal(0, block)))
        ours.write(ours.hear(ours.prepare(1, block)))
        again = self.again(ours, 2)
        self.assertEqual(ours.prepared((0, 1, 2), block),
                         again.replica.prepared)

    def test_a_leader_opens_its_view_once(self):
        ours = scene.Scene(1)
        ours.pool('one')
        ours.step(effects.TransactionsReady(1, 400, 20))
        ours.write(ours.step(_VIEW))
        ours.hear(ours.change(0))
        ours.write(ours.hear(ours.change(3)))
        again = self.again(ours, 1)
        again.pool('two')
        self.assertEqual((1, True), (again.replica.view,
                                     again.replica.in_view))
        self.assertEqual([], scene.written(
            again.step(effects.TransactionsReady(300, 400))))
        self.assertEqual(
            [('Status', 2), ('NewView', 2), ('PrePrepare', 2)],
            scene.sent(again.step(effects.PeerConnected(2))))

    def test_a_follower_is_in_the_view_it_voted_in(self):
        ours = scene.Scene(2)
        opened = ours.new_view(1, [ours.change(index)
                                   for index in (0, 1, 3)])
        ours.hear(opened)
        block = ours.block(['two'], proposer=1)
        ours.write(ours.hear(dataclasses.replace(
            ours.proposal(1, block, view=1),
            new_view=messages.digest_of(ours.h, opened))))
        again = self.again(ours, 2)
        self.assertEqual((1, True), (again.replica.view,
                                     again.replica.in_view))
        found = again.write(again.hear(again.prepare(0, block, view=1)))
        self.assertEqual([('Commit', None)], scene.sent(found))

    def test_newest(self):
        ours = scene.Scene(2)
        block = ours.block(['one'])
        ours.hear(ours.proposal(0, block))
        ours.hear(ours.commit(3, block))
        self.assertEqual(messages.Commit.KIND, ours.replica.newest(3).kind)
        ours.hear(ours.change(3))
        self.assertEqual(ours.change(3), ours.replica.newest(3))
        opened = ours.new_view(1, [ours.change(index)
                                   for index in (0, 1, 3)])
        ours.hear(opened)
        self.assertEqual(opened, ours.replica.newest(1))
        self.assertIsNone(ours.replica.newest(9))
