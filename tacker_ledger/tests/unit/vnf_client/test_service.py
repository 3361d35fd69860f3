# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent as a whole, against a simulated federation."""

from tacker_ledger.core.ledger import payload
from tacker_ledger.tests import agent_case


class TestMainPath(agent_case.AgentCase):

    def test_a_configuration_is_applied_and_told(self):
        one = self.author(self.configuration(b'drop tcp'))
        height = self.commit(one)
        self.poll()
        self.assertEqual(b'drop tcp', self.vnf.content())
        (receipt,) = self.receipts()
        self.assertEqual(
            (one.txid, payload.Outcome.APPLIED, '', height,
             ((one.content.cid, 1),)),
            (receipt.about_txid, receipt.outcome, receipt.code,
             receipt.head_height, receipt.effective))
        self.poll()
        self.assertEqual((), self.vnf.state.outbox)
        self.assertEqual([], self.receipts())
