# SPDX-License-Identifier: Apache-2.0
"""Tests of what survives a restart: files, state, keys."""

import dataclasses
import os

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core.configuration import effective
from tacker_ledger.core.configuration import trust
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.keystore import file as file_keystore
from tacker_ledger.tests import base
from tacker_ledger.vnf_client import files
from tacker_ledger.vnf_client import keys
from tacker_ledger.vnf_client import state

CID = b'\x01' * 16
ID = b'\x02' * 32


def full_state() -> state.AgentState:
    """Return a state with something in every field."""
    document = providers.default().generate(2).document
    entry = effective.Entry(CID, 3, ID, ID, 'file', 'firewall', ID, ID)
    return state.AgentState(
        instance_uuid='an-instance', chain_id=ID, trusted=b'trusted',
        time=state.SavedTime(5, 'boot', 6, -7),
        trust=trust.Trust((trust.Commander(document),), own_ids=(ID,)),
        sequence=9, counters={(ID, ID): state.Counter(2, ID, CID)},
        highest_vids={CID: 3}, failed=(ID,),
        effective=effective.Effective((effective.Base(
            CID, 3, (4, 5), (entry,)),)),
        outbox=(state.Outgoing(state.RECEIPT, ID, CID, 1, b'raw', 8, None,
                               ID),),
        receipt_cid=CID, receipt_vid=2, handled_height=77,
        enforced_boot_id='boot')


class TestFiles(base.TestCase):

    def test_written_and_read_back(self):
        path = self.make_directory() / 'file'
        self.assertIsNone(files.read(path, 10))
        for data in (b'', b'one', b'another'):
            files.write(path, data)
            self.assertEqual(data, files.read(path, 10))
        self.assertEqual(0o600, os.stat(path).st_mode & 0o777)
        self.assertEqual(['file'], os.listdir(path.parent))
        self.assertRaises(errors.CorruptStore, files.read, path, 3)

    @hypothesis.given(st.binary(max_size=60), st.integers(0, 90),
                      st.integers(0, 255))
    def test_every_damage_is_noticed(self, data, position, value):
        path = self.make_directory() / 'file'
        files.write(path, data)
        stored = bytearray(path.read_bytes())
        stored[position % len(stored)] ^= value
        path.write_bytes(stored)
        if value:
            self.assertRaises(errors.CorruptStore, files.read, path, 100)
        path.write_bytes(stored[:position % len(stored)])
        self.assertRaises(errors.CorruptStore, files.read, path, 100)

    def test_what_cannot_be_written(self):
        self.assertRaises(errors.StorageFailed, files.write,
                          self.make_directory() / 'no' / 'file', b'')
        path = self.make_directory() / 'file'
        path.touch()
        self.assertRaises(errors.BadOption, files.make_directory, path)

    def test_sweep(self):
        directory = self.make_directory()
        for name in ('a', 'b', 'c'):
            (directory / name).touch()
        files.sweep(directory, {'b'})
        self.assertEqual(['b'], os.listdir(directory))
        files.remove(directory / 'b')
        files.remove(directory / 'b')
        self.assertEqual([], os.listdir(directory))


class TestState(base.TestCase):

    def test_round_trip(self):
        full = full_state()
        self.assertEqual(full, state.from_bytes(full.to_bytes()))
        keeper = state.StateFile(self.make_directory())
        self.assertIsNone(keeper.load())
        keeper.save(full)
        self.assertEqual(full, keeper.load())

    @hypothesis.given(st.binary(max_size=200))
    def test_any_bytes_are_refused_cleanly(self, data):
        self.assertRaises(errors.CorruptStore, state.from_bytes, data)

    def test_another_version(self):
        data = bytearray(full_state().to_bytes())
        self.assertEqual(1, data[1])
        data[1] = 2
        error = self.assertRaises(errors.CorruptStore, state.from_bytes,
                                  bytes(data))
        self.assertIn('version 2', error.message)

    def test_secrets_do_not_show(self):
        text = repr(full_state())
        self.assertNotIn('trusted', text.replace('trusted_', ''))
        self.assertNotIn("content_key", text)

    def test_memories_have_an_end(self):
        one = full_state()
        for number in range(state.FAILED_MAX_COUNT + 5):
            one = one.with_failed(number.to_bytes(32, 'big'))
        self.assertEqual(state.FAILED_MAX_COUNT, len(one.failed))
        crowd = {number.to_bytes(16, 'big'): 1
                 for number in range(1000, 1000 + state.VIDS_MAX_COUNT)}
        crowded = dataclasses.replace(one, highest_vids={CID: 3, **crowd})
        more = crowded.with_vid(b'\xff' * 16, 1)
        self.assertEqual(state.VIDS_MAX_COUNT, len(more.highest_vids))
        # what is in force is not forgotten
        self.assertEqual(3, more.highest_vids[CID])
        self.assertEqual(1, more.highest_vids[b'\xff' * 16])


class TestKeys(base.TestCase):

    def setUp(self):
        super().setUp()
        self.provider = providers.default()
        self.directory = self.make_directory()

    def keys(self) -> keys.Keys:
        return keys.Keys(file_keystore.FileKeystore(
            self.directory, provider=self.provider), self.provider, 2)

    def test_made_once_and_kept(self):
        first = self.keys()
        again = self.keys()
        self.assertEqual(first.own_ids, again.own_ids)
        self.assertEqual(first.receipt.document, again.receipt.document)
        self.assertIsNone(first.receipt.document.encryption)
        self.assertEqual('ed25519', keys.suite_module.by_number(
            first.receipt.document.suite).name)
        self.assertRaises(errors.CorruptStore, first.own, ID)

    def test_the_newest_is_last(self):
        one = self.keys()
        made = [one.make_own(2).document.key_id for _ in range(11)]
        self.assertEqual(made, list(self.keys().own_ids[1:]))
        self.assertRaises(errors.BadKey, one.make_own, 99)

    def test_groups(self):
        one = self.keys()
        group = self.provider.generate(2)
        group_id = group.document.key_id
        one.join(group_id, group.to_private_bytes())
        one.join(group_id, group.to_private_bytes())
        self.assertIn(group_id, self.keys().readers())
        self.assertRaises(errors.BadKey, one.join, ID,
                          group.to_private_bytes())
        self.assertRaises(errors.BadKey, one.join, group_id, b'junk')
        signer = self.provider.generate(2, encryption=False)
        self.assertRaises(errors.BadKey, one.join, signer.document.key_id,
                          signer.to_private_bytes())
        one.keep_groups((group_id,))
        self.assertIn(group_id, one.readers())
        one.keep_groups(())
        self.assertNotIn(group_id, one.readers())
        self.assertNotIn(group_id, self.keys().readers())
