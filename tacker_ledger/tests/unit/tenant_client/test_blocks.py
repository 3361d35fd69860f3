# SPDX-License-Identifier: Apache-2.0
"""Blocks, proven."""

import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.tenant_client import blocks
from tacker_ledger.tests.unit.tenant_client import simulator


class TestBlocks(simulator.TenantCase):
    """By their own certificate or by their successors'."""

    def setUp(self):
        super().setUp()
        self.vnf('a')
        self.written = self.create()
        self.subject = self.tenant.blocks

    def test_with_transactions(self):
        height = self.written.proven.placed.height
        view = self.subject.read(height)
        self.assertEqual([self.written.txid],
                         [item.txid for item in view.transactions])
        self.assertEqual((height, 3, 3), (view.proven_by, view.quorum,
                                          len(view.signers)))
        self.assertEqual((), self.subject.read(height, False).transactions)

    def test_genesis(self):
        view = self.subject.read(0)
        self.assertEqual(((), 0), (view.signers, view.proven_by))

    def test_heartbeats_without_certificates(self):
        height = self.chain.height
        for _ in range(3):
            self.doors.commit()
        for gone in (height + 1, height + 2):
            self.chain.blocks[gone] = dataclasses.replace(
                self.chain.blocks[gone], certificate=b'')
        self.assertEqual(height + 3,
                         self.subject.read(height + 1).proven_by)
        self.chain.blocks[height + 3] = dataclasses.replace(
            self.chain.blocks[height + 3], certificate=b'')
        self.assertRaises(errors.NotFound, self.subject.read, height + 1)

    def test_a_successor_that_is_none(self):
        height = self.chain.height
        self.doors.commit()
        self.doors.commit()
        self.chain.blocks[height + 1] = dataclasses.replace(
            self.chain.blocks[height + 1], certificate=b'')
        self.chain.blocks[height + 2] = self.chain.blocks[height]
        self.assertRaises(errors.BadBlock, self.subject.read, height + 1)

    def test_what_is_not_there(self):
        self.assertRaises(errors.NotFound, self.subject.read, 99)
        self.assertRaises(errors.BadOption, self.subject.read, -1)

    def test_lies(self):
        height = self.written.proven.placed.height
        for lie in (lambda body: (self.doors._pair(height - 1), body[1]),
                    lambda body: (body[0], ()),
                    lambda body: (body[0], None),
                    lambda body: ((body[0][0], b'junk'), body[1])):
            self.doors.lies = dict.fromkeys(
                range(4), lambda what, body, lie=lie:
                lie(body) if what == 'block' else body)
            self.assertRaises(errors.ProofError, self.subject.read, height)

    def test_the_search_for_a_certificate_is_bounded(self):
        self.assertLessEqual(blocks._SUCCESSORS_MAX_COUNT, 1000)
