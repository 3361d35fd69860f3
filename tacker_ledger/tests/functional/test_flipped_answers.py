# SPDX-License-Identifier: Apache-2.0
"""Each byte class of a real node's answers is flipped, for a real agent.

A program with a member's real keys stands between the agent and an honest
node of a real federation. Whatever it changes, it signs.
"""

import dataclasses
import re

from tacker_ledger.core.configuration import bootstrap
from tacker_ledger.tests.functional import byzantine_door
from tacker_ledger.tests.functional import federation
from tacker_ledger.tests.functional import test_agent_and_nodes

LIAR, HONEST = 3, 1
#: What is flipped, and the refusals that may name it.
REFUSALS = {
    'head-height': {'bad-answer', 'bad-certificate'},
    'forged-block': {'bad-certificate'},
    'state-root': {'bad-certificate'},
    'head-time': {'bad-answer', 'bad-certificate'},
    'certificate': {'bad-certificate'},
    'nothing': {'bad-proof'},
    'value': {'bad-proof'},
    'proof': {'bad-proof'},
    'transactions': {'bad-hash', 'history-incomplete', 'bad-signature',
                     'malformed', 'bad-answer'},
    'withheld': {'history-incomplete', 'not-found'},
    'signature': {'bad-answer'},
}
_CODE = re.compile(r'gives no acceptable answer, ([a-z-]+): '
                   r'(?!The node says that there is no such)')


class TestFlippedAnswers(test_agent_and_nodes.AgentAndNodesCase):
    """One agent, one node, one lie after the other."""

    TIMEOUT_SCALE = 6

    def document(self) -> bootstrap.Bootstrap:
        """Return a document which names the lying node alone."""
        door = byzantine_door.ByzantineDoor(
            self.nodes.home(LIAR), self.nodes.url(HONEST),
            self.h.chain_id, LIAR)
        ports = federation.PortRange(1)
        self.addCleanup(ports.close)
        server = byzantine_door.serve(door, self.nodes.home(LIAR),
                                      '127.0.0.1', ports.start)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.door = door
        return dataclasses.replace(super().document(), nodes=(
            bootstrap.Node(f'https://127.0.0.1:{ports.start}', LIAR),))

    def codes(self, start: int) -> list[str]:
        """Return what the agent's log names since a place in it.

        That its receipt is not on the chain yet is no lie of anybody's.
        """
        return _CODE.findall(self.agent.output()[start:])

    def test_each_byte_class(self):
        """It is refused by its name, and nothing changes meanwhile."""
        # While nothing is addressed to it: an absence made a presence.
        self.door.set_mode('absence')
        self.wait_for(lambda: self.codes(0))
        self.assertEqual({'bad-proof'}, set(self.codes(0)))
        self.door.set_mode('honest')
        one = self.configure(b'start')
        self.wait_for(self.applied(b'start'))
        before = b'start'
        misses = []
        for vid, (mode, allowed) in enumerate(REFUSALS.items(), 2):
            place = len(self.agent.output())
            self.door.set_mode(mode)
            data = mode.encode()
            self.configure(data, vid=vid, cid=one.content.cid)
            self.wait_for(lambda place=place: self.codes(place))
            named = set(self.codes(place))
            if not named <= allowed:
                misses.append((mode, named))
            if self.target.read_bytes() != before:
                misses.append((mode, 'it was applied'))
            self.door.set_mode('honest')
            self.wait_for(self.applied(data))
            before = data
        self.assertEqual([], misses)
