# SPDX-License-Identifier: Apache-2.0
"""Audits, online and by exported files alone."""

import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import export
from tacker_ledger.tenant_client import audit
from tacker_ledger.tenant_client import keys
from tacker_ledger.tests.unit.tenant_client import simulator


class TestAudit(simulator.TenantCase):
    """The full history of a configuration."""

    def setUp(self):
        super().setUp()
        self.vnf('a')
        self.cid = self.create().cid
        self.tenant.configurations.update(self.cid, data=b'2')
        self.subject = self.tenant.audit

    def export(self, files=1):
        """Return the path of an export, cut into so many files."""
        data = export.header_record(
            self.chain.h.chain_id, self.chain.signed.to_bytes()) + b''.join(
                export.block_record(one.block.to_bytes(), one.certificate)
                for one in self.chain.blocks[1:])
        directory = self.make_directory() / 'export'
        directory.mkdir()
        size = len(data) // files + 1
        for number in range(files):
            (directory / f'{number:04}{export.SUFFIX}').write_bytes(
                data[number * size:(number + 1) * size])
        (directory / 'README').write_text('not part of it')
        return directory

    def test_history(self):
        entries = self.subject.history(self.cid)
        self.assertEqual([1, 2], [
            entry.placed.transaction.content.vid for entry in entries])
        for entry in entries:
            self.assertEqual(('configuration', 3, 3),
                             (entry.kind, entry.quorum, len(entry.signers)))
        self.assertRaises(errors.NotFound, self.subject.history, bytes(16))

    def test_requests_and_answers(self):
        cid = self.tenant.requests.create(
            self.tenant.vnfs.find('a'), self.key).cid
        self.assertEqual(['request', 'state-report'], [
            entry.kind for entry in self.subject.history(cid)])

    def test_who_may_not_read(self):
        stranger = self.new_tenant()
        entries = stranger.audit.history(self.cid)
        self.assertEqual([('sealed', None)] * 2,
                         [(entry.kind, entry.opened) for entry in entries])

    def test_an_auditor_who_was_let_in(self):
        auditor = self.new_tenant()
        key = auditor.keys.create('eve', keys.AUDITOR, simulator.SUITE)
        self.tenant.context.profile = dataclasses.replace(
            self.tenant.profile, auditor=key.document)
        cid = self.create('audited').cid
        [entry] = auditor.audit.history(cid)
        self.assertEqual(b'allow\n', entry.opened.payload.data)
        self.assertIsNone(auditor.audit.history(self.cid)[0].opened)

    def test_a_recovery_key_reads_too(self):
        offline = self.new_tenant()
        key = offline.keys.create('r', keys.RECOVERY, simulator.SUITE)
        self.tenant.context.profile = dataclasses.replace(
            self.tenant.profile, recovery=key.document)
        [entry] = offline.audit.history(self.create('kept').cid)
        self.assertEqual(b'allow\n', entry.opened.payload.data)

    def test_offline(self):
        for files in (1, 3):
            seen = []
            path = self.export(files)
            self.doors.asked.clear()
            found = self.subject.offline(path, self.cid, seen.append)
            self.assertEqual([], self.doors.asked)
            self.assertEqual(self.chain.height, found.height)
            self.assertEqual(self.chain.application.head.digest,
                             found.digest)
            self.assertEqual([b'allow\n', b'2'], [
                entry.opened.payload.data for entry in found.entries])
            total = sum(file.stat().st_size
                        for file in audit.export_files(path))
            self.assertEqual(total, seen[-1])

    def test_offline_and_online_agree(self):
        self.assertEqual(
            self.subject.history(self.cid),
            list(self.subject.offline(self.export(), self.cid).entries))

    def test_offline_across_a_pruned_boundary(self):
        entries = self.subject.offline(self.export(), self.cid).entries
        first = entries[0].placed.height
        blocks = self.chain.blocks
        pruned = [(codec.encode((block_module.VERSION,
                                 one.block.header_bytes, ()))
                   if one.block.header.height <= first
                   else one.block.to_bytes(), one.certificate)
                  for one in blocks[1:]]
        path = self.make_directory() / 'pruned.chain'
        path.write_bytes(export.header_record(
            self.chain.h.chain_id, self.chain.signed.to_bytes())
            + b''.join(export.block_record(*one) for one in pruned))
        found = self.subject.offline(path, self.cid)
        self.assertEqual((False, first + 1, self.chain.height),
                         (found.is_complete, found.bodies_from,
                          found.height))
        self.assertEqual(entries[1:], found.entries)
        self.assertTrue(self.subject.offline(self.export(),
                                             self.cid).is_complete)

    def test_a_single_file(self):
        file = next(self.export().glob(f'*{export.SUFFIX}'))
        self.assertEqual(2, len(self.subject.offline(
            file, self.cid).entries))

    def test_altered(self):
        path = self.export()
        file = next(path.glob(f'*{export.SUFFIX}'))
        data = bytearray(file.read_bytes())
        data[-2000] ^= 1
        file.write_bytes(bytes(data))
        error = self.assertRaises(errors.LedgerError, self.subject.offline,
                                  path, self.cid)
        self.assertIn('stream_offset', error.details)

    def test_another_chain(self):
        path = self.export()
        self.chain = simulator.ledger_simulator.Chain(nonce=b'x' * 16)
        self.doors = simulator.Doors(self.chain)
        other = self.new_tenant()
        self.assertRaises(errors.WrongFederation, other.audit.offline, path,
                          self.cid)

    def test_nothing_there(self):
        empty = self.make_directory()
        for path in (empty, empty / 'none'):
            self.assertRaises(errors.BadOption, self.subject.offline, path,
                              self.cid)
        header = empty / f'a{export.SUFFIX}'
        header.write_bytes(export.header_record(
            self.chain.h.chain_id, self.chain.signed.to_bytes()))
        self.assertRaises(errors.NotFound, self.subject.offline, header,
                          None)
