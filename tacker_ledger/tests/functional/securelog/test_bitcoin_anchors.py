# SPDX-License-Identifier: Apache-2.0
"""The whole way of a log line: to a validated anchor on a Bitcoin chain."""

import pathlib
import time

from tacker_ledger.bitcoin import proof_file
from tacker_ledger.core.securelog import anchor_tree
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import transaction
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import federation
from tacker_ledger.tests.functional.securelog import bitcoin
from tacker_ledger.tests.functional.securelog import services

DEPTH = 2


class BitcoinCase(base.TestCase):
    """A node of the test's own, and services that anchor there."""

    TIMEOUT_SCALE = 4
    DATABASE = 'sqlite'

    def setUp(self):
        super().setUp()
        self.node = bitcoin.node(self)
        self.wallet = self.node.wallet()
        self.node.fund(self.wallet)
        self.services = services.Services(self, self.DATABASE)
        self.log = self.services.log
        self.services.groups['bitcoin'] = {
            'url': self.node.url, 'cookie_file': self.node.cookie,
            'wallet': 'anchors', 'network': 'regtest',
            'final_depth': DEPTH}

    def pool(self) -> list[str]:
        """Return the txids that wait for a block."""
        return self.node.client.call('getrawmempool')

    def begin_chain(self) -> None:
        """Let the publisher make the first output, and bury it."""
        self.services.wait('the first output', self.pool)
        self.node.mine(DEPTH)

    def wait_anchor(self) -> None:
        """Wait until an anchor waits for a block."""
        self.services.wait('an anchor', self.pool)

    def anchors(self):
        """Return the transactions of anchors, without the first output."""
        return [sent for sent in self.services.database.sent()
                if sent.root != bytes(32)]


class TestVerdicts(BitcoinCase):
    def test_from_the_log_to_the_client(self):
        self.log.write(25)
        self.services.start('publisher')
        validator = self.services.start('validator')
        client = self.services.start('watch', '--count', '1',
                                     '--timeout-seconds', '60')
        self.begin_chain()
        self.wait_anchor()
        self.node.mine(1)
        time.sleep(1)
        self.assertEqual([], self.services.messages())
        self.node.mine(DEPTH - 1)
        printed, status = client.output()
        self.assertEqual(0, status)
        self.assertIn('checkpoint number 2 has been validated', printed)
        self.assertIn('a chain that is not evidence', printed)
        self.assert_proofs()
        # from here on only what leads back to the first output counts
        self.assertEqual(0, validator.stop())
        self.restart_validator(self.services.database.sent()[0].txid)
        # the next one spends the first one's output 0
        self.log.write(10)
        self.wait_anchor()
        self.node.mine(DEPTH)
        [message], status = self.services.watch(1)
        self.assertEqual((3, 0), (message['number'], status))
        first, second = self.anchors()
        self.assertEqual(
            transaction.Outpoint(first.txid.hex(), 0),
            transaction.parse(second.raw.hex()).inputs[0])

    def restart_validator(self, first):
        """Start a validator that knows the first output."""
        return self.services.start('validator', validator={
            'first_outpoint': f'{first.hex()}:0'})

    def test_an_anchor_of_another_chain_is_none(self):
        self.log.write(25)
        self.services.start('publisher')
        self.restart_validator(b'7' * 32)
        self.begin_chain()
        self.wait_anchor()
        self.node.mine(DEPTH)
        [message], status = self.services.watch(1)
        self.assertEqual(('not-anchored', 'not-chained', 5), (
            message['verdict'], message['problem'], status))

    def assert_proofs(self):
        """What lies beside the log proves the checkpoint by itself."""
        [sent] = self.anchors()
        folder = pathlib.Path(f'{self.log.file}.anchors')
        [checkpoint] = self.services.database.checkpoints(sent.anchor_id)
        name = (f'{sent.number:08d}-{checkpoint.writer}.'
                f'{checkpoint.sequence}.leaf')
        data = (folder / name).read_bytes()
        self.assertEqual(checkpoint.hash, leaf.leaf_hash(data))
        path = anchor_tree.decode_path(
            (folder / f'{sent.number:08d}.path').read_bytes())
        self.assertEqual(sent.root, path.root())
        attested = proof_file.check((folder / f'{name}.ots').read_bytes(),
                                    checkpoint.hash)
        header = self.node.client.call('getblockheader', sent.block.hex())
        self.assertEqual((header['height'], header['merkleroot']),
                         (attested.height, attested.text))

    def test_a_log_that_is_rebuilt_with_the_stolen_key(self):
        self.log.write(25)
        self.services.start('publisher')
        self.services.start('validator')
        self.begin_chain()
        self.wait_anchor()
        self.node.mine(DEPTH)
        self.assertEqual(0, self.services.watch(1)[1])
        # the thief has the key: another log of the same sessions
        self.log.close()
        forged = services.Log.__new__(services.Log)
        forged.file, forged.keys = self.log.file, self.log.keys
        for path in self.log.file.parent.glob('tacker.log*'):
            if path.is_file():
                path.unlink()
        forged.open()
        self.addCleanup(forged.close)
        forged.write(35, 'nothing happened %s')
        self.wait_anchor()
        self.node.mine(DEPTH)
        # whatever is anchored of it, the log that was there is gone
        messages, status = self.services.watch(2)
        self.assertEqual(4, status)
        gone = next(one for one in messages if one['verdict'] == 'missing')
        self.assertEqual((1, 2), (gone['writer'], gone['number']))


class TestLedgerHead(BitcoinCase):
    def test_the_ledger_s_head_goes_under_the_root(self):
        nodes = federation.Federation(1, heartbeat_seconds=0.5)
        self.addCleanup(nodes.close)
        self.services.groups['anchor_ledger'] = {
            'nodes': f'{nodes.url(0)}#0', 'ca_file': nodes.ca_file,
            'federation_document': nodes.genesis_file}
        self.log.write(10)
        self.services.start('publisher')
        self.services.start('validator')
        self.begin_chain()
        self.wait_anchor()
        self.node.mine(DEPTH)
        [message], status = self.services.watch(1)
        self.assertEqual(('validated', 0), (message['verdict'], status))
        [sent] = self.anchors()
        folder = pathlib.Path(f'{self.log.file}.anchors')
        name = f'{sent.number:08d}-ledger'
        path = anchor_tree.decode_path(
            (folder / f'{name}.path').read_bytes())
        self.assertEqual(sent.root, path.root())
        self.assertEqual(nodes.genesis.chain_id, path.head.chain_id)
        data = (folder / f'{name}.leaf').read_bytes()
        attested = proof_file.check(
            (folder / f'{name}.leaf.ots').read_bytes(),
            leaf.leaf_hash(data))
        self.assertEqual(sent.height, attested.height)


class TestChain(BitcoinCase):
    def test_a_reorganisation_and_a_node_that_was_away(self):
        self.log.write(10)
        self.services.start('publisher')
        self.services.start('validator')
        self.begin_chain()
        self.wait_anchor()
        [block] = self.node.mine(1)
        self.services.wait('a block', lambda: (
            self.anchors()[0].state == 'confirmed'))
        self.node.client.call('invalidateblock', block)
        self.services.wait('no block', lambda: (
            self.anchors()[0].state == 'pending'))
        self.node.stop()
        self.log.write(10)
        time.sleep(1)
        self.node.start()
        # not the very block that was undone
        self.node.mine_empty()
        self.node.mine(DEPTH)
        [message], status = self.services.watch(1)
        self.assertEqual((1, 0), (message['number'], status))
        self.wait_anchor()
        self.node.mine(DEPTH)
        [message], status = self.services.watch(1)
        self.assertEqual((2, 0), (message['number'], status))

    def test_an_anchor_that_waits_is_replaced(self):
        self.services.groups['bitcoin']['bump_after_seconds'] = 2
        self.log.write(10)
        self.services.start('publisher')
        self.services.start('validator')
        self.begin_chain()
        self.wait_anchor()
        self.services.wait('a replacement', lambda: (
            len(self.anchors()) > 1))
        self.services.wait('one in the pool', lambda: (
            self.pool() == [self.anchors()[-1].txid.hex()]))
        self.node.mine(DEPTH)
        [message], status = self.services.watch(1)
        self.assertEqual(('validated', 0), (message['verdict'], status))
        # it says which transaction it was in the end
        mined = self.node.client.call(
            'getblock', self.anchors()[0].block.hex()
            if self.anchors()[0].block else message['block'])['tx']
        self.assertIn(message['txid'], mined)

    def test_the_wrong_network_is_not_paid_on(self):
        self.log.write(10)
        self.services.start('publisher', bitcoin={'network': 'signet'})
        self.services.wait('the refusal', lambda: (
            'bitcoin-failed' in (self.services.directory /
                                 'publisher.out').read_text()))
        self.assertEqual([], self.services.database.sent())
        self.assertEqual([], self.pool())


class TestKills(BitcoinCase):
    DATABASE = 'mariadb'

    def test_killed_at_any_time_it_pays_once(self):
        self.services.start('validator')
        for round_number in range(5):
            self.log.write(10)
            publishers = [
                self.services.start('publisher', name=f'publisher-{name}',
                                    publisher={'lease_seconds': 1})
                for name in 'ab']
            time.sleep(2.5 + 0.3 * round_number)
            for publisher in publishers:
                publisher.kill()
            self.node.mine(DEPTH)
        self.log.close()
        self.services.start('publisher', publisher={'lease_seconds': 1})

        def is_over():
            self.node.mine(1)
            return any(message['number'] == 6
                       for message in self.services.messages())

        self.services.wait('the last checkpoint', is_over)
        self.assert_paid_once()

    def assert_paid_once(self):
        """Each checkpoint is in one transaction that is in a block."""
        database = self.services.database
        mined = [sent for sent in database.sent() if sent.block]
        numbers = [sent.number for sent in mined]
        self.assertEqual(len(numbers), len(set(numbers)))
        places = [(one.writer, one.sequence) for sent in mined
                  for one in database.checkpoints(sent.anchor_id)]
        self.assertEqual(len(places), len(set(places)))
        spent = {transaction.parse(sent.raw.hex()).inputs[0]
                 for sent in mined if sent.root != bytes(32)}
        self.assertEqual(len(mined) - 1, len(spent))
        # nothing else left the wallet
        known = self.node.client.wallet('anchors').call(
            'listtransactions', '*', 1000)
        paid = {one['txid'] for one in known if one['category'] == 'send'}
        self.assertEqual({sent.txid.hex() for sent in mined}, paid)
