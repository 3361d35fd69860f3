# SPDX-License-Identifier: Apache-2.0
"""Tests of reading a node's directory."""

import subprocess
import sys

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import state_map
from tacker_ledger.node import query
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.unit.storage import stores


class TestQuery(stores.StoreCase):
    """What answers are made of, read from the store."""

    def test_state_is_proven_at_one_head(self):
        one = self.stored.digest('one')
        block = self.stored.commit(one)
        present = identifiers.cid_state_key(self.h, one.content.cid)
        absent = identifiers.cid_state_key(self.h, bytes(16))
        pair, proven = self.stored.reader.state([present, absent])
        self.assertEqual(block.pair, pair)
        root = block.block.header.state_root
        for key, value, proof in proven:
            state_map.verify(self.h, root, key, value, proof)
        self.assertIsNotNone(proven[0][1])
        self.assertIsNone(proven[1][1])

    def test_a_damaged_map_proves_nothing(self):
        one = self.stored.digest('one')
        self.stored.commit(one)
        self.patch(query, '_PAUSE_SECONDS', 0)
        self.stored.store.nodes.set(1, bytes(32))
        self.stored.store.nodes.set(2, b'x' * 32)
        self.stored.store.nodes.set(3, b'x' * 32)
        key = identifiers.cid_state_key(self.h, one.content.cid)
        self.assertRaises(errors.CorruptStore, self.stored.reader.state,
                          [key])

    def test_history(self):
        one = self.stored.digest('one')
        block = self.stored.commit(one)
        key = identifiers.cid_state_key(self.h, one.content.cid)
        reader = self.stored.reader
        self.assertEqual((block.pair, key, ((1, 0, one.raw),)),
                         reader.history(key, 0, 10))
        self.assertEqual((), reader.history(key, 1, 10)[2])
        self.assertEqual((), reader.history(key, 0, 0)[2])
        self.assertEqual((), reader.history(key, 2 ** 64 - 1, 5)[2])
        self.assertEqual((), reader.history(bytes(32), 0, 5)[2])
        self.assertTrue(reader.changed_since([key], 0))
        self.assertFalse(reader.changed_since([key, bytes(32)], 1))

    def test_transaction_and_block(self):
        written = [self.stored.digest(f'tx {i}') for i in range(5)]
        block = self.stored.commit(*written)
        reader = self.stored.reader
        self.assertIsNone(reader.near(written[0].txid))
        for one in written:
            pair, inclusion, raw = found = reader.transaction(one.txid)
            # the tree of its block is kept from now on
            self.assertEqual(found, reader.near(one.txid))
            self.assertEqual((block.pair, one.raw), (pair, raw))
            block_module.InclusionProof(*inclusion).verify(
                self.h, raw, block.block.header.transactions_root)
        self.assertIsNone(reader.transaction(bytes(32)))
        self.assertIsNone(reader.near(bytes(32)))
        self.assertEqual((block.pair, tuple(one.raw for one in written)),
                         reader.block(1))
        self.assertEqual((block.pair, None), reader.block(1, body=False))
        self.assertIsNone(reader.block(2))
        self.assertEqual(block.pair, reader.head())
        self.assertEqual(1, reader.height())

    def test_a_tree_at_hand_spares_reading_the_block(self):
        one = self.stored.digest('one')
        self.stored.commit(one)
        reader = self.stored.reader
        self.patch(reader._chain, 'body', lambda txn, height: self.fail())
        reader.keep_tree(1, block_module.transactions_tree(
            self.h, (one.raw,)))
        self.assertEqual(reader.near(one.txid), reader.transaction(one.txid))

    def test_federations(self):
        made = federations.successor(self.stored.made)
        published = ledgers.federation_transaction(self.h, made)
        block = self.stored.commit(published)
        reader = self.stored.reader
        first, second = reader.federations()
        self.assertEqual((self.stored.made.signed.to_bytes(), None, None,
                          None), first)
        self.assertEqual(made.signed.to_bytes(), second[0])
        self.assertEqual((block.pair, published.raw), (second[1], second[3]))
        self.assertEqual((second,), reader.federations(1))
        self.assertEqual(made.federation, reader.federation())

    def test_another_process_reads_the_same(self):
        one = self.stored.digest('one')
        key = identifiers.cid_state_key(self.h, one.content.cid)
        code = ('import sys\n'
                'from tacker_ledger.node import query\n'
                'reader = query.open_directory(sys.argv[1])\n'
                'for line in sys.stdin:\n'
                '    found = reader.state([bytes.fromhex(line)])\n'
                '    print(repr(found), flush=True)\n')
        process = subprocess.Popen(
            [sys.executable, '-c', code, str(self.directory)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=base.CHECKOUT)
        self.addCleanup(process.communicate)
        for transaction in (one, self.stored.digest('two')):
            self.stored.commit(transaction)
            process.stdin.write(key.hex() + '\n')
            process.stdin.flush()
            self.assertEqual(repr(self.stored.reader.state([key])),
                             process.stdout.readline().rstrip())
        self.assertRaises(errors.NotFound, self.stored.reader.search)

    def test_no_chain(self):
        self.assertRaises(errors.NotFound, query.open_directory,
                          str(self.make_directory()))
