# SPDX-License-Identifier: Apache-2.0
"""S16 with real processes and TLS: one that is behind, and its sources.

Member 0 votes honestly and lies to whoever catches up.  It is the only one
that member 3 reaches at first; the others come when it has been found out,
and the chain moves on meanwhile.
"""

import contextlib
import pathlib
import shutil
import subprocess
import sys
import threading

from testtools import content

from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import federation

LIAR, HONEST, BEHIND = 0, (1, 2), 3
BLOCKS = 8


class Members(federation.Federation):
    """Processes, of which one may be told to lie."""

    lie = ''

    def spawn(self, index: int) -> subprocess.Popen[bytes]:
        if index != LIAR or not self.lie:
            return super().spawn(index)
        with open(self.log_file(index), 'ab') as log:
            process = subprocess.Popen(
                [sys.executable, '-m',
                 'tacker_ledger.tests.functional.lying_source', self.lie,
                 '--config-file', str(self.config_file(index))],
                cwd=base.CHECKOUT, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)
        self._processes[index] = process
        return process


class Load(threading.Thread):
    """Submits at an honest member until stopped."""

    def __init__(self, members: Members, author: authors.Author):
        super().__init__(daemon=True)
        self._members = members
        self._author = author
        self._ended = threading.Event()
        self.written: list[authors.Written] = []

    def run(self) -> None:
        while not self._ended.wait(0.05):
            one = self._author.template(50)
            try:
                result, = self._members.submit(HONEST[0], one.submission)
            except Exception:  # noqa: BLE001 - paused, or not there yet
                continue
            if result.code is None:
                self.written.append(one)

    def end(self) -> None:
        self._ended.set()
        self.join(30)


class CatchingUpCase(base.TestCase):
    TIMEOUT_SCALE = 5
    THRESHOLD = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.members = Members(4, heartbeat_seconds=60.0, options={'node': {
            'snapshot_threshold_blocks': cls.THRESHOLD,
            'sync_timeout_seconds': 2.0, 'fsync': False}})
        cls.addClassCleanup(cls.members.close)
        cls.author = authors.Author(cls.members.h)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.show_logs)

    def show_logs(self):
        for index in range(self.members.size):
            self.addDetail(f'node-{index}', content.text_content(
                self.members.log(index)[-6000:]))
            if self.members.running(index):
                self.members.resume(index)

    def commit(self, count, at=1):
        """Commit blocks of one transaction each."""
        for _ in range(count):
            one = self.author.template(50)
            result, = self.members.submit(at, one.submission)
            self.assertIsNone(result.code, result.message)
            height = self.members.status(at)['height']
            self.members.wait_until(
                lambda h=height: self.members.status(at)['height'] > h
                or self.members.status(at)['pool']['transactions'] == 0,
                30.0, 'a block')

    def fall_behind(self, lie, blocks, *, empty):
        """Have member 3 miss blocks, and member 0 tell this lie."""
        members = self.members
        if members.running(BEHIND):
            members.stop(BEHIND)
        if members.running(LIAR):
            members.kill(LIAR)
        members.lie = lie
        members.start(LIAR)
        members.wait_until(lambda: all(
            members.status(index)['has_quorum'] for index in (0, 1, 2)),
            60.0, 'a quorum')
        self.commit(blocks)
        if empty:
            shutil.rmtree(pathlib.Path(members.data(BEHIND)))

    def lies(self, lie, *, empty=False, blocks=BLOCKS):
        """Let member 3 come back while member 0 tells it this lie."""
        members = self.members
        self.fall_behind(lie, blocks, empty=empty)
        before = len(members.log(BEHIND))
        load = Load(members, self.author)
        load.start()
        for index in HONEST:
            members.pause(index)
        members.spawn(BEHIND)
        try:
            members.wait_until(
                lambda: f'Member {LIAR} is no good source' in members.log(
                    BEHIND)[before:], 60.0, f'{lie} is found out')
        finally:
            for index in HONEST:
                members.resume(index)
        members.wait_ready(BEHIND)
        self.in_step()
        load.end()
        return members.log(BEHIND)[before:]

    def in_step(self):
        """Wait until member 3 stands where an honest one stands."""
        def same():
            found = [self.members.status(index) for index in (1, BEHIND)]
            return len({(one['height'], one['head_digest'])
                        for one in found}) == 1
        self.members.wait_until(same, 60.0, 'member 3 has caught up')

    def votes(self):
        """Demand that member 3 takes part: without it nothing is decided.
        """
        members = self.members
        members.lie = ''
        if not members.running(LIAR):
            members.start(LIAR)
        self.commit(5)  # with an empty disk it has been in doubt
        members.wait_until(
            lambda: members.status(BEHIND)['voting'], 60.0, 'it votes')
        members.stop(2)
        members.wait_until(lambda: members.status(1)['has_quorum'], 60.0,
                           'a quorum with member 3')
        before = members.status(1)['height']
        one = self.author.template(50)
        result, = members.submit(1, one.submission)
        self.assertIsNone(result.code, result.message)
        members.wait_height(before + 1, (1, BEHIND))
        members.start(2)


class TestBlocks(CatchingUpCase):
    """Every block is replayed."""

    def test_s16_forged_blocks(self):
        self.assertIn('bad-', self.lies('forge'))
        self.votes()

    def test_s16_truncated_answers(self):
        self.assertIn('truncated', self.lies('truncate'))

    def test_s16_withheld_blocks(self):
        self.assertIn('not-found', self.lies('withhold'))

    def test_s16_a_source_that_stalls(self):
        self.assertIn('timeout', self.lies('stall'))

    def test_s16_a_source_that_dies_midway(self):
        self.assertIn('no-node', self.lies('die'))
        self.assertFalse(self.members.running(LIAR))
        self.votes()


class TestSnapshots(CatchingUpCase):
    """An empty disk, and a state to take from somebody."""

    THRESHOLD = 5

    def joins(self, lie, code):
        log = self.lies(lie, empty=True)
        self.assertIn(code, log)
        self.assertIn('came as a snapshot', log)
        begins_at = self.members.status(BEHIND)['index_begins_at']
        self.assertGreater(begins_at, self.THRESHOLD)
        self.members.wait_until(
            lambda: self.members.status(BEHIND)['bodies']['first']
            == begins_at, 30.0, 'it says what it holds')

    def test_s16_a_changed_value(self):
        self.joins('changed', 'bad-proof')
        self.votes()

    def test_s16_an_endless_state(self):
        self.joins('endless', 'bad-proof')

    def test_s16_an_old_state(self):
        self.joins('stale', 'stale-head')

    def test_s16_a_holder_that_dies_midway(self):
        self.joins('exit', 'no-node')
        self.votes()

    def test_s16_a_joiner_that_is_killed_midway(self):
        """It comes back, keeps nothing of the half, and joins."""
        members = self.members
        self.fall_behind('slow', BLOCKS, empty=True)
        before = len(members.log(BEHIND))
        half = members.data(BEHIND) / 'incoming-snapshot'

        def made():
            with contextlib.suppress(FileNotFoundError):
                return half.stat().st_ctime_ns
            return 0
        members.configure(BEHIND, {'node': {'sync_timeout_seconds': 30.0}})
        for index in HONEST:
            members.pause(index)
        try:
            for _ in range(2):
                earlier = made()
                members.spawn(BEHIND)
                members.wait_until(lambda seen=earlier: made() > seen, 60.0,
                                   'a snapshot comes')
                members.kill(BEHIND)
                self.assertTrue(half.exists())
        finally:
            members.kill(LIAR)
            for index in HONEST:
                members.resume(index)
        members.configure(BEHIND, {'node': {'sync_timeout_seconds': 2.0}})
        members.lie = ''
        members.start(LIAR)
        self.assertNotIn('came as a snapshot', members.log(BEHIND)[before:])
        members.start(BEHIND)
        self.in_step()
        self.assertIn('came as a snapshot', members.log(BEHIND)[before:])
        self.assertFalse(half.exists())
        self.votes()
