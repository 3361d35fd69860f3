# SPDX-License-Identifier: Apache-2.0
"""Tests of confirmed apply, of its journal and of the payloads kept."""

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core.configuration import effective
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import payload
from tacker_ledger.tests import base as tests_base
from tacker_ledger.vnf_client.appliers import base
from tacker_ledger.vnf_client import apply
from tacker_ledger.vnf_client import payloads
from tacker_ledger.vnf_client import reverter

SUBJECT = apply.Subject(b'\x01' * 32, b'\x02' * 16, 3, b'\x04' * 32)


class Recorder:
    """An applier that writes down what is asked of it."""

    def __init__(self, name, calls):
        self.name = name
        self.calls = calls
        self.fails = {}
        self.held = True

    def _call(self, what, *details):
        self.calls.append((self.name, what, *details))
        if what in self.fails:
            raise self.fails[what]

    def check(self, change):
        self._call('check')

    def snapshot(self):
        self._call('snapshot')
        return self.name.encode()

    def apply(self, change, baseline):
        self._call('apply', tuple(item.data for item in change.items),
                   baseline)

    def restore(self, snapshot, change):
        self._call('restore', snapshot)

    def holds(self, items):
        return self.held

    def observe(self):
        self._call('observe')
        return [('t', b'seen')]


class MachineCase(tests_base.TestCase):

    def setUp(self):
        super().setUp()
        self.h = hashing.hasher(b'\x05' * 32)
        self.directory = self.make_directory()
        self.calls = []
        self.appliers = {name: Recorder(name, self.calls)
                         for name in ('a', 'b')}
        self.store = payloads.PayloadStore(self.directory / 'payloads',
                                           self.h)
        self.machine = apply.Machine(self.directory, self.appliers,
                                     self.store)

    def base(self, name, data, applier='a', height=1):
        body = payload.Configuration(applier, 't', data)
        encoded = payload.encode_payload(body)
        self.store.put(encoded)
        cid = name.encode().ljust(16, b'.')
        entry = effective.Entry(
            cid, 1, b'\x01' * 32, b'\x02' * 32, applier, 't',
            payload.payload_digest(self.h, encoded), b'\x03' * 32)
        return effective.Base(cid, 1, (height, 0), (entry,))

    def change(self, previous, wanted, observations=()):
        self.machine.change(SUBJECT, 7, effective.Effective(tuple(previous)),
                            effective.Effective(tuple(wanted)), observations)

    def names(self):
        return [call[:2] for call in self.calls]


class TestMachine(MachineCase):

    def test_all_are_checked_before_one_is_applied(self):
        self.change([], [self.base('x', b'1'),
                         self.base('y', b'2', 'b', 2)])
        self.assertEqual(
            [('a', 'check'), ('b', 'check'), ('a', 'snapshot'),
             ('b', 'snapshot'), ('a', 'apply'), ('b', 'apply')],
            self.names())
        self.assertEqual(7, self.machine.reverter.pending().sequence)

    def test_a_refusal_beforehand_changes_nothing(self):
        self.appliers['b'].fails['check'] = errors.DryRunFailed('no')
        self.assertRaises(errors.DryRunFailed, self.change, [], [
            self.base('x', b'1'), self.base('y', b'2', 'b', 2)])
        self.assertEqual([('a', 'check'), ('b', 'check')], self.names())
        self.assertIsNone(self.machine.reverter.pending())

    def test_a_failure_puts_all_back_the_last_first(self):
        self.appliers['b'].fails['apply'] = errors.ApplyFailed('no')
        self.assertRaises(errors.ApplyFailed, self.change, [], [
            self.base('x', b'1'), self.base('y', b'2', 'b', 2)])
        self.assertEqual([('b', 'restore', b'b'), ('a', 'restore', b'a')],
                         self.calls[-2:])
        self.assertIsNone(self.machine.reverter.pending())

    def test_who_is_not_concerned_is_not_touched(self):
        kept = self.base('y', b'2', 'b')
        self.change([kept], [kept, self.base('x', b'1', height=2)])
        self.assertEqual({'a'}, {call[0] for call in self.calls})

    def test_an_applier_that_is_not_enabled(self):
        self.assertRaises(errors.UnknownApplier, self.change, [],
                          [self.base('x', b'1', 'netconf')])
        self.assertEqual([], self.calls)

    def test_all_that_can_be_is_put_back(self):
        self.appliers['b'].fails.update(
            apply=errors.ApplyFailed('no'),
            restore=errors.RevertFailed('no disk'))
        error = self.assertRaises(errors.RevertFailed, self.change, [], [
            self.base('x', b'1'), self.base('y', b'2', 'b', 2)])
        self.assertIn('no disk', error.message)
        self.assertEqual(('a', 'restore'), self.names()[-1])
        # the journal stands until all is back
        journal = self.machine.reverter.pending()
        del self.appliers['b'].fails['restore']
        self.machine.reverter.undo(journal)
        self.assertIsNone(self.machine.reverter.pending())

    def test_the_first_snapshot_ever_is_the_baseline(self):
        one = self.base('x', b'1')
        self.change([], [one])
        self.appliers['a'].snapshot = lambda: b'later'
        self.change([one], [self.base('x', b'2')])
        self.assertEqual([b'a', b'a'], [call[3] for call in self.calls
                                        if call[1] == 'apply'])

    def test_health(self):
        machine = apply.Machine(self.directory, self.appliers, self.store,
                                apply.Health(('false',), 10))
        self.assertRaises(
            errors.HealthCheckFailed, machine.change, SUBJECT, 7,
            effective.Effective(), effective.Effective(
                (self.base('x', b'1'),)))
        self.assertEqual(('a', 'restore'), self.names()[-1])
        apply.Health().check()
        apply.Health(('true',), 10).check()
        for command in (('sleep', '60'), ('/no/such',)):
            self.assertRaises(errors.HealthCheckFailed,
                              apply.Health(command, 0.1).check)

    def test_enforce(self):
        wanted = effective.Effective((self.base('x', b'1'),))
        self.assertEqual([], self.machine.enforce(wanted))
        self.appliers['a'].held = False
        self.assertEqual(['a'], self.machine.enforce(wanted))
        # who cannot tell acts after a reboot only
        self.appliers['a'].held = None
        self.assertEqual([], self.machine.enforce(wanted, same_boot=True))
        self.assertEqual(['a'], self.machine.enforce(wanted))

    def test_observe(self):
        self.appliers['a'].fails['observe'] = errors.ApplyFailed('blind')
        self.assertEqual([payload.Observation('b', 't', b'seen')],
                         self.machine.observe())

    def test_appliers_by_name(self):
        error = self.assertRaises(errors.BadOption, apply.load_appliers,
                                  ['nowhere'], None)
        self.assertIn('nowhere', error.message)


class TestPayloads(MachineCase):

    def test_kept_and_forgotten(self):
        kept, gone = self.base('x', b'1'), self.base('y', b'2')
        item = self.store.item(kept.plan[0])
        self.assertEqual(b'1', item.data)
        self.store.keep(kept.plan)
        self.store.item(kept.plan[0])
        self.assertRaises(errors.CorruptStore, self.store.item, gone.plan[0])

    def test_one_digest_one_payload(self):
        one = self.base('x', b'1').plan[0]
        two = self.base('y', b'2').plan[0]
        directory = self.directory / 'payloads'
        (directory / one.digest.hex()).write_bytes(
            (directory / two.digest.hex()).read_bytes())
        self.assertRaises(errors.CorruptStore, self.store.item, one)


class TestJournal(tests_base.TestCase):

    @hypothesis.settings(max_examples=30)
    @hypothesis.given(st.binary(max_size=50), st.binary(max_size=50),
                      st.integers(0, 2 ** 63))
    def test_round_trip(self, data, snapshot, sequence):
        keeper = reverter.Reverter(self.make_directory(), {})
        self.assertIsNone(keeper.pending())
        item = base.Item(b'\x01' * 16, 2, 't', data)
        journal = reverter.Journal(
            sequence, b'\x01' * 32, b'\x02' * 16, 3, b'\x04' * 32,
            {'file': reverter.Undo(base.Change((), (item,)), snapshot)})
        keeper.begin(journal)
        self.assertEqual(journal, keeper.pending())
        keeper.end()
        self.assertIsNone(keeper.pending())

    def test_damage(self):
        directory = self.make_directory()
        keeper = reverter.Reverter(directory, {})
        (directory / reverter.FILE_NAME).write_bytes(b'junk' * 20)
        self.assertRaises(errors.CorruptStore, keeper.pending)

    def test_an_applier_that_is_gone(self):
        keeper = reverter.Reverter(self.make_directory(), {})
        journal = reverter.Journal(
            1, bytes(32), bytes(16), 1, bytes(32),
            {'gone': reverter.Undo(base.Change((), ()), b'')})
        keeper.begin(journal)
        self.assertRaises(errors.RevertFailed, keeper.undo, journal)
        self.assertIsNotNone(keeper.pending())
