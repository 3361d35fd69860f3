# SPDX-License-Identifier: Apache-2.0
"""S17: old copies of a member never cast a second vote, and come back."""

from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import copies
from tacker_ledger.tests.functional import federation


class DoubtCase(base.TestCase):

    TIMEOUT_SCALE = 5
    NODES = 4

    def setUp(self):
        super().setUp()
        self.members = federation.Federation(
            self.NODES, heartbeat_seconds=0.5, init=('--suite', 'ed25519'))
        self.addCleanup(self.members.close)
        self.author = authors.Author(self.members.h)

    def height(self, index):
        return self.members.status(index)['height']

    def commit(self, index):
        """Have a transaction committed that is handed to one node."""
        written = self.author.template()
        before = self.height(index)
        self.members.submit(index, written.submission)
        self.members.wait_height(before + 1, [index])

    def wait_voting(self, index):
        self.members.wait_until(
            lambda: self.members.status(index)['voting'],
            federation.START_SECONDS, f'node {index} votes')

    def dialler(self):
        """Return the member that dials all others, as its copy will."""
        found = self.members.genesis.members
        return min(range(self.NODES),
                   key=lambda index: found[index].node_key.signing)

    def wait_relied(self, witness, index, head, *by):
        """Wait until nodes can show votes that a copy of a member lacks.

        :param head: of the copy, whose log may have votes of the next
            height
        """
        self.members.wait_until(
            lambda: all(witness.relied(index, by=one) > head + 1
                        for one in by),
            what=f'nodes {by} rely on votes that the copy lacks')


class TestStaleStore(DoubtCase):
    """The data of one member is put back to what it was."""

    def test_s17_stale_vote_store(self):
        members = self.members
        with copies.Witness(members) as witness:
            self.commit(0)
            old = copies.snapshot(members, 3)
            stale = copies.head(old)
            for index in (0, 3):
                self.commit(index)
            members.wait_height(stale + 3)
            # three of four: no block without its vote at node 0
            members.kill(1)
            self.wait_relied(witness, 3, stale, 0)
            # its votes of the height in flight are nowhere else certified
            members.pause(2)
            members.submit(3, self.author.template().submission)
            members.kill(3)
            before = self.height(0)
            copies.put_back(members, 3, old)
            members.spawn(3)
            members.wait_until(
                lambda: 'In doubt' in members.log(3), what='node 3 doubts')
            members.resume(2)
            members.start(1)
            members.wait_ready(3)
            # it follows and says why it does not vote, until it does
            members.wait_until(
                lambda: self.seen(3), what='node 3 says why')
            self.wait_voting(3)
            status = members.status(3)
            self.assertGreaterEqual(status['height'], before + 2)
            self.assertEqual(('', None), (status['doubt'],
                                          status['doubt_ends_height']))
            again = witness.voted(3)
            members.wait_until(lambda: witness.voted(3) > again + 1,
                               what='node 3 votes again')
            self.assertIn('which its log lacks', members.log(3))
            self.assertIn('Doubt ends at height', members.log(3))
        witness.assert_no_second_vote()

    def seen(self, index):
        """Return whether a node is in doubt and says so, or was."""
        status = self.members.status(index)
        if status['voting']:
            return True
        self.assertIn('which its log lacks', status['not_voting'])
        return status['doubt_ends_height'] is not None

    def test_s17_doubt_outlives_a_restart(self):
        """A node in doubt that is killed is in doubt when it comes back."""
        members = self.members
        with copies.Witness(members) as witness:
            old = copies.snapshot(members, 3)
            # three of four: no block without its vote at nodes 0 and 2
            members.kill(1)
            self.wait_relied(witness, 3, copies.head(old), 0, 2)
            members.kill(3)
            copies.put_back(members, 3, old)
            # with two others alone nothing moves, so doubt cannot end
            members.spawn(3)
            members.wait_until(
                lambda: 'In doubt' in members.log(3), what='node 3 doubts')
            members.kill(3)
            for index in (0, 2):
                members.kill(index)
            # nobody remembers its votes now, but its own disk does
            logged = len(members.log(3))
            members.start_all()
            self.assertIn('In doubt', members.log(3)[logged:])
            self.wait_voting(3)
            members.wait_height(copies.head(old) + 6)
        witness.assert_no_second_vote()


class TestTwoCopies(DoubtCase):
    """A copy of a running member is started beside it."""

    def test_s17_a_copy_in_doubt_gives_way(self):
        """It may be linked first, but who claims the identity is held."""
        members = self.members
        own = self.dialler()
        other, *rest = sorted(set(range(4)) - {own})
        with copies.Witness(members) as witness:
            copy = copies.Copy(members, own, copies.snapshot(members, own))
            self.addCleanup(copy.kill)
            stale = copies.head(copy.data)
            witness.watch(copy.data)
            # three of four: no block without its vote at who stays
            members.kill(rest[0])
            self.wait_relied(witness, own, stale, other)
            # two of four decide nothing, so the copy stays in doubt
            for index in (rest[1], own):
                members.kill(index)
            copy.start()
            members.wait_until(
                lambda: self.instance_at(other, own) == '00' * 16,
                what='the copy is linked and claims nothing')
            self.assertIn('which its log lacks', copy.log())
            members.start(own)
            instance = members.status(own)['instance']
            members.wait_until(
                lambda: self.instance_at(other, own) == instance,
                what='the original is held again')
            for index in rest:
                members.start(index)
            self.wait_voting(own)
            members.wait_height(self.height(other) + 2)
            self.assertFalse(copy.status()['voting'])
            self.assertEqual(instance, self.instance_at(other, own))
        witness.assert_no_second_vote()

    def instance_at(self, index, of):
        """Return the instance that a node holds for a member."""
        found, = (peer['instance'] for peer in self.members.call(
            index, 'peers') if peer['member'] == of)
        return found

    def test_s17_two_copies_of_one_node(self):
        members = self.members
        own = self.dialler()
        with copies.Witness(members) as witness:
            self.commit(0)
            copy = copies.Copy(members, own, copies.snapshot(members, own))
            self.addCleanup(copy.kill)
            stale = copies.head(copy.data)
            witness.watch(copy.data)
            others = set(range(4)) - {own}
            members.wait_until(
                lambda: any(witness.relied(own, by=index) > stale + 1
                            for index in others),
                what='others rely on votes that the copy lacks')
            instance = members.status(own)['instance']
            copy.start()
            members.wait_until(
                lambda: copy.status() is not None
                and 'another process' in copy.status()['not_voting'],
                what='the copy is turned away')
            # the original goes on voting, the copy never does
            for _ in range(3):
                self.commit(own)
                self.assertTrue(members.status(own)['voting'])
                self.assertFalse(copy.status()['voting'])
            for index in others:
                held = members.call(index, 'peers')
                self.assertIn(instance, [peer['instance'] for peer in held])
            # when it misses its pings the copy takes over, in doubt first
            members.pause(own)
            members.wait_until(lambda: copy.status()['voting'],
                               what='the copy votes')
            self.assertIn('In doubt', copy.log())
            self.assertIn('Doubt ends at height', copy.log())
            # and the original wakes up to find that it comes too late
            members.resume(own)
            members.wait_until(
                lambda: 'another process' in members.status(own)[
                    'not_voting'], what='the original is turned away')
            at = self.height((own + 1) % 4)
            members.wait_height(at + 2, [(own + 1) % 4])
            self.assertFalse(members.status(own)['voting'])
            self.assertTrue(copy.status()['voting'])
            # it does not know what the copy has voted, and is told so
            copy.kill()
            members.wait_until(lambda: 'In doubt' in members.log(own),
                               what='the original doubts')
            self.wait_voting(own)
            members.wait_height(at + 4)
        witness.assert_no_second_vote()


class TestTwoCopiesOfFive(DoubtCase):
    """A quorum goes on without the member whose copies quarrel."""

    NODES = 5

    def test_s17_two_copies_that_start_together(self):
        """One of them votes, and the other one once that is gone."""
        members = self.members
        own = self.dialler()
        others = sorted(set(range(self.NODES)) - {own})
        with copies.Witness(members) as witness:
            self.commit(own)
            members.stop(own)
            copy = copies.Copy(members, own, copies.snapshot(members, own))
            self.addCleanup(copy.kill)
            witness.watch(copy.data)
            members.spawn(own)
            copy.start()
            both = {'original': lambda: self.status_or_none(own),
                    'copy': copy.status}
            members.wait_until(lambda: self.one_votes(both),
                               what='one of two votes')
            winner = next(name for name, status in both.items()
                          if status()['voting'])
            loser, = set(both) - {winner}
            # its vote is needed, and it is there
            members.kill(others[-1])
            at = self.height(others[0])
            members.wait_height(at + 3, others[:-1])
            self.assertTrue(both[winner]()['voting'])
            self.assertFalse(both[loser]()['voting'])
            members.start(others[-1])
            self.wait_voting(others[-1])
            # the other one follows, in doubt until it may know all
            if winner == 'copy':
                copy.kill()
            else:
                members.kill(own)
            members.wait_until(lambda: both[loser]()['voting'],
                               what='the other one votes')
            members.wait_height(self.height(others[0]) + 2, others)
        witness.assert_no_second_vote()

    def status_or_none(self, index):
        """Return the status of a node, None while it starts."""
        if not (self.members.data(index) / 'node.sock').exists():
            return None
        return self.members.status(index)

    def one_votes(self, both):
        """Return whether one votes and the other one knows of it."""
        found = [status() for status in both.values()]
        return None not in found and sorted(
            one['voting'] for one in found) == [False, True] and any(
            'another process' in one['not_voting'] for one in found)


class TestTwoMembers(DoubtCase):
    """Nobody can tell a member of two what it has forgotten."""

    NODES = 2

    def test_s17_two_members_need_the_flag(self):
        members = self.members
        with copies.Witness(members) as witness:
            self.commit(0)
            old = copies.snapshot(members, 1)
            self.wait_relied(witness, 1, copies.head(old), 0)
            members.stop(1)
            copies.put_back(members, 1, old)
            members.start(1)
            before = self.height(0)
            members.wait_height(before, [1])
            members.wait_until(
                lambda: 'which its log lacks' in members.status(1)[
                    'not_voting'], what='node 1 says why')
            status = members.status(1)
            self.assertIsNone(status['doubt_ends_height'])
            self.assertFalse(status['voting'])
            members.stop(1)
            members.configure(1, {'node': {'end_doubt': True}})
            members.start(1)
            members.wait_height(before + 2)
            self.assertIn('overruled', members.log(1))
            # for one start: the next one has nothing to overrule
            members.stop(1)
            members.configure(1, {'node': {'end_doubt': False}})
            members.start(1)
            members.wait_height(self.height(0) + 1)
            self.assertEqual('', members.status(1)['doubt'])
        self.assertNotEqual({}, witness.votes)
