# SPDX-License-Identifier: Apache-2.0
"""Tests of the applier ``file``."""

import os
import stat
import sys

from tacker_ledger.core import errors
from tacker_ledger.tests import base as tests_base
from tacker_ledger.vnf_client.appliers import base
from tacker_ledger.vnf_client.appliers import file


def item(target: str, data: bytes, number: int = 1) -> base.Item:
    return base.Item(bytes([number]) * 16, 1, target, data)


class TestFileApplier(tests_base.TestCase):

    def setUp(self):
        super().setUp()
        self.root = self.make_directory()
        self.path = self.root / 'firewall.conf'
        self.other = self.root / 'dns.conf'
        self.log = self.root / 'reloads'
        self.applier = self.make()

    def make(self, **options) -> file.FileApplier:
        options.setdefault('reloads', {'firewall': self.append('reloaded')})
        return file.FileApplier(
            {'firewall': str(self.path), 'dns': str(self.other)},
            timeout_seconds=20, **options)

    def append(self, word: str) -> tuple[str, ...]:
        return (sys.executable, '-c',
                f'open({str(self.log)!r}, "a").write({word!r} + "\\n")')

    def reloads(self) -> int:
        return (len(self.log.read_text().splitlines())
                if self.log.exists() else 0)

    def apply(self, previous, items, applier=None):
        applier = applier or self.applier
        change = base.Change(tuple(previous), tuple(items))
        applier.check(change)
        applier.apply(change, self.baseline)
        return change

    @property
    def baseline(self) -> bytes:
        if not hasattr(self, '_baseline'):
            self._baseline = self.applier.snapshot()
        return self._baseline

    def test_writes_replaces_and_withdraws(self):
        self.path.write_bytes(b'as delivered')
        self.path.chmod(0o640)
        baseline = self.baseline
        one, two = item('firewall', b'one'), item('firewall', b'two', 2)
        self.apply([], [one])
        self.assertEqual(b'one', self.path.read_bytes())
        self.assertEqual(0o640, stat.S_IMODE(self.path.stat().st_mode))
        self.apply([one], [one, two])
        self.assertEqual(b'two', self.path.read_bytes())
        self.apply([one, two], [])
        self.assertEqual(b'as delivered', self.path.read_bytes())
        self.assertEqual(3, self.reloads())
        self.assertEqual(baseline, self.applier.snapshot())

    def test_a_new_file_is_private_and_goes_when_withdrawn(self):
        baseline = self.baseline
        dns = item('dns', b'x')
        self.apply([], [dns])
        self.assertEqual(0o600, stat.S_IMODE(self.other.stat().st_mode))
        self.apply([dns], [])
        self.assertFalse(self.other.exists())
        self.assertEqual(baseline, self.applier.snapshot())

    def test_what_has_not_changed_is_left_alone(self):
        one = item('firewall', b'one')
        self.apply([], [one])
        before = self.path.stat().st_ino
        self.apply([one], [one, item('dns', b'y')])
        self.assertEqual(before, self.path.stat().st_ino)
        self.assertEqual(1, self.reloads())

    def test_concatenated(self):
        applier = self.make(concatenated=['firewall'])
        items = [item('firewall', b'base\n'), item('firewall', b'own\n', 2)]
        self.apply([], items, applier)
        self.assertEqual(b'base\nown\n', self.path.read_bytes())
        self.assertTrue(applier.holds(items))
        self.assertFalse(applier.holds(items[:1]))

    def test_dry_run_refuses_and_changes_nothing(self):
        refusing = self.make(checks={'firewall': (
            sys.executable, '-c',
            'import sys; sys.exit("bad" in open(sys.argv[1]).read())')})
        self.apply([], [item('firewall', b'good')], refusing)
        for items in ([item('firewall', b'bad')], [item('shadow', b'x')],
                      [item('firewall', b'x' * (file.FILE_MAX_BYTES + 1))]):
            self.assertRaises(errors.DryRunFailed, refusing.check,
                              base.Change((), tuple(items)))
        self.assertEqual(b'good', self.path.read_bytes())
        self.assertEqual(['firewall.conf', 'reloads'],
                         sorted(os.listdir(self.root)))

    def test_a_directory_in_the_way(self):
        self.other.mkdir()
        self.assertRaises(errors.DryRunFailed, self.applier.check,
                          base.Change((), (item('dns', b'x'),)))

    def test_restore_from_anywhere_in_between(self):
        self.path.write_bytes(b'old')
        snapshot = self.applier.snapshot()
        change = base.Change((), (item('firewall', b'new'),
                                  item('dns', b'new', 2)))
        # before, half-way and after
        self.applier.restore(snapshot, change)
        self.path.write_bytes(b'new')
        self.applier.restore(snapshot, change)
        self.assertEqual(b'old', self.path.read_bytes())
        self.applier.apply(change, snapshot)
        self.applier.restore(snapshot, change)
        self.assertEqual(b'old', self.path.read_bytes())
        self.assertFalse(self.other.exists())

    def test_a_failing_reload_fails_the_apply(self):
        applier = self.make(reloads={'firewall': (
            sys.executable, '-c', 'import sys; sys.exit("no daemon")')})
        error = self.assertRaises(errors.ApplyFailed, self.apply, [],
                                  [item('firewall', b'x')], applier)
        self.assertIn('no daemon', error.message)
        self.assertRaises(errors.RevertFailed, applier.restore, self.baseline,
                          base.Change((), (item('firewall', b'x'),)))

    def test_a_link_is_kept(self):
        real = self.root / 'real.conf'
        real.write_bytes(b'old')
        self.path.symlink_to(real)
        self.apply([], [item('firewall', b'new')])
        self.assertTrue(self.path.is_symlink())
        self.assertEqual(b'new', real.read_bytes())

    def test_holds(self):
        one = item('firewall', b'one')
        self.assertFalse(self.applier.holds([one]))
        self.apply([], [one])
        self.assertTrue(self.applier.holds([one]))
        self.path.unlink()
        self.assertFalse(self.applier.holds([one]))
        self.assertEqual([], self.applier.observe())

    def test_wrong_options(self):
        for targets, options in (
                ({'a': 'relative'}, {}),
                ({'a': '/x', 'b': '/x'}, {}),
                ({'a': '/x'}, {'checks': {'b': ('true',)}}),
                ({'a': '/x'}, {'reloads': {'b': ('true',)}}),
                ({'a': '/x'}, {'concatenated': ['b']}),
                ({str(n): f'/{n}' for n in range(65)}, {})):
            self.assertRaises(errors.BadOption, file.FileApplier, targets,
                              **options)
