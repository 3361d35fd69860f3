# SPDX-License-Identifier: Apache-2.0
"""Three honest members and one that lies, with real keys over real TLS."""

from tacker_ledger.tests.functional.faults import case
from tacker_ledger.tests.functional.faults import lies
from tacker_ledger.tests.functional.faults import oracle

LIAR = 3


class ByzantineCase(case.FaultsCase):
    LIARS = (LIAR,)
    OPTIONS = {'node': {'view_timeout_ms': 300, 'view_timeout_max_ms': 4000,
                        'sync_timeout_seconds': 0.5}}

    def wait_told(self) -> list[list]:
        """Return what the liar has told, once it has told something."""
        found = []

        def told() -> bool:
            found[:] = self.members.tell(LIAR, look=True)['told']
            return bool(found)
        self.members.wait_until(told, case.SOON_SECONDS, 'the liar lies')
        return found

    def assert_left(self, view: int) -> None:
        """The honest members go to a later view and on."""
        self.members.wait_until(
            lambda: all(self.view(index) > view for index in self.honest()),
            case.SOON_SECONDS, f'view {view} is left')
        self.assert_progress(self.honest())

    def digest_at(self, height: int) -> str:
        """Return the digest of the committed block, at all honest members.
        """
        self.members.wait_heights(height, self.honest())
        digests = set()
        for index in self.honest():
            (header, _), _ = self.members.reader(index).block(
                height, body=False)
            digests.add(lies.block_module.header_digest(self.h, header))
        self.assertEqual(1, len(digests))
        return digests.pop().hex()


class TestByzantineLeader(ByzantineCase):

    def equivocate(self, how: str) -> tuple[int, int]:
        """Return height and view at which the liar proposed two blocks."""
        self.give_lead(LIAR)
        self.members.tell(LIAR, lie=how)
        waiting = self.write()
        height, view = self.wait_told()[0][:2]
        self.members.wait_until(
            lambda: len(self.wait_told()[0]) == 4, case.SOON_SECONDS,
            'both blocks are sent')
        digests = self.wait_told()[0][2:]
        self.assertEqual(2, len(set(digests)))
        self.members.wait_committed(waiting, self.honest())
        # at most one of the two, the same everywhere
        self.digest_at(height)
        self.members.tell(LIAR)
        return height, view

    def convicted_by(self, height: int) -> list[int]:
        """Return the honest members that keep the proof."""
        return [index for index in self.honest() if any(
            (proof.member, proof.height) == (LIAR, height)
            for proof in oracle.proofs(self.members, index))]

    def test_s01_leader_equivocates(self):
        """S1: one block to some, another one to the rest."""
        height, view = self.equivocate('equivocate')
        self.assert_left(view)
        # nobody was sent both: what was prepared shows it
        self.members.wait_until(
            lambda: bool(self.convicted_by(height)), case.SOON_SECONDS,
            'somebody keeps the evidence')

    def test_s01_leader_equivocates_openly(self):
        """S1: both blocks to all; each honest member keeps the proof."""
        height, view = self.equivocate('equivocate-openly')
        self.members.wait_until(
            lambda: self.convicted_by(height) == self.honest(),
            case.SOON_SECONDS, 'all keep the evidence')
        self.assert_left(view)

    def test_s05_new_view_of_false_view_changes(self):
        """S5: forged, omitted, fabricated view changes in a new view."""
        before = (LIAR - 1) % self.members.size
        for name in lies.NEW_VIEWS:
            self.give_lead(before)
            self.members.tell(LIAR, lie=f'new-view-{name}')
            self.members.pause(before)
            try:
                (_height, view), = self.wait_told()
            finally:
                self.members.resume(before)
            self.assertEqual(LIAR, view % self.members.size)
            self.assert_left(view)
            self.members.tell(LIAR)

    def test_s08_leader_proposes_what_is_not_valid(self):
        """S8: refused before prepare, the view changes, nobody crashes."""
        self.assert_progress()
        pids = [self.members.pid(index) for index in self.honest()]
        for name in lies.PROPOSALS:
            self.give_lead(LIAR)
            self.members.tell(LIAR, lie=f'proposal-{name}')
            waiting = self.write()
            height, view, digest = self.wait_told()[0]
            self.assert_left(view)
            self.members.wait_committed(waiting, self.honest())
            self.assertNotEqual(digest, self.digest_at(height), name)
            self.members.tell(LIAR)
        self.assertEqual(pids, [self.members.pid(index)
                                for index in self.honest()])
