# SPDX-License-Identifier: Apache-2.0
"""The applier ``nftables`` on a real kernel, in a namespace of its own."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time

from tacker_ledger.core import errors
from tacker_ledger.tests import base as tests_base
from tacker_ledger.vnf_client.appliers import base
from tacker_ledger.vnf_client.appliers import nftables
from tacker_ledger.vnf_client.appliers import ruleset

TABLE = 'inet tenant'
OTHER = 'ip other'
SETS = b'''table inet tenant {
 set seen { type ipv4_addr; flags dynamic,timeout; timeout 1h; }
 set pairs { type ipv4_addr . inet_service; flags dynamic; }
 map marks { type ipv4_addr : mark; flags dynamic,timeout; }
 set fixed { type ipv4_addr; elements = { 192.0.2.1 } }
}
'''
INPUT = b'''table inet tenant {
 chain input { type filter hook input priority 0; policy accept;
  tcp dport 81 drop # not this one
 }
}
'''
_CONNECT = '''import socket, sys
try:
    socket.create_connection(('127.0.0.1', int(sys.argv[1])), 1)
except ConnectionRefusedError:
    print('refused')
except TimeoutError:
    print('dropped')
'''


def item(data: bytes, number: int = 1, target: str = TABLE) -> base.Item:
    return base.Item(bytes([number]) * 16, 1, target, data)


class NamespaceCase(tests_base.TestCase):
    """A network namespace with its loopback up."""

    def setUp(self):
        super().setUp()
        for program in ('ip', 'nft'):
            if shutil.which(program) is None:
                self.skip_missing('nftables', f'no {program}')
        if os.geteuid() != 0:
            self.skip_missing('network namespaces', 'not root')
        self.namespace = 'tl-' + secrets.token_hex(4)
        made = subprocess.run(['ip', 'netns', 'add', self.namespace],
                              capture_output=True, text=True)
        if made.returncode:
            self.skip_missing('network namespaces', made.stderr.strip())
        self.addCleanup(subprocess.run,
                        ['ip', 'netns', 'del', self.namespace])
        self.inside = ('ip', 'netns', 'exec', self.namespace)
        subprocess.run([*self.inside, 'ip', 'link', 'set', 'lo', 'up'],
                       check=True)
        self.applier = nftables.NftablesApplier(
            [TABLE, OTHER], command=(*self.inside, 'nft'),
            timeout_seconds=20)
        self.baseline = self.applier.snapshot()

    def nft(self, *arguments: str) -> str:
        return subprocess.run([*self.inside, 'nft', *arguments], check=True,
                              capture_output=True, text=True).stdout

    def tables(self) -> list[str]:
        return [line.removeprefix('table ')
                for line in self.nft('list', 'tables').splitlines()]

    def apply(self, previous, items, observed=()) -> base.Change:
        change = base.Change(tuple(previous), tuple(items), tuple(observed))
        self.applier.check(change)
        self.applier.apply(change, self.baseline)
        return change

    def connect(self, port: int) -> str:
        return subprocess.run(
            [*self.inside, sys.executable, '-c', _CONNECT, str(port)],
            check=True, capture_output=True, text=True).stdout.strip()


class TestNftables(NamespaceCase):

    def test_packets_meet_what_is_in_force(self):
        self.assertEqual('refused', self.connect(81))
        one = item(INPUT)
        self.apply([], [one])
        self.assertEqual('dropped', self.connect(81))
        self.assertEqual('refused', self.connect(82))
        two = item(INPUT.replace(b'81', b'82'), 2)
        self.apply([one], [two])
        self.assertEqual('refused', self.connect(81))
        self.assertEqual('dropped', self.connect(82))
        self.apply([two], [])
        self.assertEqual('refused', self.connect(82))
        self.assertEqual([], self.tables())

    def test_several_items_are_one_table(self):
        self.apply([], [item(SETS), item(INPUT, 2)])
        listed = self.nft('list', 'table', *TABLE.split())
        self.assertIn('set seen', listed)
        self.assertIn('tcp dport 81 drop', listed)

    def test_other_tables_are_left_alone(self):
        self.nft('add', 'table', 'ip', 'someone')
        self.nft('add', 'table', 'ip', 'other')
        one = item(INPUT)
        self.apply([], [one])
        self.apply([one], [])
        self.assertEqual(['ip someone', 'ip other'], self.tables())

    def test_dry_run_refuses_and_changes_nothing(self):
        one = item(INPUT)
        self.apply([], [one])
        before = self.nft('list', 'ruleset')
        for data in (b'table inet tenant { chain x { nonsense } }',
                     b'flush ruleset', b'table ip other { }',
                     b'table inet tenant { include "/etc/passwd"\n}'):
            self.assertRaises(errors.DryRunFailed, self.applier.check,
                              base.Change((one,), (one, item(data, 2))))
        self.assertRaises(errors.DryRunFailed, self.applier.check,
                          base.Change((), (item(b'', target='inet x'),)))
        self.assertEqual(before, self.nft('list', 'ruleset'))

    def test_restore(self):
        self.nft('add', 'table', 'inet', 'tenant')
        self.nft('add', 'set', 'inet', 'tenant', 'mine',
                 '{ type ipv4_addr; flags timeout; }')
        self.nft('add', 'element', 'inet', 'tenant', 'mine',
                 '{ 192.0.2.7 timeout 1h }')
        snapshot = self.applier.snapshot()
        one = item(INPUT)
        change = self.apply([], [one])
        self.assertNotIn('mine', self.nft('list', 'ruleset'))
        for _ in range(2):
            self.applier.restore(snapshot, change)
            listed = self.nft('list', 'ruleset')
            self.assertIn('192.0.2.7', listed)
            self.assertNotIn('dport', listed)

    def test_a_withdrawn_table_is_what_it_was_at_first(self):
        self.nft('add', 'table', 'inet', 'tenant')
        self.nft('add', 'chain', 'inet', 'tenant', 'delivered')
        self.baseline = self.applier.snapshot()
        one = item(INPUT)
        self.apply([], [one])
        self.apply([one], [])
        self.assertIn('delivered', self.nft('list', 'ruleset'))

    def test_holds(self):
        one = item(INPUT)
        self.assertFalse(self.applier.holds([one]))
        self.apply([], [one])
        self.assertTrue(self.applier.holds([one]))
        self.nft('flush', 'ruleset')
        self.assertFalse(self.applier.holds([one]))

    def test_a_namespace_that_is_gone(self):
        applier = nftables.NftablesApplier(
            [TABLE], command=('ip', 'netns', 'exec', 'tl-none', 'nft'))
        self.assertRaises(errors.ApplyFailed, applier.snapshot)


class TestDynamicSets(NamespaceCase):

    def setUp(self):
        super().setUp()
        self.sets = item(SETS)
        self.apply([], [self.sets])
        for name, element in (
                ('seen', '192.0.2.10 timeout 2h expires 90m'),
                ('seen', '192.0.2.11'), ('pairs', '192.0.2.10 . 80'),
                ('marks', '192.0.2.10 : 7'), ('fixed', '192.0.2.99')):
            self.nft('add', 'element', 'inet', 'tenant', name,
                     '{ ' + element + ' }')

    def elements(self, name: str):
        listed = json.loads(self.nft('-j', 'list', 'table', 'inet',
                                     'tenant'))['nftables']
        for entry in listed:
            for kind in ('set', 'map'):
                if entry.get(kind, {}).get('name') == name:
                    return entry[kind].get('elem', [])
        return None

    def values(self, name: str) -> set[str]:
        return {json.dumps(one['elem']['val'] if isinstance(one, dict)
                           and 'elem' in one else one)
                for one in self.elements(name)}

    def assertLearned(self):
        self.assertEqual({'"192.0.2.10"', '"192.0.2.11"'},
                         self.values('seen'))
        self.assertEqual({'{"concat": ["192.0.2.10", 80]}'},
                         self.values('pairs'))
        self.assertEqual(1, len(self.elements('marks')))
        expires = {one['elem']['expires'] for one in self.elements('seen')}
        self.assertLessEqual(max(expires), 5400)
        self.assertGreater(min(expires), 3500)

    def test_what_was_learned_survives_a_change(self):
        self.apply([self.sets], [self.sets, item(INPUT, 2)])
        self.assertLearned()
        # what is configuration comes from the configuration alone
        self.assertEqual(['192.0.2.1'], self.elements('fixed'))

    def test_a_set_of_another_shape_starts_empty(self):
        other = item(SETS.replace(b'set seen { type ipv4_addr;',
                                  b'set seen { type ipv6_addr;'), 2)
        self.apply([self.sets], [other])
        self.assertEqual([], self.elements('seen'))
        self.assertEqual(1, len(self.elements('pairs')))

    def test_observed_and_taken_over_by_another(self):
        (state,) = self.applier.observe()
        self.assertEqual(TABLE, state[0])
        self.nft('flush', 'ruleset')
        self.assertEqual([], self.applier.observe())
        self.apply([], [self.sets], [state])
        self.assertLearned()

    def test_a_state_that_fits_no_set_is_not_taken_over(self):
        state = ruleset.encode_state((ruleset.DynamicSet(
            'nowhere', ['ipv4_addr', None], ('192.0.2.1',)),
            ruleset.DynamicSet('fixed', ['ipv4_addr', None],
                               ('192.0.2.50',))), time.time())
        self.apply([], [self.sets], [(TABLE, state)])
        self.assertEqual(['192.0.2.1'], self.elements('fixed'))

    def test_a_hostile_state_is_refused_before_anything_changes(self):
        state = json.dumps([{'name': 'seen', 'type': 'ipv4_addr',
                             'map': None, 'elem': [{'jump': 'x'}]}]).encode()
        self.assertRaises(errors.FormatError, self.applier.check,
                          base.Change((), (self.sets,), ((TABLE, state),)))

    def test_learned_elements_come_back_after_a_revert(self):
        snapshot = self.applier.snapshot()
        change = self.apply([self.sets], [item(INPUT, 2)])
        self.assertIsNone(self.elements('seen'))
        self.applier.restore(snapshot, change)
        self.assertLearned()
