# SPDX-License-Identifier: Apache-2.0
"""The base of tests that make real members fail."""

from collections.abc import Iterable
import os
from typing import Any
from typing import ClassVar

from testtools import content

from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional.faults import members as members_module
from tacker_ledger.tests.functional.faults import namespaces
from tacker_ledger.tests.functional.faults import oracle
from tacker_ledger.tests.functional import federation

SOON_SECONDS = members_module.SOON_SECONDS


class FaultsCase(base.TestCase):
    """One federation for a class; each test leaves it whole.

    The oracle looks at all stores after the last test of a class.

    :cvar MEMBERS: arguments of ``members.Members``
    :cvar LIARS: of whom the oracle expects nothing
    :cvar HOOKED: who else runs the program that obeys commands
    """

    TIMEOUT_SCALE = 5
    NODES = 4
    HEARTBEAT_SECONDS = 0.5
    MEMBERS: ClassVar[dict[str, Any]] = {}
    OPTIONS: ClassVar[federation.Options] = {'node': {
        'view_timeout_ms': 400}}
    LIARS: ClassVar[tuple[int, ...]] = ()
    HOOKED: ClassVar[tuple[int, ...]] = ()
    _missing: ClassVar[tuple[str, str] | None] = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accepted: set[bytes] = set()
        cls._missing = namespaces.missing()
        if cls._missing:
            return
        cls.members = members_module.Members(
            cls.NODES, heartbeat_seconds=cls.HEARTBEAT_SECONDS,
            options=cls.OPTIONS, byzantine=(*cls.LIARS, *cls.HOOKED),
            **cls.MEMBERS)
        cls.addClassCleanup(cls.members.close)
        cls.h = cls.members.h

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        if not cls._missing:
            oracle.judge(cls.members, cls.accepted, cls.LIARS)

    def setUp(self):
        super().setUp()
        if self._missing:
            self.skip_missing(*self._missing)
        self.addCleanup(self.show_logs)
        self.addCleanup(self.make_whole)
        self.members.start_all()

    def show_logs(self):
        """Let a failure show what the members said."""
        for index in range(self.members.size):
            lines = self.members.log(index).splitlines()
            self.addDetail(f'node-{index}', content.text_content(
                '\n'.join(line for line in lines
                          if ' Notification ' not in line)[-8000:]))

    def make_whole(self):
        """Undo what a test, or its failure, has left."""
        self.members.network.heal()
        if self.members.relay is not None:
            self.members.relay.shape()
            self.members.relay.resume()
        for index in self.members.up():
            self.members.resume(index)
            if index in self.members.byzantine:
                self.members.tell(index)

    # Steps

    def measured(self, text: str) -> None:
        """Have the run's report show what was measured."""
        self.addDetail('measured', content.text_content(text))
        path = os.environ.get('TACKER_LEDGER_MEASURED_FILE')
        if path:
            with open(path, 'a') as file:
                file.write(f'{self.id()}\n{text}\n')

    def honest(self) -> list[int]:
        """Return who is expected to keep the rules."""
        return [index for index in range(self.members.size)
                if index not in self.LIARS]

    def write(self, count: int = 3, *, through: int | None = None
              ) -> list[bytes]:
        """Have transactions accepted; return their ids."""
        author = authors.Author(self.h)
        written = [author.template() for _ in range(count)]
        index = self.honest()[0] if through is None else through
        self.members.wait_until(
            lambda: self.members.status(index)['has_quorum'], SOON_SECONDS,
            f'node {index} sees a quorum')
        results = self.members.submit(
            index, *(one.submission for one in written))
        self.assertEqual([None] * count,
                         [result.code for result in results], results)
        txids = [one.txid for one in written]
        self.accepted.update(txids)
        return txids

    def assert_progress(self, nodes: Iterable[int] | None = None, *,
                        through: int | None = None) -> None:
        """What is written now is committed by nodes (all running ones)."""
        nodes = list(self.members.up() if nodes is None else nodes)
        self.members.wait_committed(self.write(
            through=nodes[0] if through is None else through), nodes)

    def assert_in_step(self) -> None:
        """All nodes come to one height and go on together."""
        self.members.wait_growth(1)

    def view(self, index: int) -> int:
        """Return a member's view."""
        found: int = self.members.status(index)['view']
        return found

    def leader(self) -> int:
        """Return who leads, once all honest members agree on that."""
        return self.members.agreed_leader(
            [index for index in self.members.up()
             if index not in self.LIARS])

    def give_lead(self, wanted: int) -> None:
        """Let one leader after the other stand still until it is one's turn.
        """
        for _ in range(4 * self.members.size):
            leader = self.leader()
            if leader == wanted:
                return
            others = [index for index in self.members.up()
                      if index != leader]
            before = max(map(self.view, others))
            self.members.pause(leader)
            try:
                # work that waits makes them look at their leader at once
                waiting = self.write(1, through=next(
                    index for index in others if index not in self.LIARS))
                self.members.wait_until(
                    lambda: min(map(self.view, others)) > before,
                    SOON_SECONDS, f'the others leave the view of {leader}')
                self.members.wait_committed(waiting, others)
            finally:
                self.members.resume(leader)
            self.members.wait_committed(waiting)
        self.fail(f'member {wanted} never leads')
