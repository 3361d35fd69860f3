# SPDX-License-Identifier: Apache-2.0
"""Tests of what a node says about itself, with whole nodes in one loop."""

import asyncio
import json

import jsonschema

from tacker_ledger.api import microversion
from tacker_ledger.api.schemas import status as schemas
from tacker_ledger.api import shown
from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.node import conditions
from tacker_ledger.node import notices
from tacker_ledger.node import watch
from tacker_ledger.tests.unit.node import test_service


class Told:
    """Keeps the notices of a node."""

    def __init__(self):
        self.notices = []

    def tell(self, notice):
        json.dumps(notice.versioned)
        self.notices.append(notice)

    def events(self):
        return [notice.event for notice in self.notices]

    def of(self, event):
        return [notice.payload for notice in self.notices
                if notice.event == event]


class WatchCase(test_service.NodeCase):

    def watched(self, node) -> Told:
        """Return where a node's notices go from now on."""
        node.watch._told = told = Told()
        return told

    async def codes(self, node):
        status = await node.facade.status()
        self.assertEqual(status, shown.status(
            status, microversion.MAXIMUM, to_operator=True))
        jsonschema.Draft202012Validator(schemas.OPERATOR_STATUS).validate(
            status)
        self.assertEqual(
            status['not_voting'] == '', status['voting'], status)
        return [one['code'] for one in status['conditions']]


class TestAlone(WatchCase):

    def test_a_node_that_does_well(self):
        async def scenario():
            node = self.nodes.make(0)
            self.nodes.running[0] = node
            self.assertIn(conditions.STARTING, await self.codes(node))
            await node.start()
            self.assertEqual([], await self.codes(node))
            status = await node.facade.status()
            self.assertEqual(['node-0'], status['federation']['members'])
            self.assertEqual({'first': 0, 'last': 0}, status['bodies'])
            self.assertEqual({'count': 0, 'newest': []}, status['evidence'])
            node.refuse()
            self.assertEqual([conditions.STOPPING], await self.codes(node))
        self.run_async(scenario)

    def test_a_store_that_fails_and_is_opened_anew(self):
        async def scenario():
            node, = await self.nodes.start(0)
            told = self.watched(node)
            node.voting.halted('storage-failed', 'No space left on device')
            self.assertEqual([conditions.STORAGE_FAILED],
                             await self.codes(node))
            node.watch.tick()
            node.watch.tick()
            notice, = told.notices
            self.assertEqual(
                ('vnf_ledger.storage_failed.start', True, '1.0'),
                (notice.event_type, notice.is_error,
                 notice.versioned['payload_version']))
            self.assertIn('No space left', notice.payload['message'])
            ongoing = node.watch.ongoing()
            await self.nodes.stop(0)
            after, = await self.nodes.start(0)
            told = self.watched(after)
            after.watch.resume(ongoing)
            after.watch.tick()
            self.assertEqual(['storage_failed.end'], told.events())
            self.assertGreaterEqual(
                told.of('storage_failed.end')[0]['lasted_ms'], 0)
        self.run_async(scenario)

    def test_doubt_begins_and_ends(self):
        async def scenario():
            node, = await self.nodes.start(0)
            told = self.watched(node)
            node.doubt.begin('the vote log is an old copy')
            node.voting.update()
            self.assertEqual([conditions.DOUBT], await self.codes(node))
            node.watch.tick()
            node.doubt.end()
            node.voting.update()
            node.watch.tick()
            self.assertEqual(['doubt.start', 'doubt.end'], told.events())
            self.assertEqual({'ends_height': None},
                             told.of('doubt.start')[0]['details'])
            self.assertEqual([], await self.codes(node))
        self.run_async(scenario)

    def test_a_date_that_comes_near(self):
        async def scenario():
            node, = await self.nodes.start(0, expiry_warning_days=4000)
            told = self.watched(node)
            node.watch._held.clear()
            node.watch.tick()
            self.assertEqual(['expiry.start'], told.events())
            details = told.of('expiry.start')[0]['details']
            self.assertEqual({'certificate', 'ca', 'federation'},
                             set(details['what']))
            status = await node.facade.status()
            self.assertTrue(all(3600 < one['days_left'] < 3660
                                for one in status['expiries']))
            self.assertTrue(status['voting'])
        self.run_async(scenario)

    def test_what_is_kept_of_a_liar(self):
        async def scenario():
            node, = await self.nodes.start(0)
            told = self.watched(node)
            federation = node.application.federation.digest
            votes = [evidence.SignedVote(
                messages.Commit.KIND, bytes([number]) * 32,
                bytes([number]) * 64) for number in (1, 2)]
            record = evidence.Equivocation.of(
                federation, 3, 1, 0, *votes).to_bytes()
            for _ in range(2):
                node.consensus.keep_evidence(record, 0)
            status = await node.facade.status()
            self.assertEqual(
                {'count': 1, 'newest': [{
                    'kind': 'equivocation', 'member': 0, 'height': 3,
                    'view': 1}]}, status['evidence'])
            found, = await node.facade.evidence()
            self.assertEqual(([record.hex()], federation.hex()),
                             (found['messages'], found['federation']))
            self.assertEqual(['evidence.create'], told.events())
            self.assertEqual(0, told.of('evidence.create')[0]['more'])
            # a second lie is kept, and nobody is told so soon
            node.consensus.keep_evidence(evidence.Equivocation.of(
                federation, 4, 0, 0, *votes).to_bytes(), 0)
            found, second = await node.facade.evidence()
            self.assertEqual(4, second['height'])
            self.assertEqual(1, len(told.notices))
            # and after a start
            await self.nodes.stop(0)
            node, = await self.nodes.start(0)
            self.assertEqual([found, second], await node.facade.evidence())
        self.run_async(scenario)

    def test_evidence_that_is_none(self):
        self.assertRaises(errors.CorruptStore, watch.describe_evidence,
                          b'junk')


class TestFour(WatchCase):

    COUNT = 4

    def test_the_story_of_a_view_change(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2, 3)
            told = self.watched(started[1])
            leader = started[1].leader()
            self.assertEqual(0, leader)
            with self.assertLogs(watch.LOG.logger, 'WARNING') as logged:
                await self.nodes.stop(leader)
                one = self.author().template()
                await self.accepted(started[1], one)
                await self.nodes.committed(one)
                await self.nodes.until(lambda: any(
                    'is committed' in line for line in logged.output))
            story = '\n'.join(logged.output)
            self.assertIn('asks for view 1, led by node-1', story)
            self.assertIn('view 1 begins, led by node-1', story)
            self.assertLess(len(logged.output), 30)
            self.assertEqual((1, 'node-1', 1), tuple(
                told.of('view_change.end')[0][name] for name in (
                    'leader', 'leader_name', 'height')))
            status = await started[2].facade.status()
            self.assertEqual(('node-1', 1, False), (
                status['leader_name'], status['views_changed'],
                status['peers'][0]['up']))
        self.run_async(scenario)

    def test_no_quorum_begins_and_ends(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2, 3)
            told = self.watched(started[0])
            with self.assertLogs(watch.LOG.logger, 'INFO') as logged:
                await self.nodes.stop(2, 3)
                await self.nodes.until(
                    lambda: not started[0].voting.has_quorum())
                self.assertIn(conditions.NO_QUORUM,
                              await self.codes(started[0]))
                started[0].watch.tick()
                await self.nodes.start(2)
                await self.nodes.until(started[0].voting.may_vote)
                started[0].watch.tick()
            self.assertEqual(['no_quorum.start', 'no_quorum.end'], [
                event for event in told.events() if 'quorum' in event])
            text = '\n'.join(logged.output)
            self.assertIn('2 of 3 members that decide', text)
            self.assertIn('no-quorum ends after', text)
        self.run_async(scenario)

    def test_who_is_behind_says_so(self):
        async def scenario():
            await self.nodes.start(0, 1, 2)
            author = self.author()
            for _ in range(3):
                one = author.template()
                await self.accepted(self.nodes.running[0], one)
                await self.nodes.committed(one)
            height = self.nodes.running[0].application.head.height
            late = self.nodes.make(3, lag_threshold_blocks=2)
            self.nodes.running[3] = late
            told = self.watched(late)
            # it hears of the others and is kept from following them
            late.sync._stopped = True
            starting = asyncio.create_task(late.start())
            await self.nodes.until(lambda: len(late.sync._claims) == 3)
            await self.nodes.until(lambda: len(late.hub.members_up()) == 3)
            # it looks by itself too, and a busy machine makes more blocks
            await self.nodes.until(lambda: told.of('lag.start'))
            details = told.of('lag.start')[0]['details']
            self.assertEqual(details['lag'], details['height'])
            self.assertGreaterEqual(details['lag'], 2)
            status = await late.facade.status()
            self.assertGreaterEqual(status['lag'], height)
            late.sync._stopped = False
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        self.run_async(scenario)


class TestLogSink(test_service.NodeCase):

    def test_a_notice_without_a_broker(self):
        with self.assertLogs(notices.LOG.logger, 'INFO') as logged:
            notices.LogSink().tell(notices.Notice(
                'lag.start', False, {'lag': 3, 'chain_id': 'ab'}))
        self.assertIn('vnf_ledger.lag.start: {"lag": 3}', logged.output[0])
