# SPDX-License-Identifier: Apache-2.0
"""Attack: put an honest member into doubt, so that it votes no more.

The attacker is a member: it may answer hellos with anything, and has all
that the victim ever sent.  It has not the victim's vote key.
"""

import dataclasses

from tacker_ledger.core.consensus import instances
from tacker_ledger.core.consensus import messages
from tacker_ledger.node import greeting
from tacker_ledger.tests import federations
from tacker_ledger.tests.unit.node import test_doubt
from tacker_ledger.transport import link


class TestSilencingByDoubt(test_doubt.DoubtCase):

    def setUp(self):
        super().setUp()
        self.victim = greeting.Greeter(
            self.ledger.application, federations.PROVIDER,
            instances.Claim(b'v' * 16), self.own,
            self.made.sites[self.own].vote_seed, lambda member: None)

    def tell(self, message):
        """Answer the victim's hello with a message that is to be its own."""
        shown = message if isinstance(message, bytes) else (
            messages.encode(message))
        liar = greeting.Greeter(
            self.ledger.application, federations.PROVIDER,
            instances.Claim(b'l' * 16), 0, self.made.sites[0].vote_seed,
            lambda member: shown)
        answer = liar.answer(self.own, link.Greeting(b'v' * 16, b'n' * 16),
                             b'v' * 16)
        self.doubt.shown(self.victim.check_answer(0, b'n' * 16, answer))

    def test_forged_messages(self):
        for forged in (
                dataclasses.replace(self.vote(9), signature=bytes(64)),
                self.vote(9, site=0), self.vote(9, site=1),
                dataclasses.replace(self.vote(3), height=9),
                dataclasses.replace(self.vote(3), height=9, view=7),
                dataclasses.replace(self.vote(9, messages.Commit.KIND),
                                    kind=messages.Prepare.KIND),
                dataclasses.replace(self.change(9), height=10),
                dataclasses.replace(self.change(9, messages.NewView),
                                    view=7)):
            self.tell(forged)
            self.assertEqual('', self.doubt.reason, forged)

    def test_genuine_messages_of_old(self):
        for height in (1, 2, 3):
            self.tell(self.vote(height))
            self.tell(self.vote(height, messages.Commit.KIND))
            self.tell(self.change(height))
        self.assertEqual('', self.doubt.reason)

    def test_genuine_messages_of_another_chain(self):
        """The member's keys serve in two federations."""
        other = federations.genesis(4, label='another')
        self.assertEqual(other.sites[self.own].member.vote_key,
                         self.made.sites[self.own].member.vote_key)
        self.tell(self.vote(9, made=other))
        self.assertEqual('', self.doubt.reason)

    def test_its_own_messages_back(self):
        self.doubt.know([self.record(4)])
        self.doubt.signed([self.record(5),
                           messages.encode(self.change(5))])
        self.tell(self.vote(4))
        self.tell(self.vote(5))
        self.tell(self.change(5))
        self.assertEqual('', self.doubt.reason)

    def test_anothers_messages(self):
        """What another member signed binds that member alone."""
        theirs = dataclasses.replace(self.vote(9, site=1), member=1)
        self.tell(theirs)
        self.assertEqual('', self.doubt.reason)

    def test_heads_that_are_out_of_reach(self):
        """A head that nobody certified does not put the end off for ever."""
        self.doubt.begin('a restored disk')
        for member in (0, 1, 2):
            self.show(member)
        ends = self.doubt.ends_height
        self.doubt.shown(greeting.Shown(0, (b'junk', b'junk'), None))
        self.show(0, head=0)
        self.assertLessEqual(self.doubt.ends_height, ends)
        self.commit(2)
        self.assertEqual('', self.doubt.reason)
