# SPDX-License-Identifier: Apache-2.0
"""Random histories: whatever is sent, what the ledger promises holds."""

import os
import subprocess
import sys

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import state
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import samples
from tacker_ledger.tests.unit.core.ledger import test_state
from tacker_ledger.tests.unit.core.ledger import test_state_map

H = samples.H
PAIRS = (samples.TENANT, samples.VNF, samples.STRANGER)
_places = st.integers(0, 2)

#: (what, sender, recipient, which CID known so far, which VID near the next)
ACTIONS = st.tuples(
    st.sampled_from(('configuration', 'public', 'request', 'answer',
                     'again')),
    _places, _places, st.integers(0, 3), st.integers(-1, 1))
BLOCKS = st.lists(st.tuples(st.lists(ACTIONS, max_size=8),
                            st.sampled_from((1, 40, 200))),
                  min_size=1, max_size=4)


class World:
    """Writes transactions, good and bad, and keeps what was accepted."""

    def __init__(self):
        self.tree = test_state_map.Tree()
        self.now_ms = samples.NOW_MS
        self.cids = []
        self.requests = []
        self.accepted = []

    def write(self, action):
        """Return the transaction of an action, or None."""
        what, sender, recipient, which, near = action
        pair, other = PAIRS[sender], PAIRS[recipient]
        if what == 'again':
            return (self.accepted[-1 - which % len(self.accepted)]
                    if self.accepted else None)
        if what == 'answer':
            if not self.requests:
                return None
            return samples.answer(
                self.requests[-1 - which % len(self.requests)], pair)
        fields = {'timestamp_ms': self.now_ms}
        if which and self.cids:
            cid = self.cids[-1 - which % len(self.cids)]
            fields.update(cid=cid, vid=max(1, self.next_vid(cid) + near))
        if what == 'public':
            return samples.public(pair, **fields)
        if what == 'configuration':
            return samples.sealed(pair, other, **fields)
        return samples.request(pair, other,
                               slot_expiry_ms=self.now_ms + 100, **fields)

    def next_vid(self, cid):
        """Return what the committed state asks for."""
        value = self.tree.values.get(identifiers.cid_state_key(H, cid))
        return (1 if value is None
                else state_records.CidRecord.from_bytes(value).next_vid)

    def commit(self, actions):
        """Propose a block of what is valid, and commit it."""
        candidates = []
        for action in actions:
            made = self.write(action)
            if made is not None:
                candidates.append(made)
                self.remember(made)
        chosen = state.select(H, self.tree.values, self.now_ms, candidates)
        # What a proposer selects, a validator accepts, with one result.
        judged = state.apply_block(H, self.tree.values, self.now_ms,
                                   chosen.accepted, None)
        assert judged == chosen.outcome
        self.accepted.extend(chosen.accepted)
        self.tree.update(judged.changes)
        return chosen

    def remember(self, made):
        """Let later actions name what this one made, valid or not."""
        if made.content.cid not in self.cids:
            self.cids.append(made.content.cid)
        if isinstance(made.content, transaction.Request):
            self.requests.append(made)


class TestHistories(base.TestCase):
    """Invariants after any sequence of blocks."""

    @settings(max_examples=60)
    @given(BLOCKS)
    def test_invariants(self, blocks):
        world = World()
        for actions, elapsed_ms in blocks:
            world.now_ms += elapsed_ms
            chosen = world.commit(actions)
            for _, exc in chosen.rejected:
                self.assertIsInstance(exc, errors.ConflictError)
        self.check_cids(world)
        self.check_pairs(world)
        self.check_map(world)

    def check_cids(self, world):
        by_cid = {}
        for made in world.accepted:
            by_cid.setdefault(made.content.cid, []).append(made)
        for cid, history in by_cid.items():
            record = state_records.CidRecord.from_bytes(
                world.tree.values.get(identifiers.cid_state_key(H, cid)))
            self.assertEqual(history[0].sender_id, record.owner_id)
            self.assertEqual(
                (len(history), test_state.folded(*history)),
                (record.history_count, record.history_head))
            slots = record.kind == state_records.CidKind.SLOT
            self.assertEqual(
                slots, isinstance(history[0].content, transaction.Request))
            versions = [made for made in history if not slots or isinstance(
                made.content, transaction.Request)]
            # Each version once, in order, all by the owner.
            self.assertEqual(list(range(1, len(versions) + 1)),
                             [made.content.vid for made in versions])
            self.assertEqual({record.owner_id},
                             {made.sender_id for made in versions})
            self.assertEqual(
                (len(versions) + 1, len(versions), versions[-1].txid),
                (record.next_vid, record.latest_vid, record.latest_txid))
            self.check_slots(record, history)

    def check_slots(self, record, history):
        requests = {made.content.vid: made for made in history
                    if isinstance(made.content, transaction.Request)}
        if not requests:
            self.assertEqual((), record.open_slots)
            return
        answers = [made for made in history
                   if not isinstance(made.content, transaction.Request)]
        answered = [made.content.vid for made in answers]
        self.assertEqual(len(answered), len(set(answered)))
        for made in answers:
            asked = requests[made.content.vid].content
            self.assertEqual(asked.recipient_id, made.sender_id)
            self.assertEqual(record.owner_id, made.content.recipient_id)
        opened = [slot.vid for slot in record.open_slots]
        self.assertEqual(sorted(set(opened)), opened)
        self.assertLessEqual(len(opened), limits.SLOTS_OPEN_MAX_COUNT)
        self.assertEqual(set(), set(opened) - (set(requests) - set(answered)))

    def check_pairs(self, world):
        by_pair = {}
        for made in world.accepted:
            if made.content.recipient_id is not None:
                key = identifiers.pair_state_key(
                    H, made.content.recipient_id, made.sender_id)
                by_pair.setdefault(key, []).append(made)
        for key, history in by_pair.items():
            self.assertEqual(
                state_records.PairRecord(
                    len(history), test_state.folded(*history)),
                state_records.PairRecord.from_bytes(
                    world.tree.values.get(key)))

    def check_map(self, world):
        keys = [key for key, _ in world.tree.values.hashes()]
        values = {key: world.tree.values.get(key) for key in keys}
        self.assertEqual(test_state_map.defined(values),
                         world.tree.map.root())
        for key, value in values.items():
            self.assertLess(len(value), limits.STATE_VALUE_MAX_BYTES)
            proof = world.tree.map.prove(key).to_bytes()
            state_map.verify(H, world.tree.map.root(), key, value, proof)


_PROGRAM = '''
import sys
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import state, state_map, transaction
from tacker_ledger.tests import vectors
data = vectors.load('state')
h = hashing.hasher(bytes.fromhex(data['chain_id']))
tree = state_map.StateMap(h, state_map.SparseNodes(), state_map.MemoryState())
for case in data['accepted']:
    view = {bytes.fromhex(k): bytes.fromhex(v) for k, v in case['before']}
    made = transaction.Transaction.from_bytes(
        h, bytes.fromhex(case['transaction']))
    outcome = state.apply_block(h, view, case['header_time_ms'], [made], None)
    overlay = tree.overlay(outcome.changes)
    for key, value in outcome.changes.items():
        sys.stdout.write(f'{key.hex()} {value.hex()}\\n')
    sys.stdout.write(f'{list(overlay.node_updates.items())}\\n')
    sys.stdout.write(f'{outcome.entries}\\n{overlay.root.hex()}\\n')
'''


class TestDeterminism(base.TestCase):
    """Nothing depends on the order in which Python keeps a set."""

    def test_hash_seeds(self):
        found = set()
        for seed in ('0', '1'):
            done = subprocess.run(
                [sys.executable, '-c', _PROGRAM], capture_output=True,
                check=True, cwd=base.CHECKOUT,
                env={**os.environ, 'PYTHONHASHSEED': seed})
            found.add(done.stdout)
        self.assertEqual(1, len(found))
        self.assertGreater(len(found.pop().splitlines()), 30)
