# SPDX-License-Identifier: Apache-2.0
"""Migrations from one simulated VNF to another."""

import dataclasses
import json
import pathlib
import stat
import sys

from tacker_ledger.core.configuration import comparison
from tacker_ledger.core.configuration import migration_record
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.tenant_client import configurations
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tests.unit.tenant_client import simulator

State = migration_record.State
Path = migration_record.Path


class Killed(BaseException):
    """The process dies here; nothing may catch it."""


class MigrationCase(simulator.TenantCase):
    """Two VNFs; the first has a base, rules and a group's rules."""

    def setUp(self):
        super().setUp()
        self.a, self.b = self.vnf('a'), self.vnf('b')
        self.base = self.tenant.templates.publish(
            self.key, applier='file', target='base', data=b'base',
            vendor='v').cid
        self.tenant.groups.create('web')
        self.tenant.groups.add('web', 'a', self.key)
        self.rules = self.create('rules', refers=configurations.References(
            before=[self.base.hex()])).cid
        self.shared = self.create('shared', group='web').cid
        self.subject = self.tenant.migrations
        self.log = self.make_directory() / 'switch.log'

    def script(self, body='') -> tuple[str, ...]:
        """Return a path switch that writes down what it is asked."""
        script = self.make_directory() / 'switch'
        script.write_text(
            f'#!{sys.executable}\nimport json, os, sys\n'
            f'open({str(self.log)!r}, "a").write(json.dumps(\n'
            '    [sys.argv[-1], os.environ["SOURCE"],\n'
            '     os.environ["DESTINATION_UUID"]]) + "\\n")\n' + body)
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return ('command', str(script))

    def switched(self):
        """Return what the path switch was asked, in order."""
        if not self.log.exists():
            return []
        return [json.loads(line)[0]
                for line in self.log.read_text().splitlines()]

    def new(self, **fields):
        return self.subject.create('a', fields.pop('destination', 'b'),
                                   self.key, **fields)

    def run_it(self, item, **fields):
        return self.subject.run(item, timeout_seconds=2, **fields)

    def assert_moved(self, item):
        self.assertIs(State.SOURCE_TERMINATED, item.state)
        self.assertIs(Path.DESTINATION, item.path)
        self.assertEqual(((self.base, 1), (self.rules, 1),
                          (self.shared, 1)), self.b.effective.summary())
        self.assertTrue(self.a.retired)
        contents = self.tenant.inventory.read()
        self.assertEqual(inventory.MIGRATED, contents.vnf('a').state)
        group = contents.group('web')
        self.assertEqual((2, ('b',), ()), (group.epoch, group.members,
                                           group.pending))
        self.assertIn(group.key.key_id, self.b.groups)


class TestMigration(MigrationCase):
    """The way it should go."""

    def test_straight(self):
        item = self.run_it(self.new(path_switch=self.script()))
        self.assert_moved(item)
        self.assertEqual(['switch'], self.switched())
        self.assertEqual(item, self.subject.find(
            item.migration_id.hex()[:6]))

    def test_later_withdrawal_and_update_at_the_destination(self):
        self.run_it(self.new())
        self.tenant.configurations.update(self.rules, data=b'newer',
                                          recipient=self.b.pair.document)
        self.assertIn((self.rules, 2), self.b.effective.summary())
        self.tenant.configurations.withdraw(self.rules)
        self.assertNotIn(self.rules, dict(self.b.effective.summary()))
        self.assertIn((self.shared, 1), self.b.effective.summary())

    def test_a_delta_is_delivered(self):
        item = self.new()

        def change(migration, action):
            if (migration.state is State.PATH_SWITCHED
                    and len(migration.rounds) == 1):
                self.a.observed = (payload_module.Observation(
                    'file', 'rules', b'seen meanwhile'),)

        self.subject.listener = change
        item = self.run_it(item)
        self.assert_moved(item)
        self.assertEqual(3, len(item.rounds))
        self.assertEqual([1, 2, 0], [one.delivery_vid
                                     for one in item.rounds])

    def test_a_destination_that_is_named_later(self):
        item = self.new(destination='')
        self.assertRaises(errors.NotFound, self.run_it, item)
        self.assertIs(State.CAPTURED, self.subject.list_all()[0].state)
        self.assert_moved(self.run_it(item, destination='b'))

    def test_from_b_to_c_what_came_from_a(self):
        self.run_it(self.new())
        c = self.vnf('c')
        item = self.run_it(self.subject.create('b', 'c', self.key))
        self.assertIs(State.SOURCE_TERMINATED, item.state)
        self.assertEqual(self.b.effective.summary(), c.effective.summary())

    def test_what_cannot_be_created(self):
        self.assertRaises(errors.BadOption, self.new, destination='a')
        self.assertRaises(errors.NotFound, self.new, destination='x')
        self.assertRaises(errors.BadOption, self.new,
                          path_switch=('teleport',))
        self.assertRaises(errors.BadOption, self.new,
                          path_switch=('command', '/no/such/program'))
        self.new()
        self.assertRaises(errors.Duplicate, self.new)
        self.tenant.vnfs.revoke('a', self.key)
        self.assertRaises(errors.KeyRevoked, self.new)

    def test_ids(self):
        self.new()
        self.assertRaises(errors.NotFound, self.subject.find, '')
        self.assertRaises(errors.NotFound, self.subject.find, 'xyz')

    def test_damage_is_noticed(self):
        item = self.new()
        path = self.tenant.store.path(
            f'migrations/{item.migration_id.hex()}.cbor')
        path.write_bytes(path.read_bytes()[:-1])
        self.assertRaises(errors.CorruptStore, self.subject.list_all)

    def test_one_driver_at_a_time(self):
        item = self.new()
        with self.subject._driving(item.migration_id):
            self.assertRaises(errors.Busy, self.run_it, item)
            self.assertIs(State.CREATED, self.subject.abort(item).state)
        # The one that drives it finds the wish when it goes on.
        self.assertIs(State.ABORTED, self.run_it(item).state)


class TestCrash(MigrationCase):
    """The process dies before any step; another one goes on."""

    def actions(self):
        """Return how many actions a whole migration has."""
        count = 0

        def listen(_migration, _action):
            nonlocal count
            count += 1

        self.subject.listener = listen
        self.run_it(self.new(path_switch=self.script()))
        return count

    def test_number_of_steps(self):
        # So that the test below leaves none out.
        self.assertEqual(len(self.STEPS), self.actions())

    #: Actions of a migration without news, in order.
    STEPS = ('request', 'send', 'await-answer', 'deliver', 'send',
             'await-receipt', 'begin-switch', 'switch-path', 'request',
             'send', 'await-answer', 'retire-source', 'send',
             'forget-source')

    def die_before(self, number):
        """Let a migration die before one of its actions, then resume."""
        left = number

        def listen(_migration, action):
            nonlocal left
            if left == 0:
                self.assertEqual(self.STEPS[number], action.value)
                raise Killed
            left -= 1

        item = self.new(path_switch=self.script())
        self.subject.listener = listen
        self.assertRaises(Killed, self.run_it, item)
        self.subject.listener = None
        other = self.new_tenant(self.tenant.store.directory)
        return other.migrations.run(
            other.migrations.find(item.migration_id.hex()),
            timeout_seconds=2)

    def die_after(self, number):
        """The same, with the action done and its outcome not stored."""
        left = number
        save = self.subject._save

        def dying(migration):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            save(migration)

        item = self.new(path_switch=self.script())
        self.subject._save = dying
        self.assertRaises(Killed, self.run_it, item)
        self.subject._save = save
        other = self.new_tenant(self.tenant.store.directory)
        return other.migrations.run(
            other.migrations.find(item.migration_id.hex()),
            timeout_seconds=2)


def _crash_tests():
    for number, name in enumerate(TestCrash.STEPS):
        def before(self, number=number):
            self.assert_moved(self.die_before(number))

        def after(self, number=number):
            self.assert_moved(self.die_after(number))
            self.assertEqual({'switch'}, set(self.switched()))

        word = name.replace('-', '_')
        setattr(TestCrash, f'test_before_{number}_{word}', before)
        setattr(TestCrash, f'test_after_{number}_{word}', after)


_crash_tests()


class TestTrouble(MigrationCase):
    """Whatever goes wrong is said, and the path is where it should be."""

    def assert_stopped(self, error_class, item, state, **fields):
        error = self.assertRaises(error_class, self.run_it, item, **fields)
        found = self.subject.find(item.migration_id.hex())
        self.assertIs(state, found.state)
        return error, found

    def abort_before(self, number):
        left = number

        def listen(_migration, _action):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1

        item = self.new(path_switch=self.script())
        self.subject.listener = listen
        self.assertRaises(Killed, self.run_it, item)
        self.subject.listener = None
        item = self.subject.find(item.migration_id.hex())
        if item.state >= State.TERMINATING:
            self.assertRaises(errors.BadOption, self.subject.abort, item)
            self.assertIs(State.SOURCE_TERMINATED, self.run_it(item).state)
            return
        aborted = self.subject.abort(item)
        self.assertIs(State.ABORTED, aborted.state)
        self.assertIs(Path.SOURCE, aborted.path)
        if item.path is not Path.SOURCE:
            self.assertEqual('switch-back', self.switched()[-1])
        self.assertFalse(self.a.retired)
        self.assertEqual(inventory.ACTIVE,
                         self.tenant.inventory.read().vnf('a').state)
        self.assertEqual(aborted, self.run_it(aborted))

    def test_a_path_that_does_not_switch_is_led_back(self):
        item = self.new(path_switch=self.script(
            'sys.exit(sys.argv[-1] == "switch")\n'))
        _error, found = self.assert_stopped(errors.ApplyFailed, item,
                                            State.RECEIVED)
        self.assertIs(Path.SOURCE, found.path)
        self.assertIn('status 1', found.note)
        self.assertEqual(['switch', 'switch-back'], self.switched())
        self.assertIs(State.ABORTED, self.subject.abort(item).state)

    def test_a_path_that_is_nowhere(self):
        item = self.new(path_switch=self.script('sys.exit(1)\n'))
        _error, found = self.assert_stopped(errors.RevertFailed, item,
                                            State.SWITCHING)
        self.assertIs(Path.UNKNOWN, found.path)
        self.assertRaises(errors.RevertFailed, self.subject.abort, item)
        script = pathlib.Path(item.path_switch[1])
        script.write_text(script.read_text().replace('exit(1)', 'exit(0)'))
        self.assertIs(Path.SOURCE, self.subject.abort(item).path)

    def test_a_silent_source(self):
        self.a.silent = True
        item = self.new()
        self.assert_stopped(errors.Timeout, item, State.REQUESTED)
        self.a.silent = False
        self.a.act()
        self.assert_moved(self.run_it(item))

    def test_a_request_that_expired(self):
        item = self.new()
        self.a.silent = True
        self.assert_stopped(errors.Timeout, item, State.REQUESTED)
        self.chain.commit(time_ms=simulator.now_ms() + 8 * 86_400_000)
        self.a.retired = True
        _error, found = self.assert_stopped(errors.Timeout, item,
                                            State.CREATED)
        self.assertIn('did not answer', found.note)

    def test_a_destination_that_refuses(self):
        self.b.obey = lambda payload: (
            'dry-run-failed' if isinstance(payload, payload_module.Delivery)
            else '')
        item = self.new()
        _error, found = self.assert_stopped(errors.ApplyFailed, item,
                                            State.DESTINATION_UP)
        self.assertIn('dry-run-failed', found.note)
        self.assertIs(Path.SOURCE, found.path)
        self.b.obey = lambda payload: ''
        done = self.run_it(item)
        self.assert_moved(done)
        self.assertEqual(2, done.rounds[0].delivery_vid)

    def test_a_destination_that_confirms_something_else(self):
        deliver = self.b._deliver

        def partly(place, payload):
            deliver(place, dataclasses.replace(
                payload, entries=payload.entries[:1]))

        self.b._deliver = partly
        _error, found = self.assert_stopped(
            errors.ApplyFailed, self.new(), State.DESTINATION_UP)
        self.assertIn('not in effect there', found.note)

    def test_a_source_that_never_rests(self):
        seen = 0

        def restless(report):
            nonlocal seen
            seen += 1
            return dataclasses.replace(report, observations=(
                payload_module.Observation('file', 'rules', b'%d' % seen),))

        self.a.report = restless
        item = self.new()
        error = self.assertRaises(
            errors.Timeout, self.subject.run, item, timeout_seconds=60)
        self.assertIn('come to rest', error.message)
        self.assertIs(Path.DESTINATION,
                      self.subject.find(item.migration_id.hex()).path)

    def test_no_node(self):
        item = self.new()
        self.doors.down = {0, 1, 2, 3}
        _error, found = self.assert_stopped(errors.NoNode, item,
                                            State.CREATED)
        self.assertIn('no-node', found.note)
        self.doors.down = set()
        self.assert_moved(self.run_it(item))

    def test_a_transaction_that_got_lost_is_sent_again(self):
        item = self.new()
        self.doors.lost = 1
        self.assert_moved(self.run_it(item))


def _abort_tests():
    for number, name in enumerate(TestCrash.STEPS):
        def abort(self, number=number):
            self.abort_before(number)

        setattr(TestTrouble, f'test_abort_before_{number}_'
                + name.replace('-', '_'), abort)


_abort_tests()


class TestCompromisedSource(MigrationCase):
    """What the source says is compared with the chain."""

    def test_an_old_version(self):
        old = {entry.cid: entry for entry in self.a.effective.entries()}
        self.tenant.configurations.update(self.rules, data=b'stricter')

        def lie(report):
            return dataclasses.replace(report, effective=tuple(
                old[entry.cid].reported() for entry in report.effective))

        self.a.report = lie
        item = self.new()
        error = self.assertRaises(errors.ReferenceMismatch, self.run_it,
                                  item)
        self.assertEqual(
            [{'kind': 'outdated', 'cid': self.rules.hex(),
              'reported_vid': 1, 'chain_vid': 2}],
            error.details['differences'])
        self.assertEqual((), self.b.effective.summary())
        self.run_it(item, policy=comparison.Policy.CHAIN)
        self.assertIn((self.rules, 2), self.b.effective.summary())

    def test_one_left_out(self):
        self.a.report = lambda report: dataclasses.replace(
            report, effective=report.effective[:-1])
        item = self.new()
        self.assertRaises(errors.ReferenceMismatch, self.run_it, item)
        self.assert_moved(self.run_it(item,
                                      policy=comparison.Policy.CHAIN))

    def test_the_tenant_takes_the_report(self):
        self.a.report = lambda report: dataclasses.replace(
            report, effective=report.effective[:-1])
        item = self.new(policy=comparison.Policy.REPORT)
        self.run_it(item)
        self.assertEqual(((self.base, 1), (self.rules, 1)),
                         self.b.effective.summary())

    def test_one_made_up(self):
        made_up = payload_module.EffectiveEntry(
            bytes(16), 1, bytes(32), bytes(32), bytes(32))
        self.a.report = lambda report: dataclasses.replace(
            report, effective=(*report.effective, made_up))
        item = self.new()
        error = self.assertRaises(errors.ReferenceMismatch, self.run_it,
                                  item)
        self.assertEqual('unknown', error.details['differences'][0]['kind'])
        self.assert_moved(self.run_it(item,
                                      policy=comparison.Policy.REPORT))

    def test_another_order(self):
        self.a.report = lambda report: dataclasses.replace(
            report, effective=report.effective[::-1])
        error = self.assertRaises(errors.ReferenceMismatch, self.run_it,
                                  self.new())
        self.assertEqual('order', error.details['differences'][0]['kind'])

    def test_a_withdrawn_one(self):
        still = self.a.effective
        self.tenant.configurations.withdraw(self.rules)
        self.a.report = lambda report: dataclasses.replace(
            report, effective=tuple(entry.reported()
                                    for entry in still.entries()))
        error = self.assertRaises(errors.ReferenceMismatch, self.run_it,
                                  self.new())
        self.assertEqual(['surplus', 'surplus'], [
            one['kind'] for one in error.details['differences']])
