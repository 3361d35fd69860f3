# SPDX-License-Identifier: Apache-2.0
"""Tests of the applier ``command``."""

import sys

from tacker_ledger.core import errors
from tacker_ledger.tests import base as tests_base
from tacker_ledger.vnf_client.appliers import base
from tacker_ledger.vnf_client.appliers import command


def item(target: str, data: bytes, number: int = 1) -> base.Item:
    return base.Item(bytes([number]) * 16, 1, target, data)


class TestCommandApplier(tests_base.TestCase):
    """Against a program whose state is a file."""

    def setUp(self):
        super().setUp()
        self.path = self.make_directory() / 'state'
        path = repr(str(self.path))

        def program(code: str) -> tuple[str, ...]:
            return (sys.executable, '-c', 'import sys, os, pathlib\n'
                    f'path = pathlib.Path({path})\n'
                    'given = sys.stdin.buffer.read()\n' + code)

        self.commands = {
            'check': {'dns': program(
                'sys.exit("no" if b"bad" in given else 0)')},
            'apply': {'dns': program(
                'sys.exit("fails") if b"fail" in given else None\n'
                'open(path, "ab").write(given + b";")'),
                'plain': program('')},
            'withdraw': {'dns': program('path.unlink(missing_ok=True)')},
            'snapshot': {'dns': program(
                'sys.stdout.buffer.write(path.read_bytes()'
                ' if path.exists() else b"")')},
            'restore': {'dns': program('path.write_bytes(given)')},
            'observe': {'dns': program('print(len(path.read_bytes()))')},
            'adopt': {'dns': program(
                'open(path, "ab").write(b"adopted " + given)')},
        }
        self.applier = command.CommandApplier(self.commands,
                                              timeout_seconds=20)

    def apply(self, previous, items, observed=()):
        change = base.Change(tuple(previous), tuple(items), tuple(observed))
        self.applier.check(change)
        self.applier.apply(change, b'\x80')
        return change

    def test_new_items_run_in_order_and_old_ones_do_not(self):
        one, two = item('dns', b'1'), item('dns', b'2', 2)
        self.apply([], [one, two])
        self.assertEqual(b'1;2;', self.path.read_bytes())
        self.apply([one, two], [one, two, item('plain', b'')])
        self.assertEqual(b'1;2;', self.path.read_bytes())

    def test_withdraw(self):
        one = item('dns', b'1')
        self.apply([], [one])
        self.apply([one], [])
        self.assertFalse(self.path.exists())
        plain = item('plain', b'')
        self.assertRaises(errors.DryRunFailed, self.applier.check,
                          base.Change((plain,), ()))

    def test_dry_run(self):
        for bad in (item('dns', b'bad'), item('rm', b'x')):
            self.assertRaises(errors.DryRunFailed, self.applier.check,
                              base.Change((), (bad,)))
        self.assertFalse(self.path.exists())

    def test_snapshot_and_restore(self):
        one = item('dns', b'1')
        self.apply([], [one])
        snapshot = self.applier.snapshot()
        change = base.Change((one,), (one, item('dns', b'fail', 2)))
        error = self.assertRaises(errors.ApplyFailed, self.applier.apply,
                                  change, b'\x80')
        self.assertIn('fails', error.message)
        self.assertNotEqual(b'1;', self.path.read_bytes())
        self.applier.restore(snapshot, change)
        self.assertEqual(b'1;', self.path.read_bytes())

    def test_without_a_restore_command_the_old_items_run_again(self):
        del self.commands['restore']
        applier = command.CommandApplier(self.commands, timeout_seconds=20)
        one = item('dns', b'1')
        applier.restore(applier.snapshot(),
                        base.Change((one,), (item('dns', b'2'),)))
        self.assertEqual(b'1;', self.path.read_bytes())
        applier.restore(applier.snapshot(),
                        base.Change((), (item('dns', b'2'),)))
        self.assertFalse(self.path.exists())

    def test_observe_and_adopt(self):
        self.apply([], [item('dns', b'1')])
        self.assertEqual([('dns', b'2\n')], self.applier.observe())
        self.apply([], [item('dns', b'1')], [('dns', b'learned')])
        self.assertTrue(self.path.read_bytes().endswith(b'adopted learned'))

    def test_nobody_can_tell(self):
        self.assertIsNone(self.applier.holds([item("dns", b"1")]))
        self.assertTrue(self.applier.holds([]))

    def test_wrong_options(self):
        self.assertRaises(errors.BadOption, command.CommandApplier,
                          {'check': {'x': ('true',)}})
