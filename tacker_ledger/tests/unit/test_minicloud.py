# SPDX-License-Identifier: Apache-2.0
"""The manager of the test cloud ends its own processes and no others."""

import json
import os
import subprocess
import sys
import time

from tacker_ledger.tests import base

sys.path.insert(0, str(base.CHECKOUT / 'tools'))
try:
    from minicloudlib import cli
    from minicloudlib import layout
    from minicloudlib import part
    from minicloudlib import processes
finally:
    sys.path.pop(0)


class TestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.where = layout.Layout(
            {'TACKER_LEDGER_MINICLOUD': str(self.make_directory())})


class TestLayout(TestCase):

    def test_ports_are_below_the_ephemeral_range(self):
        self.assertEqual(
            [], [name for name, port in layout.PORTS.items()
                 if port + 1000 > 32768])

    def test_offset(self):
        moved = layout.Layout({
            'TACKER_LEDGER_MINICLOUD': str(self.make_directory()),
            'MINICLOUD_PORT_OFFSET': '100'})
        self.assertEqual(self.where.port('mariadb') + 100,
                         moved.port('mariadb'))

    def test_a_directory_with_blanks_is_refused(self):
        self.assertRaises(ValueError, layout.Layout,
                          {'TACKER_LEDGER_MINICLOUD': '/tmp/a b'})

    def test_passwords_last_and_are_private(self):
        word = self.where.password('a')
        self.assertNotEqual(word, self.where.password('b'))
        again = layout.Layout(
            {'TACKER_LEDGER_MINICLOUD': str(self.where.home)})
        self.assertEqual(word, again.password('a'))
        mode = (self.where.home / 'passwords.json').stat().st_mode
        self.assertEqual(0o600, mode & 0o777)

    def test_in_use(self):
        with self.where.unused() as alone:
            self.assertTrue(alone)
            with self.where.unused() as second:
                self.assertFalse(second)


class TestProcess(TestCase):

    def spawn(self, script: str) -> processes.Process:
        process = processes.Process(self.where, 'example')
        process.spawn(['sh', '-c', script], {}, self.where.home)
        self.addCleanup(process.stop)
        return process

    def test_stop_ends_the_whole_group(self):
        process = self.spawn('sleep 600 & sleep 600')
        while len(process.members()) < 3:
            time.sleep(0.01)
        members = process.members()
        self.assertGreater(process.megabytes(), -1)
        process.stop()
        self.assertFalse(process.alive())
        self.assertEqual([], [pid for pid in members
                              if pid in processes.members(members[0])])
        self.assertFalse(process.record.exists())

    def test_a_group_outlives_its_leader(self):
        process = self.spawn('sleep 600 & exit 0')
        leader = process.group()
        while leader in (process.members() or [leader]):
            time.sleep(0.01)
        self.assertTrue(process.alive())
        process.stop()
        self.assertFalse(process.alive())

    def test_a_stranger_with_a_recorded_number_is_left_alone(self):
        stranger = subprocess.Popen(['sleep', '600'], start_new_session=True)
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        time.sleep(0.05)  # births count in hundredths of a second
        process = self.spawn('sleep 600')
        record = json.loads(process.record.read_text())
        process.stop()
        for change in ({'group': stranger.pid},
                       {'group': stranger.pid, 'boot': 'another'}):
            process.record.write_text(json.dumps({**record, **change}))
            self.assertFalse(process.alive())
            process.stop()
            self.assertIsNone(stranger.poll())


class Sleeper(part.Part):
    """A part that only sleeps."""

    name = 'sleeper'
    process_names = ('sleeper',)
    patience_seconds = 2
    script = 'sleep 600'
    answers = True

    def start(self):
        self.spawn('sleeper', ['sh', '-c', self.script])

    def ready(self):
        return self.answers

    def facts(self):
        return {}


class TestPart(TestCase):

    def make(self, **attributes) -> Sleeper:
        sleeper = Sleeper(self.where)
        for name, value in attributes.items():
            setattr(sleeper, name, value)
        self.addCleanup(sleeper.down)
        return sleeper

    def test_cold_up_warm(self):
        sleeper = self.make()
        self.assertEqual('cold start', sleeper.up())
        self.assertEqual('already up', sleeper.up())
        sleeper.down()
        self.assertFalse(sleeper.alive())
        self.assertEqual('warm start', sleeper.up())

    def test_a_failed_start_leaves_nothing_behind(self):
        sleeper = self.make(answers=False)
        self.assertRaises(part.Failure, sleeper.up)
        self.assertFalse(sleeper.alive())
        sleeper.answers = True
        self.assertEqual('cold start', sleeper.up())

    def test_last_words(self):
        sleeper = self.make(answers=False, script='echo no bed; exit 1')
        raised = self.assertRaises(part.Failure, sleeper.up)
        self.assertIn('no bed', str(raised))


class TestCommand(TestCase):

    def test_needs(self):
        self.assertEqual(['mariadb', 'keystone'],
                         cli.with_needs(['keystone']))
        self.assertEqual(['mariadb', 'keystone'], cli.with_users(['mariadb']))
        self.assertEqual(['rabbitmq'], cli.with_users(['rabbitmq']))

    def test_needs_come_first(self):
        names = list(cli.PARTS)
        for name, kind in cli.PARTS.items():
            for need in kind.needs:
                self.assertLess(names.index(need), names.index(name))

    def test_the_command(self):
        environ = {**os.environ,
                   'TACKER_LEDGER_MINICLOUD': str(self.where.home)}
        command = [sys.executable, str(base.CHECKOUT / 'tools' / 'minicloud')]
        shown = subprocess.run([*command, 'status'], env=environ, text=True,
                               capture_output=True)
        self.assertEqual(1, shown.returncode)
        for name in cli.PARTS:
            self.assertIn(name, shown.stdout)
        wrong = subprocess.run([*command, 'up', 'fridge'], env=environ,
                               text=True, capture_output=True)
        self.assertEqual(2, wrong.returncode)
        self.assertIn('fridge', wrong.stderr)
