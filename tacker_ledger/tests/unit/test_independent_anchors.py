# SPDX-License-Identifier: Apache-2.0
"""The second reader agrees about anchors."""

import hashlib
from typing import Any

from tacker_ledger.tests.independent import anchors
from tacker_ledger.tests.independent import bitcoin
from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests import independent_cases

unhexed = bytes.fromhex
flipped = independent_cases.flipped


def fields_of(path: str) -> list[Any]:
    """Return the items of a path file, to be changed."""
    fields: Any = cbor.decode(unhexed(path), anchors.MAX_PATH_BYTES)
    return list(fields)


class AnchorTestCase(independent_cases.IndependentTestCase):
    """A test of the one anchor in the vectors."""

    def setUp(self):
        super().setUp()
        self.found = self.load('anchors')
        self.root = unhexed(self.found['root'])
        self.raw = unhexed(self.found['transaction']['raw'])

    def logs(self) -> dict[bytes, list[anchors.Checkpoint]]:
        """Return the checkpoints of each log, read from the leaf files."""
        logs: dict[bytes, list[anchors.Checkpoint]] = {}
        for case in self.found['leaves']:
            file = unhexed(case['file'])
            log_id, writer, sequence, _ = anchors.read_checkpoint_file(file)
            logs.setdefault(log_id, []).append(
                (writer, sequence, hashlib.sha256(file).digest()))
        return logs


class TestLeaves(AnchorTestCase):
    """Leaf files and the root over them."""

    def test_checkpoints(self):
        """The file is made and read, and any tool hashes it."""
        for case in self.found['leaves']:
            fields = (unhexed(case['log_id']), case['writer'],
                      case['sequence'], unhexed(case['record']))
            file = unhexed(case['file'])
            self.assertEqual(file, anchors.checkpoint_file(*fields))
            self.assertEqual(fields, anchors.read_checkpoint_file(file))
            self.assertEqual(case['hash'], hashlib.sha256(file).hexdigest())

    def test_files_of_something_else(self):
        """A file of another kind, and one without a record, are refused."""
        file = unhexed(self.found['leaves'][0]['file'])
        for why, other in (('kind', unhexed(self.found['ledger']['file'])),
                           ('cut', file[:-64]),
                           ('long', file + bytes(4096 - 63))):
            self.assert_refused('malformed', why,
                                anchors.read_checkpoint_file, other)

    def test_ledger_and_rebase(self):
        """Head and old chain; an output's id stands as it is hashed."""
        ledger, rebase = self.found['ledger'], self.found['rebase']
        self.assertEqual(ledger['file'], anchors.ledger_file(
            unhexed(ledger['chain_id']), ledger['height'],
            unhexed(ledger['block_hash'])).hex())
        shown, _, index = rebase['tip'].partition(':')
        self.assertEqual(rebase['file'], anchors.rebase_file(
            unhexed(shown)[::-1], int(index)).hex())

    def test_root(self):
        """It is over all logs, between the old chain and the head."""
        self.assertEqual(self.root, anchors.anchor_root(
            self.logs(), unhexed(self.found['ledger']['file']),
            unhexed(self.found['rebase']['file'])))

    def test_one_checkpoint_is_its_root(self):
        """An anchor of one checkpoint publishes the checkpoint hash."""
        digest = unhexed(self.found['leaves'][0]['hash'])
        self.assertEqual(digest, anchors.anchor_root(
            {bytes(16): [(1, 100, digest)]}))


class TestPaths(AnchorTestCase):
    """Path files."""

    def test_logs(self):
        """Each lists all checkpoints of its log."""
        logs = self.logs()
        self.assertEqual(len(logs), len(self.found['paths']))
        for encoded in self.found['paths']:
            path = anchors.read_path(unhexed(encoded), self.root)
            self.assertEqual(1, path.kind)
            log_id, checkpoints = path.fields
            self.assertEqual(logs.pop(log_id),
                             [tuple(each) for each in checkpoints])

    def test_ledger_and_rebase(self):
        """The head is the last of the tree, the old chain the first."""
        case = self.found['ledger']
        path = anchors.read_path(unhexed(case['path']), self.root)
        self.assertEqual(
            (2, [unhexed(case['chain_id']), case['height'],
                 unhexed(case['block_hash'])], path.size - 1),
            (path.kind, path.fields, path.index))
        case = self.found['rebase']
        path = anchors.read_path(unhexed(case['path']), self.root)
        self.assertEqual(
            (3, case['tip'], 0),
            (path.kind, f'{bitcoin.shown(path.fields[0])}:{path.fields[1]}',
             path.index))

    def test_a_checkpoint_left_out(self):
        """The others do not lead to the root without it."""
        for encoded in self.found['paths'][1:]:
            fields = fields_of(encoded)
            checkpoints = fields[3]
            for number in range(len(checkpoints)):
                fields[3] = checkpoints[:number] + checkpoints[number + 1:]
                self.assert_refused('bad-proof', f'without {number}',
                                    anchors.read_path, cbor.encode(fields),
                                    self.root)

    def test_siblings_do_not_stand_for_checkpoints(self):
        """One checkpoint with the others as siblings is not its log."""
        fields = fields_of(self.found['paths'][2])
        fields[3], (_, _, other) = fields[3][:1], fields[3][1]
        fields[4:] = [6, 16, [other, *fields[6]]]
        self.assert_refused('bad-proof', 'a sibling', anchors.read_path,
                            cbor.encode(fields), self.root)

    def test_malformed(self):
        """Order, kind, version and position are checked."""
        def changed(place, value):
            fields = fields_of(self.found['paths'][1])
            fields[place] = value(fields[place])
            return cbor.encode(fields)

        for why, place, value in (
                ('kind', 0, lambda _: 4), ('version', 1, lambda _: 2),
                ('order', 3, lambda old: old[::-1]),
                ('twice', 3, lambda old: [old[0], *old]),
                ('none', 3, lambda _: []), ('index', 4, lambda _: 5),
                ('missing', 6, lambda old: old[1:]),
                ('too many', 6, lambda old: [*old, bytes(32)])):
            self.assert_refused('malformed', why, anchors.read_path,
                                changed(place, value), self.root)
        self.assert_refused('too-large', 'size', anchors.read_path,
                            bytes(anchors.MAX_PATH_BYTES + 1), self.root)

    def records(self) -> dict[bytes, dict[tuple[int, int], bytes]]:
        """Return what stands in the logs: by log id, then by place."""
        records: dict[bytes, dict[tuple[int, int], bytes]] = {}
        for case in self.found['leaves']:
            records.setdefault(unhexed(case['log_id']), {})[
                case['writer'], case['sequence']] = unhexed(case['record'])
        return records

    def _read(self, encoded: bytes) -> anchors.Path:
        path = anchors.read_path(encoded, self.root)
        if path.kind == 1:
            path.check_log(self.records().get(path.fields[0], {}))
        return path

    def test_a_log_that_was_cut(self):
        """A checkpoint that is listed has to be in the log."""
        for encoded in self.found['paths']:
            path = anchors.read_path(unhexed(encoded), self.root)
            records = self.records()[path.fields[0]]
            path.check_log(records)
            records.pop(max(records))
            self.assert_refused('bad-hash', 'cut', path.check_log, records)

    def test_each_byte_of_what_is_said_counts(self):
        """Changed files are refused, or say the same of another place."""
        for encoded in (*self.found['paths'], self.found['ledger']['path'],
                        self.found['rebase']['path']):
            right = self._read(unhexed(encoded))
            accepted = 0
            for changed in flipped(unhexed(encoded)):
                try:
                    path = self._read(changed)
                except refusal.Refused:
                    continue
                accepted += 1
                self.assertEqual((right.kind, right.fields, right.siblings),
                                 (path.kind, path.fields, path.siblings))
            self.assertLessEqual(accepted, 2, 'index and number of nodes')


class TestTransaction(AnchorTestCase):
    """The transaction that publishes the root."""

    def test_vectors(self):
        """What it spends and publishes, and its id."""
        read = bitcoin.read_transaction(self.raw)
        self.assertEqual(self.found['transaction']['txid'],
                         bitcoin.shown(read.digest))
        self.assertEqual(self.root, read.root())
        self.assertEqual(b'\x6a\x20' + self.root, read.outputs[1][1])
        (spent, index), = read.inputs
        self.assertEqual(self.found['rebase']['tip'],
                         f'{bitcoin.shown(spent)}:{index}')

    def _with_witness(self, witness: bytes) -> bytes:
        return (self.raw[:4] + b'\0\x01' + self.raw[4:-4] + witness
                + self.raw[-4:])

    def test_witnesses(self):
        """They do not change the id, and are there if announced."""
        self.assertEqual(
            bitcoin.read_transaction(self.raw),
            bitcoin.read_transaction(self._with_witness(b'\x01\x02ab')))
        self.assert_refused('malformed', 'none', bitcoin.read_transaction,
                            self._with_witness(b'\0'))

    def test_other_bytes(self):
        """Cut, continued, longer forms of lengths, or too many of them."""
        for why, data in (
                ('cut', self.raw[:-1]), ('more', self.raw + b'\0'),
                ('form', self.raw[:4] + b'\xfd\x01\0' + self.raw[5:]),
                ('inputs', self.raw[:4] + b'\x02' + self.raw[5:])):
            self.assert_refused('malformed', why, bitcoin.read_transaction,
                                data)
        self.assert_refused('too-large', 'size', bitcoin.read_transaction,
                            bytes(bitcoin.MAX_TRANSACTION_BYTES + 1))

    def test_no_root_and_several(self):
        """Nobody can say which one is meant."""
        script = b'\x22\x6a\x20' + self.root
        output = bytes(8) + script
        for why, data in (
                ('none', self.raw.replace(b'\x6a\x20', b'\x6a\x1f')),
                ('two', self.raw.replace(b'\x03\xe8', b'\x04\xe8', 1)
                 .replace(output, output * 2, 1))):
            read = bitcoin.read_transaction(data)
            self.assert_refused('not-an-anchor', why, read.root)


class TestProofs(AnchorTestCase):
    """Proof files and the list of anchors."""

    def test_proofs(self):
        """They lead through the root and the id to that of the block."""
        case = self.found['transaction']
        block = bitcoin.block_root(
            [unhexed(one)[::-1] for one in case['block']])
        for leaf in self.found['leaves']:
            digest = unhexed(leaf['hash'])
            proof = bitcoin.read_proof(unhexed(leaf['ots']), digest)
            at_root = proof.digests.index(self.root)
            at_id = proof.digests.index(unhexed(case['txid'])[::-1])
            self.assertEqual(at_root + 2, at_id)
            self.assertEqual((block, case['height']),
                             (proof.digests[-1], proof.height))

    def test_of_another_leaf(self):
        """A proof stands for its own leaf file."""
        one, other = self.found['leaves'][:2]
        self.assert_refused('bad-hash', 'leaf', bitcoin.read_proof,
                            unhexed(one['ots']), unhexed(other['hash']))

    def test_each_byte_counts(self):
        """No change of a proof proves the same."""
        leaf = self.found['leaves'][1]
        digest = unhexed(leaf['hash'])
        right = bitcoin.read_proof(unhexed(leaf['ots']), digest)
        for changed in flipped(unhexed(leaf['ots'])):
            try:
                proof = bitcoin.read_proof(changed, digest)
            except refusal.Refused:
                continue
            self.assertNotEqual(
                (right.digests[-1], right.height),
                (proof.digests[-1], proof.height))

    def test_list(self):
        """It names network, first output, and where the anchor is."""
        encoded = unhexed(self.found['list'])
        found = anchors.read_list(encoded)
        self.assertEqual('regtest', found.network)
        spent, index = found.first
        self.assertEqual(self.found['rebase']['tip'],
                         f'{bitcoin.shown(spent)}:{index}')
        (digest, _), = found.anchors
        self.assertEqual(self.found['transaction']['txid'],
                         bitcoin.shown(digest))
        self.assert_refused('malformed', 'cut', anchors.read_list,
                            encoded[:-1])
