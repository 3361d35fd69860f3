# SPDX-License-Identifier: Apache-2.0
"""Anchors on a real Bitcoin node: paid, chained, replaced, undone."""

import dataclasses
import os
import pathlib
import socket
import subprocess
import sys

from tacker_ledger.bitcoin import proof_file
from tacker_ledger.bitcoin import rpc
from tacker_ledger.core import errors
from tacker_ledger.core.securelog import anchor_chain
from tacker_ledger.core.securelog import anchor_tree
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import op_return
from tacker_ledger.core.securelog import transaction
from tacker_ledger.tests import base
from tacker_ledger.tests.functional.securelog import bitcoin

OTS = pathlib.Path(sys.executable).with_name('ots')


class TestCase(base.TestCase):
    # the first of all may have to fetch the node
    TIMEOUT_SCALE = 5

    def setUp(self):
        super().setUp()
        self.node = bitcoin.node(self)

    def funded(self, terms=bitcoin.TERMS):
        one = self.node.wallet(terms)
        self.node.fund(one)
        return one

    def founded(self, spender):
        """Return the first output of a chain, in a block."""
        built = spender.found()
        spender.send(built.raw)
        self.node.mine()
        return built.tip

    def anchored(self, spender, tip, root=None):
        """Return an anchor in a block."""
        built = spender.build(root or os.urandom(32), tip)
        spender.send(built.raw)
        self.node.mine()
        return built

    def refused(self, reason, function, *arguments):
        """Assert that a call fails for that reason; return the error."""
        error = self.assertRaises(errors.BitcoinFailed, function, *arguments)
        self.assertEqual(reason, error.reason, error.message)
        return error

    def seen(self, txid):
        """Return an anchor as the node tells of it."""
        decoded = self.node.client.call('getrawtransaction', txid, True)
        height = None
        if 'blockhash' in decoded:
            height = self.node.client.call(
                'getblockheader', decoded['blockhash'])['height']
        return anchor_chain.Anchor(transaction.parse(decoded['hex']), height,
                                   decoded.get('confirmations', 0))

    def judge(self, first, txids, spender):
        call = self.node.client.call
        last = (transaction.Outpoint(txids[-1], 0) if txids else first)
        return anchor_chain.judge(
            [self.seen(txid) for txid in txids],
            anchor_chain.Expected(first, bitcoin.REGTEST.genesis, 3,
                                  (1, call('getblockhash', 1))),
            anchor_chain.Seen(call('getblockhash', 0),
                              call('getblockhash', 1),
                              spender.unspent(last)))


class TestChain(TestCase):

    def test_anchors_are_chained_and_found_by_the_first_output(self):
        spender = self.funded()
        first = tip = self.founded(spender)
        roots, txids = [], []
        for number in range(4):
            root = bytes([number]) * 32
            built = self.anchored(spender, tip, root)
            self.assertEqual(tip, built.inputs[0])
            self.assertEqual(root, built.root)
            tip = built.tip
            roots.append(root)
            txids.append(built.txid)
        decoded = self.node.client.call('getrawtransaction', txids[0], True)
        self.assertEqual(roots[0], op_return.from_decoded(decoded))
        self.assertEqual('6a20' + roots[0].hex(),
                         decoded['vout'][1]['scriptPubKey']['hex'])
        judgement = self.judge(first, txids, spender)
        self.assertTrue(judgement.good, judgement.problems)
        self.assertEqual(roots, [one.root for one in judgement.verdicts])
        self.assertEqual(
            ['final', 'final', 'confirmed', 'confirmed'],
            [one.state for one in judgement.verdicts])
        self.assertEqual(tip, judgement.tip)
        # a list that leaves out the newest, or one between, does not pass
        self.assertEqual(('tip-spent',),
                         self.judge(first, txids[:-1], spender).problems)
        self.assertIn('not-chained', self.judge(
            first, [txids[0], *txids[2:]], spender).problems)

    def test_the_tip_is_never_spent_by_the_wallet_itself(self):
        spender = self.funded()
        tip = self.founded(spender)
        call = self.node.client.wallet('anchors').call
        self.assertEqual([{'txid': tip.txid, 'vout': 0}],
                         call('listlockunspent'))
        call('sendall', [call('getnewaddress')])
        self.node.mine()
        self.assertTrue(spender.unspent(tip))
        # and after a start of the node
        self.node.stop()
        self.node.start()
        self.assertEqual([{'txid': tip.txid, 'vout': 0}],
                         call('listlockunspent'))
        self.anchored(spender, tip)

    def test_nothing_is_built_on_an_anchor_that_waits(self):
        spender = self.funded()
        built = spender.build(os.urandom(32), self.founded(spender))
        spender.send(built.raw)
        self.refused('rejected', spender.build, bytes(32), built.tip)
        self.node.mine()
        spender.build(bytes(32), built.tip)
        self.refused('inputs-spent', spender.build, bytes(32),
                     built.inputs[0])

    def test_sent_again_is_sent(self):
        spender = self.funded()
        tip = self.founded(spender)
        built = spender.build(os.urandom(32), tip)
        self.assertEqual('unknown', spender.status(built.txid).state)
        for _ in range(2):
            self.assertEqual(built.txid, spender.send(built.raw))
        self.assertEqual('pending', spender.status(built.txid).state)
        self.node.mine()
        self.assertEqual(built.txid, spender.send(built.raw))
        self.anchored(spender, built.tip)
        self.assertEqual(built.txid, spender.send(built.raw))
        self.assertEqual(built.raw, spender.raw(built.txid))


class TestFees(TestCase):

    def test_a_higher_fee_keeps_the_chain(self):
        spender = self.funded()
        first = tip = self.founded(spender)
        txids = []
        for _ in range(3):
            old = spender.build(os.urandom(32), tip)
            spender.send(old.raw)
            new = spender.replace(old.raw, 20.0)
            spender.send(new.raw)
            self.assertEqual((old.inputs, old.root), (new.inputs, new.root))
            self.assertEqual(old.change_satoshi + old.fee_satoshi,
                             new.change_satoshi + new.fee_satoshi)
            self.assertEqual(20 * new.vsize, new.fee_satoshi)
            before, after = (transaction.parse(one.raw).outputs
                             for one in (old, new))
            self.assertEqual(before[:2], after[:2])
            self.assertEqual(before[2].script, after[2].script)
            self.node.mine()
            self.assertEqual('confirmed', spender.status(new.txid).state)
            self.assertEqual('conflicted', spender.status(old.txid).state)
            txids.append(new.txid)
            tip = new.tip
        self.assertTrue(self.judge(first, txids, spender).good)

    def test_fees_end_at_the_cap(self):
        spender = self.funded(dataclasses.replace(bitcoin.TERMS,
                                                  fee_rate_max=3.0))
        built = spender.build(bytes(32), self.founded(spender))
        rates = []
        for _ in range(9):
            spender.send(built.raw)
            rates.append(built.fee_satoshi / built.vsize)
            if rates[-1] == 3.0:
                break
            built = spender.replace(built.raw)
        self.assertEqual(3.0, rates[-1])
        self.assertEqual(sorted(set(rates)), rates)
        self.refused('fee-too-high', spender.replace, built.raw)
        self.node.mine()
        self.refused('fee-too-high', spender.build, bytes(32), built.tip,
                     4.0)

    def test_a_node_that_asks_more_than_the_cap(self):
        self.node.stop()
        self.node.start('-minrelaytxfee=0.00100000')
        self.refused('fee-too-high', self.node.wallet().fee_rate)

    def test_an_empty_wallet(self):
        spender = self.node.wallet()
        self.assertEqual(0, spender.balance().satoshi)
        self.assertTrue(spender.balance().low)
        self.refused('wallet-empty', spender.found)
        rich = self.node.wallet(name='rich')
        self.node.fund(rich)
        self.node.client.wallet('rich').call(
            'sendtoaddress', spender.address(), '0.00003000')
        self.node.mine()
        built = spender.build(bytes(32), self.founded(spender))
        balance = spender.balance()
        self.assertTrue(balance.low)
        self.assertIn(balance.anchors_left, range(1, 10))
        self.refused('wallet-empty', spender.replace, built.raw, 50.0)
        self.node.fund(spender)
        self.assertFalse(spender.balance().low)


class TestReorganisation(TestCase):

    def undo(self, blocks):
        """Make the node forget its newest blocks, and refuse them."""
        for _ in range(blocks):
            self.node.client.call('invalidateblock', self.node.client.call(
                'getbestblockhash'))

    def test_an_anchor_waits_again(self):
        spender = self.funded()
        first = self.founded(spender)
        built = self.anchored(spender, first)
        before = spender.status(built.txid)
        self.assertEqual('confirmed', before.state)
        self.undo(1)
        self.assertEqual('pending', spender.status(built.txid).state)
        self.assertEqual('pending', self.judge(
            first, [built.txid], spender).verdicts[0].state)
        self.node.mine_empty()
        spender.send(built.raw)
        self.node.mine()
        after = spender.status(built.txid)
        self.assertEqual('confirmed', after.state)
        self.assertNotEqual(before.block_hash, after.block_hash)

    def test_another_anchor_took_its_place(self):
        spender = self.funded()
        tip = self.founded(spender)
        old = self.anchored(spender, tip)
        self.undo(1)
        # the same root with another fee is found instead
        new = spender.replace(old.raw)
        spender.send(new.raw)
        self.node.mine(2)
        self.assertEqual('confirmed', spender.status(new.txid).state)
        status = spender.status(old.txid)
        self.assertEqual(('conflicted', -2),
                         (status.state, status.confirmations))
        self.refused('inputs-spent', spender.send, old.raw)
        self.anchored(spender, new.tip)


class TestRebase(TestCase):

    def test_a_new_chain_names_the_old_one(self):
        spender = self.funded()
        first = self.founded(spender)
        old = self.anchored(spender, first)
        tree = anchor_tree.AnchorTree(
            {bytes(16): [anchor_tree.Entry(1, 7, b'h' * 32)]},
            rebase=old.tip)
        new = self.anchored(spender, self.founded(spender), tree.root)
        seen = [self.seen(old.txid), self.seen(new.txid)]
        expected = anchor_chain.Expected(first, bitcoin.REGTEST.genesis, 1)
        told = anchor_chain.Seen(bitcoin.REGTEST.genesis)
        self.assertEqual(('not-chained',), anchor_chain.judge(
            seen, expected, told).problems)
        path = anchor_tree.decode_path(tree.rebase_path().encode())
        seen[1] = dataclasses.replace(seen[1], rebase=path)
        judgement = anchor_chain.judge(seen, expected, told)
        self.assertTrue(judgement.good)
        self.assertEqual((anchor_chain.Gap(old.tip, new.txid),),
                         judgement.gaps)


class TestProofFile(TestCase):

    def verify(self, path):
        cookie = self.node.cookie.read_text()
        return subprocess.run(
            [str(OTS), '--no-cache', '--btc-regtest', '--bitcoin-node',
             f'http://{cookie}@127.0.0.1:{self.node.port}/', 'verify',
             str(path)], capture_output=True, text=True, timeout=60)

    def anchor(self, spender, tree, tip):
        """Return an anchor and its block, other transactions before it."""
        others = self.node.wallet(name='others')
        self.node.fund(others)
        for _ in range(4):
            self.node.client.wallet('others').call(
                'sendtoaddress', others.address(), 1)
        built = self.anchored(spender, tip, tree.root)
        block = self.node.client.call(
            'getblock', self.node.client.call('getbestblockhash'), 1)
        self.assertEqual(6, len(block['tx']))
        return built, block

    def test_the_stock_client_agrees(self):
        if not OTS.exists():
            self.skip_missing('opentimestamps-client')
        spender = self.funded()
        tip = self.founded(spender)
        files = {(bytes([log]) * 16, writer): leaf.leaf_file(
            bytes([log]) * 16, writer, 100, os.urandom(300))
            for log in range(5) for writer in range(1, log + 2)}
        logs = {}
        for (log_id, writer), data in files.items():
            logs.setdefault(log_id, []).append(
                anchor_tree.Entry(writer, 100, leaf.leaf_hash(data)))
        tree = anchor_tree.AnchorTree(
            logs, anchor_tree.Head(b'c' * 32, 9, b'b' * 32))
        built, block = self.anchor(spender, tree, tip)
        place = self.make_directory()
        for (log_id, writer), data in files.items():
            path = tree.log_path(log_id)
            proof = proof_file.build(
                leaf.leaf_hash(data), path.ots_steps(writer, 100), built.raw,
                block['tx'], block['height'])
            found = proof_file.check(proof, leaf.leaf_hash(data))
            self.assertEqual((block['height'], block['merkleroot']),
                             (found.height, found.text))
            name = f'{log_id.hex()}-{writer}.leaf'
            (place / name).write_bytes(data)
            (place / f'{name}.ots').write_bytes(proof)
        head = tree.ledger_path()
        (place / 'head.leaf').write_bytes(head.leaf_file())
        (place / 'head.leaf.ots').write_bytes(proof_file.build(
            leaf.leaf_hash(head.leaf_file()), head.ots_steps(), built.raw,
            block['tx'], block['height']))
        for name in ('head.leaf', f'{bytes(16).hex()}-1.leaf',
                     f'{(bytes([4]) * 16).hex()}-3.leaf'):
            done = self.verify(place / f'{name}.ots')
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn(f'Success! Bitcoin block {block["height"]} attests',
                          done.stderr)
        with open(place / 'head.leaf', 'ab') as handle:
            handle.write(b'x')
        self.assertNotEqual(
            0, self.verify(place / 'head.leaf.ots').returncode)

    def test_one_checkpoint_stands_there_itself(self):
        spender = self.funded()
        data = leaf.leaf_file(bytes(16), 1, 100, b'record')
        tree = anchor_tree.AnchorTree({bytes(16): [anchor_tree.Entry(
            1, 100, leaf.leaf_hash(data))]})
        built = self.anchored(spender, self.founded(spender), tree.root)
        self.assertEqual(leaf.leaf_hash(data), op_return.from_decoded(
            self.node.client.call('getrawtransaction', built.txid, True)))


class TestNode(TestCase):

    def test_a_node_that_is_down_and_comes_back(self):
        spender = self.funded()
        tip = self.founded(spender)
        self.node.stop()
        error = self.refused('unreachable', spender.build, bytes(32), tip)
        self.assertTrue(error.passing)
        self.node.start()
        self.anchored(spender, tip)

    def test_a_node_that_warms_up(self):
        self.node.mine(50)
        self.node.stop()
        self.node.start('-reindex', '-checkblocks=0', wait=False)
        self.node.wait()
        self.assertEqual(0, len(self.node.client.call('listwallets')))

    def test_a_wrong_password(self):
        path = self.make_directory() / 'password'
        path.write_text('someone:s3cret@/:#')
        path.chmod(0o600)
        client = rpc.Client(self.node.url, password_file=str(path))
        error = self.refused('unauthorized', client.call, 'uptime')
        self.assertNotIn('s3cret', repr(error) + repr(client))
        path.chmod(0o644)
        self.refused('unauthorized', client.call, 'uptime')

    def test_a_password_with_every_sign(self):
        self.node.stop()
        self.node.start('-rpcuser=u', '-rpcpassword=p@/#?%41 x', wait=False)
        path = self.make_directory() / 'password'
        path.write_text('u:p@/#?%41 x\n')
        path.chmod(0o600)
        client = rpc.Client(self.node.url, password_file=str(path))
        self.node.client = client
        self.node.wait()
        self.assertEqual(0, client.call('getblockcount'))

    def test_another_network(self):
        main = rpc.Chain('main', rpc.NETWORKS['main'][0])
        self.refused('wrong-network', self.node.client.check_chain, main)
        self.node.mine(2)
        call = self.node.client.call
        for pinned, good in (((2, call('getblockhash', 2)), True),
                             ((2, call('getblockhash', 1)), False),
                             ((9, call('getblockhash', 1)), False)):
            chain = dataclasses.replace(bitcoin.REGTEST, pinned=pinned)
            if good:
                self.node.client.check_chain(chain)
            else:
                self.refused('wrong-network',
                             self.node.client.check_chain, chain)

    def test_what_the_node_does_not_know(self):
        self.refused('not-found', self.node.client.call,
                     'getrawtransaction', '0' * 63 + '1', True)
        self.refused('not-found', self.node.client.call, 'getblock',
                     '0' * 64)
        self.refused('no-wallet', self.node.client.wallet('none').call,
                     'getbalance')
        self.refused('rejected', self.node.client.call, 'nonsense')

    def test_a_server_that_is_silent(self):
        silent = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(silent.close)
        client = rpc.Client(f'http://127.0.0.1:{silent.getsockname()[1]}',
                            cookie_file=str(self.node.cookie),
                            timeout_seconds=0.2)
        self.assertTrue(self.refused('timeout', client.call,
                                     'uptime').passing)
