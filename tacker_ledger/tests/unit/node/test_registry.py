# SPDX-License-Identifier: Apache-2.0
"""Tests of enrolments: kept, told to others, mended."""

import asyncio

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import payload
from tacker_ledger.node import gossip
from tacker_ledger.node import registry
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests.unit.storage import stores
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

KEYS = [bytes([number]) * 32 for number in range(1, 6)]


class Net:
    """Registries of several members, each with its own store."""

    def __init__(self, case: 'TestRegistry', count: int = 2):
        self.stored = []
        self.registries = []
        self.down: set[int] = set()
        for member in range(count):
            stored = stores.Stored(case.make_directory() / 'data')
            case.addCleanup(stored.close)
            self.stored.append(stored)
            self.registries.append(None)
            self.restart(member)

    def restart(self, member: int) -> registry.Registry:
        """Make a member's registry from what its store has."""
        made = registry.Registry(
            self.stored[member].store, member,
            lambda frame, to: self.deliver(member, frame, to))
        self.registries[member] = made
        return made

    def deliver(self, source: int, frame: bytes, to: int | None):
        """Hand a frame over at once."""
        for member, other in enumerate(self.registries):
            if (member != source and to in (None, member)
                    and not self.down & {member, source}):
                other.received(source, frame)

    def connect(self):
        """Every link comes up."""
        self.down.clear()
        for member, own in enumerate(self.registries):
            for other in range(len(self.registries)):
                if other != member:
                    own.connected(other)


class TestRegistry(base.TestCase):

    def setUp(self):
        super().setUp()
        self.net = Net(self)
        self.first, self.second = self.net.registries

    def run_async(self, coroutine):
        return asyncio.run(coroutine)

    def test_an_enrolment_is_known_everywhere_and_charged_to_its_member(self):
        record = self.run_async(self.first.enrol(KEYS[0], 'a tenant'))
        self.assertEqual({'key_id': KEYS[0].hex(), 'label': 'a tenant',
                          'member': 0}, record)
        self.assertEqual([record], self.second.records())
        self.assertTrue(self.second.enrolled(KEYS[0]))
        self.assertFalse(self.second.enrolled(KEYS[1]))

    def test_each_member_takes_its_own_back(self):
        self.run_async(self.first.enrol(KEYS[0], ''))
        self.assertRaises(errors.NotFound, self.run_async,
                          self.second.unenrol(KEYS[0]))
        self.run_async(self.second.enrol(KEYS[0], ''))
        self.run_async(self.first.unenrol(KEYS[0]))
        self.assertTrue(self.first.enrolled(KEYS[0]))
        self.run_async(self.second.unenrol(KEYS[0]))
        self.assertFalse(self.first.enrolled(KEYS[0]))
        self.assertEqual([], self.first.records())

    def test_what_was_missed_is_mended_on_the_next_link(self):
        self.run_async(self.first.enrol(KEYS[0], 'old'))
        self.net.down = {1}
        self.run_async(self.first.unenrol(KEYS[0]))
        self.run_async(self.first.enrol(KEYS[1], 'new'))
        self.assertFalse(self.second.enrolled(KEYS[1]))
        self.net.connect()
        self.assertEqual(self.first.records(), self.second.records())
        self.assertFalse(self.second.enrolled(KEYS[0]))

    def test_all_of_it_outlives_a_restart(self):
        self.run_async(self.first.enrol(KEYS[0], 'a'))
        self.run_async(self.second.enrol(KEYS[1], 'b'))
        before = self.first.records()
        self.net.stored[0].close()
        self.net.stored[0].open()
        self.assertEqual(before, self.net.restart(0).records())

    def test_the_configuration_is_followed(self):
        self.run_async(self.first.enrol(KEYS[3], 'by hand'))
        self.run_async(self.first.configure([KEYS[0], KEYS[1]]))
        self.run_async(self.first.configure([KEYS[1], KEYS[3]]))
        self.assertEqual(
            {KEYS[1].hex(): 'configuration', KEYS[3].hex(): 'by hand'},
            {record['key_id']: record['label']
             for record in self.second.records()})

    def test_nobody_speaks_for_another(self):
        for message in (gossip.Enrol(KEYS[0], '', 0),
                        gossip.Unenrol(KEYS[0], 0),
                        gossip.Listing(0, ())):
            self.assertRaises(errors.Forbidden, self.second.received, 3,
                              gossip.encode(message))
        self.assertEqual([], self.second.records())

    def test_bounds(self):
        self.assertRaises(errors.Malformed, self.run_async,
                          self.first.enrol(b'short', ''))
        self.assertRaises(errors.TooLarge, self.run_async,
                          self.first.enrol(KEYS[0], 'x' * 257))
        self.patch(gossip, 'ENROLMENTS_PER_MEMBER_MAX_COUNT', 2)
        for key in KEYS[:2]:
            self.run_async(self.first.enrol(key, ''))
        self.assertRaises(errors.Busy, self.run_async,
                          self.first.enrol(KEYS[2], ''))
        # a lying member is held to the bound as well
        self.second.received(0, gossip.encode(gossip.Enrol(KEYS[4], '', 0)))
        self.assertFalse(self.second.enrolled(KEYS[4]))


class TestAddressers(stores.StoreCase):

    def test_members_have_other_indices(self):
        """The first member leaves: enrolments follow the names."""
        net = Net(self, 3)
        for member, own in enumerate(net.registries):
            asyncio.run(own.enrol(KEYS[member], f'by {member}'))
        places = {0: None, 1: 0, 2: 1}
        for member, own in enumerate(net.registries):
            own.moved(-1 if places[member] is None else places[member],
                      places, 7)
        for own in net.registries:
            self.assertEqual(
                [(KEYS[1].hex(), 'by 1', 0), (KEYS[2].hex(), 'by 2', 1)],
                [(one['key_id'], one['label'], one['member'])
                 for one in own.records()])
            self.assertFalse(own.enrolled(KEYS[0]))
        # who is no member enrols nobody, says nothing and hears nothing
        left, first, _ = net.registries
        self.assertRaises(errors.NoQuorum, asyncio.run,
                          left.enrol(KEYS[3], ''))
        left.received(1, gossip.encode(gossip.Enrol(KEYS[3], '', 1)))
        self.assertFalse(left.enrolled(KEYS[3]))
        left.connected(1)
        # and it is so on the disk too
        asyncio.run(asyncio.wait_for(self._settled(net.stored[1]), 20))
        again = net.restart(1)
        self.assertEqual((7, first.records()),
                         (again.epoch, again.records()))

    @staticmethod
    async def _settled(stored):
        """Wait until what was written before is on the disk."""
        await asyncio.wrap_future(stored.store.write(lambda txn: None))

    def test_the_first_one_first(self):
        provider = federations.PROVIDER
        vnf = keys.curve(provider, 'a vnf')
        senders = [keys.curve(provider, f'tenant {i}') for i in range(4)]
        for number, sender in enumerate([*senders, senders[0]]):
            authored = authoring.author_configuration(
                self.h, provider, sender, vid=1,
                payload=payload.Welcome(''), recipient=vnf.document,
                timestamp_ms=1, nonce=vectors.fixed_bytes(f'{number}', 16),
                content_key=bytes(32))
            self.stored.commit(authored.transaction)
        own = registry.Registry(self.stored.store, 0,
                                lambda frame, to: None)
        self.assertEqual(
            [sender.document.key_id for sender in senders],
            own.addressers(vnf.document.key_id, 10))
        self.assertEqual(2, len(own.addressers(vnf.document.key_id, 2)))
        self.assertEqual([], own.addressers(bytes(32), 10))
