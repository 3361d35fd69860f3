# SPDX-License-Identifier: Apache-2.0
"""The replica, event by event."""

import dataclasses

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.unit.core.consensus import scene

Commit = messages.Commit
Prepare = messages.Prepare
PrePrepare = messages.PrePrepare


class TestLeader(base.TestCase):
    """What the leader does before there is a proposal."""

    def test_the_heartbeat_is_set_at_the_start(self):
        ours = scene.Scene(0, start=False)
        head_ms = ours.ledger.application.head.time_ms
        found = ours.step(effects.Start())
        self.assertEqual([effects.SetTimer(
            'heartbeat', head_ms + 30_000 - ours.now_ms)], found)

    def test_a_heartbeat_is_overdue_after_a_long_stop(self):
        ours = scene.Scene(0, start=False)
        ours.now_ms += 10 ** 9
        self.assertEqual([effects.SetTimer('heartbeat', 0)],
                         ours.step(effects.Start()))

    def test_a_clock_that_is_behind_does_not_delay_it(self):
        ours = scene.Scene(0, start=False)
        ours.now_ms -= 10 ** 9
        self.assertEqual([effects.SetTimer('heartbeat', 30_000)],
                         ours.step(effects.Start()))

    def test_the_batch_waits_for_the_rest_of_the_interval(self):
        ours = scene.Scene(0)
        self.assertEqual(
            [effects.SetTimer('batch', 13)],
            ours.step(effects.TransactionsReady(1, 400, 7)))
        # More of them do not prolong it.
        self.assertEqual([], ours.step(effects.TransactionsReady(2, 800, 9)))

    def test_a_full_batch_waits_for_nothing(self):
        for ready in (effects.TransactionsReady(300, 400),
                      effects.TransactionsReady(1, 8 * 1024 ** 2),
                      effects.TransactionsReady(1, 1, 20)):
            ours = scene.Scene(0)
            ours.pool('one')
            found = ours.step(ready)
            self.assertEqual(1, len(scene.only(found, effects.Persist)))
            self.assertEqual([effects.CancelTimer('heartbeat')],
                             scene.only(found, effects.CancelTimer))

    def test_a_proposal_leaves_after_it_is_written(self):
        ours = scene.Scene(0)
        ours.pool('one', 'two')
        ours.step(effects.TransactionsReady(2, 800))
        found = ours.step(effects.Timer('batch'))
        self.assertEqual([], scene.sent(found))
        write, = scene.only(found, effects.Persist)
        self.assertEqual((1, 1), (write.record_id, write.height))
        found = ours.step(effects.Persisted(1))
        self.assertEqual([('PrePrepare', None)], scene.sent(found))
        proposal = found[0].message
        self.assertEqual(write.records, (messages.encode(proposal),))
        self.assertEqual([effects.SetTimer('retransmit', 500)],
                         scene.only(found, effects.SetTimer))

    def test_only_one_proposal(self):
        ours = scene.Scene(0)
        ours.pool('one')
        ours.step(effects.TransactionsReady(300, 400))
        self.assertEqual([], ours.step(effects.TransactionsReady(300, 400)))
        self.assertEqual([], ours.step(effects.Timer('heartbeat')))
        self.assertEqual([], ours.step(effects.Timer('batch')))

    def test_nothing_to_propose_leaves_the_heartbeat(self):
        ours = scene.Scene(0)
        self.assertEqual([], ours.step(effects.TransactionsReady(1, 1, 20)))
        found = ours.step(effects.Timer('heartbeat'))
        block = messages.decode(
            scene.only(found, effects.Persist)[0].records[0]).block
        self.assertEqual(ours.block(time_ms=ours.now_ms).to_bytes(), block)

    def test_followers_set_no_timer(self):
        ours = scene.Scene(1, start=False)
        self.assertEqual([], ours.step(effects.Start()))
        self.assertEqual([], ours.step(
            effects.TransactionsReady(300, 400)))

    def test_an_observer_votes_nothing(self):
        ours = scene.Scene(None)
        self.assertIsNone(ours.replica.member)
        self.assertFalse(ours.replica.may_vote)
        block = ours.block(['one'])
        found = ours.hear(ours.proposal(0, block))
        for member in range(3):
            found += ours.hear(ours.commit(member, block))
        self.assertEqual([], scene.only(found, effects.Persist))
        self.assertEqual(1, len(scene.only(found, effects.Append)))


class TestVoting(base.TestCase):
    """A follower's prepare and commit, and the certificate."""

    def setUp(self):
        super().setUp()
        self.ours = scene.Scene(1)
        self.block = self.ours.block(['one'])

    def test_prepare_relies_on_the_proposal(self):
        proposal = self.ours.proposal(0, self.block)
        found = self.ours.hear(proposal)
        write, = scene.only(found, effects.Persist)
        self.assertEqual([], scene.sent(found))
        prepare = self.ours.prepare(1, self.block)
        self.assertEqual(
            tuple(map(messages.encode, (proposal, prepare))), write.records)
        found = self.ours.step(effects.Persisted(write.record_id))
        self.assertEqual([effects.Send(prepare)],
                         scene.only(found, effects.Send))

    def test_commit_relies_on_the_prepares(self):
        self.ours.write(self.ours.hear(self.ours.proposal(0, self.block)))
        prepare = self.ours.prepare(3, self.block)
        found = self.ours.hear(prepare)
        write, = scene.only(found, effects.Persist)
        commit = self.ours.commit(1, self.block)
        self.assertEqual(tuple(map(messages.encode, (prepare, commit))),
                         write.records)
        self.assertEqual(
            self.ours.prepared((0, 1, 3), self.block),
            self.ours.replica.prepared)
        self.assertEqual([('Commit', None)],
                         scene.sent(self.ours.write(found)))

    def test_no_commit_before_the_own_prepare_is_durable(self):
        found = self.ours.hear(self.ours.proposal(0, self.block))
        for member in (2, 3):
            self.assertEqual([], self.ours.hear(
                self.ours.prepare(member, self.block)))
        # The end of the write brings the prepare and then the commit.
        found = self.ours.write(found)
        self.assertEqual([('Prepare', None)], scene.sent(found))
        self.assertEqual(1, len(scene.only(found, effects.Persist)))

    def test_append_with_a_quorum_of_commits(self):
        self.ours.write(self.ours.write(
            self.ours.hear(self.ours.proposal(0, self.block))
            + self.ours.hear(self.ours.prepare(3, self.block))))
        self.assertEqual([], self.ours.hear(
            self.ours.commit(3, self.block)))
        found = self.ours.hear(self.ours.commit(0, self.block))
        append, = scene.only(found, effects.Append)
        self.assertEqual(self.block.digest, append.outcome.block.digest)
        parsed = certificate.check_certificate(
            self.ours.h, scene.PROVIDER, self.ours.made.federation, 1,
            self.block.digest, append.certificate)
        self.assertEqual([0, 1, 3], [member for member, _ in parsed.votes])
        self.assertEqual([effects.CancelTimer('retransmit')],
                         scene.only(found, effects.CancelTimer))
        # Nothing more happens until the block is stored.
        self.assertEqual([], self.ours.hear(
            self.ours.commit(2, self.block)))

    def test_commits_suffice_without_own_votes(self):
        self.ours.step(effects.VotingChanged(False))
        found = self.ours.hear(self.ours.proposal(0, self.block))
        self.assertEqual([], scene.only(found, effects.Persist))
        for member in (0, 2, 3):
            found = self.ours.hear(self.ours.commit(member, self.block))
        self.assertEqual(1, len(scene.only(found, effects.Append)))

    def test_everything_before_the_proposal(self):
        for member in (2, 3):
            self.ours.hear(self.ours.prepare(member, self.block))
            self.ours.hear(self.ours.commit(member, self.block))
        found = self.ours.write(
            self.ours.hear(self.ours.proposal(0, self.block)))
        self.assertEqual(['Prepare', 'Commit'], [
            kind for kind, _to in scene.sent(found
                                             + self.ours.write(found))])

    def test_duplicates_have_no_effect(self):
        proposal = self.ours.proposal(0, self.block)
        self.ours.write(self.ours.hear(proposal))
        self.assertEqual([], self.ours.hear(proposal))
        prepare = self.ours.prepare(2, self.block)
        self.ours.write(self.ours.hear(prepare))
        self.assertEqual([], self.ours.hear(prepare))
        self.assertEqual([], self.ours.hear(proposal))
        commit = self.ours.commit(2, self.block)
        self.ours.hear(commit)
        self.assertEqual([], self.ours.hear(commit))
        self.assertEqual([], self.ours.step(effects.Persisted(1)))

    def test_the_next_height(self):
        self.ours.hear(self.ours.proposal(0, self.block))
        for member in (0, 2, 3):
            found = self.ours.hear(self.ours.commit(member, self.block))
        append, = scene.only(found, effects.Append)
        self.assertEqual([], self.ours.commit_block(append))
        self.assertEqual(2, self.ours.replica.height)
        self.assertEqual([], self.ours.step(effects.BlockCommitted(1)))
        self.assertEqual(2, self.ours.replica.height)


class TestRefusals(base.TestCase):
    """Proposals that get no prepare."""

    def setUp(self):
        super().setUp()
        self.ours = scene.Scene(1)

    def refused(self, message, member=None):
        found = self.ours.hear(message, member)
        self.assertIn(scene.written(found), ([], ['ViewChange']))
        self.assertEqual([], scene.sent(found))
        return [one.code for one in scene.only(found, effects.Refused)]

    def test_not_by_the_leader(self):
        block = self.ours.block()
        self.assertEqual([], self.refused(self.ours.proposal(2, block)))
        # Of a later view: what opened that one?
        found = self.ours.hear(self.ours.proposal(0, block, view=4))
        self.assertEqual([('Status', 0)], scene.sent(found))
        self.assertEqual([], scene.written(found))

    def test_not_signed(self):
        block = self.ours.block()
        good = self.ours.proposal(0, block)
        self.assertEqual([], self.refused(
            dataclasses.replace(good, signature=bytes(64))))
        # The right one is still welcome.
        self.assertEqual(1, len(scene.only(self.ours.hear(good),
                                           effects.Persist)))

    def test_in_the_name_of_another(self):
        block = self.ours.block()
        self.assertEqual(['forbidden'], self.refused(
            self.ours.proposal(0, block), 2))
        self.assertEqual(['forbidden'], self.refused(
            self.ours.prepare(3, block), 2))

    def test_from_nobody_or_ourselves(self):
        block = self.ours.block()
        self.assertEqual([], self.refused(self.ours.proposal(0, block), 9))
        self.assertEqual([], self.refused(self.ours.prepare(1, block), 1))

    def test_not_a_block(self):
        good = self.ours.proposal(0, self.ours.block())
        for wrong in (b'\x00', good.block[:-1]):
            self.ours = scene.Scene(1)
            self.assertEqual(['malformed'], self.refused(
                dataclasses.replace(good, block=wrong)))
            # Somebody else may lead: it votes nothing here any more.
            self.assertEqual((1, False), (self.ours.replica.view,
                                          self.ours.replica.in_view))
            self.assertEqual([], self.refused(good))
        later = dataclasses.replace(good, height=2)
        self.assertEqual([], self.refused(later))

    def test_of_another_height_inside(self):
        ledger = ledgers.Ledger(self.ours.made)
        ledger.commit()
        block = ledger.propose().block
        message = dataclasses.replace(
            self.ours.proposal(0, block), height=1, signature=self.ours.sign(
                0, messages.PrePrepare.KIND, 1, 0, block.digest))
        self.assertEqual(['bad-block'], self.refused(message))

    def test_what_is_not_signed_is_not_parsed(self):
        """It may be 8 MiB, and be sent as often as its leader likes."""
        good = self.ours.proposal(0, self.ours.block(['one']))
        parsed = []
        self.patch(block_module.Block, 'from_bytes', lambda *arguments: (
            parsed.append(arguments)))
        for wrong in (dataclasses.replace(good, signature=bytes(64)),
                      dataclasses.replace(good, view=0, height=1,
                                          block=self.ours.block(
                                              ['two']).to_bytes())):
            self.assertEqual([], self.refused(wrong))
        self.assertEqual([], parsed)

    def test_a_wrong_state_root(self):
        block = self.ours.block(['one'])
        header = dataclasses.replace(block.header, state_root=bytes(32))
        wrong = type(block).assembled(self.ours.h, header,
                                      block.raw_transactions)
        self.assertEqual(['bad-block'], self.refused(
            self.ours.proposal(0, wrong)))
        # It is not judged again.
        self.assertEqual([], self.refused(self.ours.prepare(2, wrong)))

    def test_proposed_for_another(self):
        block = self.ours.block(proposer=2)
        self.assertEqual(['bad-block'], self.refused(
            self.ours.proposal(0, block)))

    def test_ahead_of_our_clock(self):
        late = self.ours.now_ms + 10_001
        proposal = self.ours.proposal(0, self.ours.block(time_ms=late))
        self.assertEqual(['timestamp-future'], self.refused(proposal))
        self.assertEqual([], self.refused(proposal))
        # Our clock comes up; whatever happens next, we prepare.
        self.ours.now_ms += 1
        found = self.ours.step(effects.Timer('retransmit'))
        self.assertEqual(1, len(scene.only(found, effects.Persist)))

    def test_a_quorum_certifies_what_is_invalid_here(self):
        block = self.ours.block(['one'])
        header = dataclasses.replace(block.header, state_root=bytes(32))
        wrong = type(block).assembled(self.ours.h, header,
                                      block.raw_transactions)
        self.ours.hear(self.ours.proposal(0, wrong))
        for member in (0, 2, 3):
            found = self.ours.hear(self.ours.commit(member, wrong))
        halted, = scene.only(found, effects.Halted)
        self.assertEqual((1, 'bad-block'), (halted.height, halted.code))
        self.assertTrue(self.ours.replica.halted)
        self.assertEqual([], self.ours.hear(
            self.ours.proposal(0, self.ours.block(['one']))))


class TestEquivocation(base.TestCase):
    """Contradictions are reported, and the first proposal stands."""

    def test_two_proposals(self):
        ours = scene.Scene(1)
        one, two = ours.block(['one']), ours.block(['two'])
        ours.write(ours.hear(ours.proposal(0, one)))
        found = ours.hear(ours.proposal(0, two))
        record, = [one.record for one in scene.only(found, effects.Evidence)]
        evidence.check(ours.h, scene.PROVIDER, ours.made.federation, record)
        self.assertEqual(0, record.member)
        self.assertEqual(['ViewChange'], scene.written(found))

    def test_two_late_commits(self):
        ours = scene.Scene(1)
        one, two = ours.block(['one']), ours.block(['two'])
        ours.hear(ours.proposal(0, one))
        ours.hear(ours.proposal(0, two))
        for member in (0, 2):
            ours.hear(ours.commit(member, one))
        ours.hear(ours.prepare(3, one))
        found = ours.hear(ours.commit(1, one), 1)
        self.assertEqual([], found)
        # It has left the view; a quorum decides in it nevertheless.
        found = ours.hear(ours.commit(3, one))
        ours.commit_block(scene.only(found, effects.Append)[0])
        found = ours.hear(ours.commit(3, two))
        self.assertEqual([3], [
            one.record.member
            for one in scene.only(found, effects.Evidence)])


class TestRepeating(base.TestCase):
    """What is sent again, and to whom."""

    def setUp(self):
        super().setUp()
        self.ours = scene.Scene(1)
        self.block = self.ours.block(['one'])

    def test_votes_go_to_all_after_growing_pauses(self):
        self.ours.write(self.ours.hear(self.ours.proposal(0, self.block)))
        for pause_ms in (1_000, 2_000, 4_000, 8_000, 8_000):
            self.assertEqual(
                [effects.SetTimer('retransmit', pause_ms),
                 effects.Send(self.ours.prepare(1, self.block))],
                self.ours.step(effects.Timer('retransmit')))

    def test_the_proposal_goes_to_the_silent_alone(self):
        ours = scene.Scene(0)
        ours.pool('one')
        ours.write(ours.step(effects.TransactionsReady(300, 400)))
        block = ours.block(['one'], time_ms=ours.now_ms)
        ours.hear(ours.prepare(2, block))
        found = ours.step(effects.Timer('retransmit'))
        self.assertEqual(
            [('PrePrepare', 1), ('PrePrepare', 3), ('Status', None)],
            scene.sent(found))

    def test_what_is_not_durable_is_not_repeated(self):
        self.ours.hear(self.ours.proposal(0, self.block))
        found = self.ours.step(effects.Timer('retransmit'))
        self.assertEqual([('Status', None)], scene.sent(found))

    def test_a_member_that_connects_hears_it_all(self):
        self.ours.write(self.ours.write(
            self.ours.hear(self.ours.proposal(0, self.block))
            + self.ours.hear(self.ours.prepare(2, self.block))))
        found = self.ours.step(effects.PeerConnected(3))
        self.assertEqual([('Status', 3), ('Prepare', 3), ('Commit', 3)],
                         scene.sent(found))

    def test_without_leave_to_vote_only_the_place_is_told(self):
        self.ours.write(self.ours.hear(self.ours.proposal(0, self.block)))
        self.ours.step(effects.VotingChanged(False))
        self.assertEqual([('Status', 3)], scene.sent(
            self.ours.step(effects.PeerConnected(3))))
        found = self.ours.step(effects.VotingChanged(True))
        self.assertEqual([('Prepare', None)], scene.sent(found))
        self.assertEqual([], self.ours.step(effects.VotingChanged(True)))

    def test_a_cancelled_timer_has_no_effect(self):
        self.assertEqual([], self.ours.step(effects.Timer('retransmit')))
        self.assertEqual([], self.ours.step(effects.Timer('heartbeat')))

    def test_a_late_vote_shows_a_straggler_the_second_time(self):
        self.ours.hear(self.ours.proposal(0, self.block))
        for member in (0, 2, 3):
            found = self.ours.hear(self.ours.commit(member, self.block))
        self.ours.commit_block(scene.only(found, effects.Append)[0])
        # Members that the quorum did without are late as a rule.
        late = self.ours.prepare(3, self.block)
        self.assertEqual([], self.ours.hear(late))
        self.assertEqual(
            [effects.Send(messages.Status(2, 0), 3)], self.ours.hear(late))
        self.assertEqual(
            [effects.Send(messages.Status(2, 0), 3)],
            self.ours.hear(self.ours.commit(3, self.block)))

    def test_status(self):
        self.assertEqual([], self.ours.hear(messages.Status(1, 0), 2))
        self.assertEqual([effects.Behind(2, 5)],
                         self.ours.hear(messages.Status(5, 0), 2))
        self.assertEqual([], self.ours.hear(messages.Status(5, 0), 2))
        self.assertEqual([effects.Behind(3, 5)],
                         self.ours.hear(messages.Status(5, 0), 3))
        self.ours.ledger.commit()
        self.ours.step(effects.BlockCommitted(1))
        self.assertEqual([effects.Send(messages.Status(2, 0), 3)],
                         self.ours.hear(messages.Status(1, 0), 3))


class TestHeights(base.TestCase):
    """Votes for other heights, and catching up."""

    def setUp(self):
        super().setUp()
        self.ours = scene.Scene(1)
        self.ahead = ledgers.Ledger(self.ours.made)
        self.first = self.ahead.commit()
        self.second = self.ahead.propose().block

    def test_votes_for_the_next_height_are_kept(self):
        for message in (self.ours.proposal(0, self.second),
                        self.ours.prepare(2, self.second)):
            self.assertEqual([], scene.only(self.ours.hear(message),
                                            effects.Persist))
        self.ours.ledger.commit()
        found = self.ours.step(effects.BlockCommitted(1))
        self.assertEqual(1, len(scene.only(found, effects.Persist)))
        self.assertEqual(['Prepare'], [
            kind for kind, _to in scene.sent(self.ours.write(found))])

    def test_they_suggest_to_catch_up_if_nothing_happens(self):
        found = self.ours.hear(self.ours.prepare(2, self.second))
        self.assertEqual([effects.SetTimer('retransmit', 500)], found)
        found = self.ours.step(effects.Timer('retransmit'))
        self.assertEqual([effects.Behind(2, 2)],
                         scene.only(found, effects.Behind))

    def test_votes_further_ahead_suggest_it_at_once(self):
        vote = dataclasses.replace(self.ours.prepare(2, self.second),
                                   height=3)
        self.assertEqual([effects.Behind(2, 3)], self.ours.hear(vote))

    def test_catching_up_moves_on(self):
        self.ours.write(self.ours.hear(
            self.ours.proposal(0, self.ours.block(['one']))))
        self.ours.ledger.commit()
        self.ours.ledger.commit()
        found = self.ours.step(effects.BlockCommitted(2, 0))
        self.assertEqual([effects.CancelTimer('retransmit')], found)
        self.assertEqual(3, self.ours.replica.height)

    def test_the_application_moved_before_the_word_came(self):
        block = self.ours.block(['one'])
        self.ours.hear(self.ours.proposal(0, block))
        for member in (0, 2):
            self.ours.hear(self.ours.commit(member, block))
        self.ours.ledger.commit()
        found = self.ours.hear(self.ours.commit(3, block))
        self.assertFalse(self.ours.replica.halted)
        self.assertEqual([], scene.only(found, effects.Append))
        self.assertEqual(2, self.ours.replica.height)
        self.assertEqual([], self.ours.step(effects.BlockCommitted(1)))

    def test_a_write_of_the_height_before_ends_late(self):
        found = self.ours.hear(
            self.ours.proposal(0, self.ours.block(['one'])))
        self.ours.ledger.commit()
        self.ours.step(effects.BlockCommitted(1))
        self.assertEqual([], self.ours.write(found))

    def test_the_newest_vote_of_a_member_outlives_its_height(self):
        block = self.ours.block(['one'])
        self.ours.hear(self.ours.proposal(0, block))
        for member in (0, 2, 3):
            found = self.ours.hear(self.ours.commit(member, block))
        self.ours.commit_block(scene.only(found, effects.Append)[0])
        shown = self.ours.replica.newest(3)
        self.assertEqual((1, 5, block.digest),
                         (shown.height, shown.kind, shown.digest))
        self.assertIsNone(self.ours.replica.newest(1))

    def test_unknown_rules_end_it(self):
        made = federations.genesis(4, rules=((0, 1), (2, 99)))
        ours = scene.Scene(1, made=made)
        self.assertEqual([], ours.step(effects.TransactionsReady(1, 1)))
        ours.ledger.commit()
        found = ours.step(effects.BlockCommitted(1))
        self.assertEqual(['unsupported-version'], [
            one.code for one in scene.only(found, effects.Halted)])


class TestBodies(base.TestCase):
    """A block that others committed to and we lack."""

    def setUp(self):
        super().setUp()
        self.ours = scene.Scene(1)
        self.block = self.ours.block(['one'])
        for member in (2, 0):
            self.ours.hear(self.ours.commit(member, self.block))
        self.prefix = self.block.digest[:8]

    def ask(self):
        return self.ours.hear(self.ours.commit(3, self.block))

    def test_asked_for_and_appended(self):
        self.assertEqual(
            [effects.Send(messages.GetBody(1, self.prefix), 0)], self.ask())
        found = self.ours.hear(messages.Body(self.block.to_bytes()), 0)
        self.assertEqual(1, len(scene.only(found, effects.Append)))

    def test_asked_for_elsewhere_after_a_while(self):
        self.ask()
        self.assertEqual([0, 2, 3, 0], [0] + [
            scene.only(self.ours.step(effects.Timer('retransmit')),
                       effects.Send)[-1].to for _ in range(3)])

    def test_wrong_bodies(self):
        self.ask()
        # it may be the answer to an earlier question
        self.assertEqual([], self.ours.hear(messages.Body(
            self.ours.block(['two']).to_bytes()), 0))
        found = self.ours.hear(messages.Body(b'\x00'), 0)
        self.assertEqual(['malformed'], [
            one.code for one in scene.only(found, effects.Refused)])

    def test_a_body_nobody_asked_for(self):
        self.assertEqual([], self.ours.hear(
            messages.Body(self.block.to_bytes()), 0))

    def test_it_is_given_to_others(self):
        self.assertEqual([], self.ours.hear(
            messages.GetBody(1, self.prefix), 3))
        self.ours.hear(self.ours.proposal(0, self.block))
        body = effects.Send(messages.Body(self.block.to_bytes()), 3)
        self.assertEqual([body], scene.only(self.ours.hear(
            messages.GetBody(1, self.prefix), 3), effects.Send))
        self.assertEqual([], self.ours.hear(messages.GetBody(
            1, bytes(8)), 3))
        # For one more height.
        append = scene.only(self.ask(), effects.Append)
        self.ours.commit_block(append[0] if append else None)
        self.assertEqual([body], self.ours.hear(
            messages.GetBody(1, self.prefix), 3))


class TestAlone(base.TestCase):
    """A federation of one."""

    def test_it_decides_alone(self):
        ours = scene.Scene(0, n=1)
        ours.pool('one')
        found = ours.step(effects.TransactionsReady(300, 400))
        found = ours.write(found)
        self.assertEqual([], scene.sent(found))
        found = ours.write(found)
        self.assertEqual([], scene.sent(found))
        append, = scene.only(found, effects.Append)
        certificate.check_certificate(
            ours.h, scene.PROVIDER, ours.made.federation, 1,
            append.outcome.block.digest, append.certificate)


class TestFailures(base.TestCase):
    """Disks that fail and processes that start again."""

    def damage(self, ours):
        def get(key):
            raise errors.CorruptStore('damaged')

        self.patch(ours.ledger.application, '_view',
                   type('Damaged', (), {'get': staticmethod(get)})())

    def test_a_store_that_cannot_be_read_ends_it(self):
        ours = scene.Scene(1)
        proposal = ours.proposal(0, ours.block(['one']))
        self.damage(ours)
        found = ours.hear(proposal)
        # The leader is not to blame.
        self.assertEqual([effects.SetTimer('retransmit', 500),
                          effects.Halted(1, 'corrupt-store', 'damaged')],
                         found)

    def test_a_leader_that_cannot_read_its_store(self):
        ours = scene.Scene(0)
        self.damage(ours)
        ours.pool('one')
        self.assertEqual([effects.Halted(1, 'corrupt-store', 'damaged')],
                         ours.step(effects.TransactionsReady(300, 400)))
        # The transactions are not to blame.
        self.assertEqual([], ours.ledger.pool.refused)

    def test_nothing_is_voted_after_a_failed_write(self):
        ours = scene.Scene(1)
        block = ours.block(['one'])
        ours.hear(ours.proposal(0, block))
        self.assertEqual([], ours.step(effects.PersistFailed(1)))
        self.assertFalse(ours.replica.may_vote)
        for member in (2, 3):
            self.assertEqual([], ours.hear(ours.prepare(member, block)))
        self.assertEqual([('Status', 3)], scene.sent(
            ours.step(effects.PeerConnected(3))))
        for member in (0, 2, 3):
            found = ours.hear(ours.commit(member, block))
        append, = scene.only(found, effects.Append)
        ours.commit_block(append)
        self.assertEqual([], scene.only(
            ours.hear(ours.proposal(0, ours.block(['two']))),
            effects.Persist))

    def test_a_leader_whose_write_failed_proposes_no_more(self):
        ours = scene.Scene(0)
        self.assertEqual([effects.CancelTimer('heartbeat')],
                         ours.step(effects.PersistFailed(1)))
        self.assertEqual([], ours.step(effects.TransactionsReady(300, 1)))

    def restarted(self, ours, member=1, **fields):
        return scene.Scene(member, made=ours.made,
                           ledger=ours.ledger, records=ours.persisted,
                           **fields)

    def test_a_restart_repeats_and_does_not_contradict(self):
        ours = scene.Scene(1)
        one, two = ours.block(['one']), ours.block(['two'])
        ours.write(ours.hear(ours.proposal(0, one)))
        again = self.restarted(ours)
        # The leader now says something else: it is accused, not obeyed.
        found = again.hear(again.proposal(0, two))
        self.assertEqual(['ViewChange'], scene.written(found))
        self.assertEqual(1, len(scene.only(found, effects.Evidence)))

    def test_a_restart_goes_on_with_what_it_had_said(self):
        ours = scene.Scene(1)
        one = ours.block(['one'])
        ours.write(ours.hear(ours.proposal(0, one)))
        again = self.restarted(ours)
        self.assertEqual(
            [('Status', 2), ('Prepare', 2)],
            scene.sent(again.step(effects.PeerConnected(2))))
        again.hear(again.proposal(0, one))
        found = again.write(again.hear(again.prepare(2, one)))
        self.assertEqual([('Commit', None)], scene.sent(found))

    def test_a_restart_after_commit(self):
        ours = scene.Scene(1)
        block = ours.block(['one'])
        ours.write(ours.write(ours.hear(ours.proposal(0, block))
                              + ours.hear(ours.prepare(2, block))))
        again = self.restarted(ours)
        self.assertEqual(
            ['Status', 'Prepare', 'Commit'],
            [kind for kind, _to in scene.sent(
                again.step(effects.PeerConnected(2)))])
        again.hear(again.commit(0, block))
        found = again.hear(again.commit(2, block))
        self.assertEqual(1, len(scene.only(found, effects.Append)))

    def test_a_leader_proposes_the_same_again(self):
        ours = scene.Scene(0)
        ours.pool('one')
        found = ours.write(ours.step(effects.TransactionsReady(300, 400)))
        proposal = scene.only(found, effects.Send)[0].message
        again = self.restarted(ours, 0)
        again.pool('two')
        self.assertEqual([], again.step(effects.TransactionsReady(300, 400)))
        found = again.step(effects.PeerConnected(3))
        self.assertEqual(proposal, scene.only(
            found, effects.Send)[-1].message)

    def test_a_restart_after_the_block_forgets(self):
        ours = scene.Scene(1)
        block = ours.block(['one'])
        ours.write(ours.hear(ours.proposal(0, block)))
        ours.ledger.commit()
        again = self.restarted(ours)
        self.assertEqual(2, again.replica.height)
        self.assertEqual([('Status', 2)], scene.sent(
            again.step(effects.PeerConnected(2))))

    def test_votes_above_the_chain_still_bind(self):
        # The chain on the disk is older than the vote log.
        ours = scene.Scene(1)
        genesis = ledgers.Ledger(ours.made)
        ours.ledger.commit()
        ours.step(effects.BlockCommitted(1))
        one, two = ours.block(['one']), ours.block(['two'])
        ours.write(ours.hear(ours.proposal(0, one)))
        again = scene.Scene(1, made=ours.made, ledger=genesis,
                            records=ours.persisted)
        self.assertEqual(1, again.replica.height)
        genesis.commit()
        again.step(effects.BlockCommitted(1))
        self.assertEqual([('Status', 3), ('Prepare', 3)], scene.sent(
            again.step(effects.PeerConnected(3))))
        found = again.hear(again.proposal(0, two))
        self.assertEqual(['ViewChange'], scene.written(found))

    def test_a_vote_without_its_proposal_is_damage(self):
        ours = scene.Scene(1)
        block = ours.block(['one'])
        ours.write(ours.hear(ours.proposal(0, block)))
        ours.persisted = ours.persisted[1:]
        self.assertRaises(errors.CorruptStore, self.restarted, ours)
        ours.persisted = [b'\x00']
        self.assertRaises(errors.CorruptStore, self.restarted, ours)

    def test_the_view_is_remembered(self):
        ours = scene.Scene(1, start=False)
        ours.step(effects.Start(view=5))
        self.assertEqual((5, 1), (ours.replica.view, ours.replica.leader))
        self.assertEqual(ours.replica.member, ours.replica.leader)
