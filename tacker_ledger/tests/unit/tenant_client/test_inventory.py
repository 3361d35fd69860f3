# SPDX-License-Identifier: Apache-2.0
"""Names for keys and CIDs."""

import json

import hypothesis
from hypothesis import strategies

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import store
from tacker_ledger.tests import base

KEYS = [providers.default().generate(2).document for _ in range(4)]
VNF = inventory.Vnf('a', 'uuid-a', KEYS[0], KEYS[1], former_keys=(KEYS[2],),
                    slot_cid='0' * 32, note='x')
GROUP = inventory.Group('web', (KEYS[2], KEYS[3]), ('a',),
                        (inventory.Pending('a', 'join', 2),))


def contents():
    return inventory.Contents({'a': VNF}, {'web': GROUP}, {'00': 'rules'})


class TestContents(base.TestCase):
    """Looking things up."""

    def test_find(self):
        subject = contents()
        self.assertEqual(VNF, subject.vnf('a'))
        self.assertEqual(VNF, subject.vnf('uuid-a'))
        self.assertEqual(GROUP, subject.group('web'))
        self.assertEqual([GROUP], subject.groups_of('a'))
        self.assertEqual([], subject.groups_of('b'))
        self.assertRaises(errors.NotFound, subject.vnf, 'b')
        self.assertRaises(errors.NotFound, subject.group, 'b')

    def test_labels(self):
        self.assertEqual(
            ['vnf:a', 'receipts:a', 'vnf:a', 'group:web', ''],
            [contents().label_of(key_id) for key_id in (
                *(key.key_id for key in KEYS), bytes(32))])

    def test_epochs(self):
        self.assertEqual((2, KEYS[3]), (GROUP.epoch, GROUP.key))


class TestInventory(base.TestCase):
    """The stored form."""

    def setUp(self):
        super().setUp()
        self.store = store.Store(self.make_directory())
        self.subject = inventory.Inventory(self.store)

    def test_empty(self):
        self.assertEqual(inventory.Contents(), self.subject.read())

    def test_round_trip(self):
        self.subject.put_vnf(VNF)
        self.subject.put_group(GROUP)
        with self.subject.change() as changing:
            changing.names['00'] = 'rules'
        self.assertEqual(contents(), self.subject.read())

    def test_nothing_is_stored_when_a_change_fails(self):
        self.subject.put_vnf(VNF)

        def fail():
            with self.subject.change() as changing:
                changing.vnfs.clear()
                raise errors.Duplicate('no')

        self.assertRaises(errors.Duplicate, fail)
        self.assertEqual({'a': VNF}, self.subject.read().vnfs)

    def test_later_version(self):
        data = json.loads(inventory.encode(contents()))
        data['version'] = 2
        self.store.write(inventory.FILE, json.dumps(data).encode())
        self.assertRaises(errors.UnsupportedVersion, self.subject.read)

    def test_every_member_is_needed_and_of_its_kind(self):
        original = json.loads(inventory.encode(contents()))
        for path in (('names',), ('vnfs', 0, 'key'), ('groups', 0, 'keys'),
                     ('vnfs', 0, 'former_keys', 0),
                     ('groups', 0, 'pending', 0, 'epoch')):
            for change in (None, 1.5, 'x', [], {}):
                data = json.loads(json.dumps(original))
                inner = data
                for step in path[:-1]:
                    inner = inner[step]
                if inner[path[-1]] == change or (
                        type(inner[path[-1]]) is type(change)
                        and change == {}):
                    continue
                inner[path[-1]] = change
                self.assertRaises(errors.CorruptStore, inventory.parse,
                                  json.dumps(data).encode())

    @hypothesis.settings(max_examples=100)
    @hypothesis.given(strategies.recursive(
        strategies.none() | strategies.booleans() | strategies.integers()
        | strategies.text(max_size=8),
        lambda inner: strategies.lists(inner, max_size=4)
        | strategies.dictionaries(strategies.sampled_from(
            ('version', 'vnfs', 'groups', 'names', 'x')), inner),
        max_leaves=10))
    def test_any_json(self, value):
        try:
            inventory.parse(json.dumps(value).encode())
        except (errors.CorruptStore, errors.UnsupportedVersion):
            pass

    @hypothesis.settings(max_examples=100)
    @hypothesis.given(strategies.binary(max_size=64))
    def test_any_bytes(self, data):
        self.assertRaises(errors.CorruptStore, inventory.parse, data)
