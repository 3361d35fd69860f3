# SPDX-License-Identifier: Apache-2.0
"""Tests of the file that a backup is."""

import hashlib
import io
import json
import os
import tarfile

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies

from tacker_ledger.cmd import backup_archive
from tacker_ledger.core import errors
from tacker_ledger.tests import base

ABOUT = {'chain_id': 'ab', 'member': 'node-1', 'height': 7,
         'head_digest': 'cd', 'created_ms': 1_700_000_000_000}


class ArchiveCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.output = self.directory / 'b.tar'
        store = self.directory / 'data.mdb'
        store.write_bytes(b'store' * 1000)
        self.sources = [
            backup_archive.Source(backup_archive.STORE, store),
            backup_archive.Source('ca.pem', None, b'pem'),
            backup_archive.Source('vote.key', None, b'seed', True)]

    def write(self):
        return backup_archive.write(self.output, ABOUT, self.sources,
                                    lambda done: None)

    def read(self, path=None):
        with backup_archive.reading(path or self.output) as reader:
            return {entry.name: b''.join(parts) for entry, parts in reader}

    def tar(self, *members, manifest=None):
        """Return a tar of (TarInfo or name, bytes) behind a manifest."""
        if manifest is None:
            manifest = self.manifest([
                (info if isinstance(info, str) else info.name, data)
                for info, data in members])
        path = self.directory / 'made.tar'
        with tarfile.open(path, 'w') as tar:
            for info, data in (('manifest.json', manifest), *members):
                if isinstance(info, str):
                    info = tarfile.TarInfo(info)
                    info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    @staticmethod
    def manifest(files, **changed):
        entries = [{'name': name, 'bytes': len(data), 'secret': False,
                    'sha256': hashlib.sha256(data).hexdigest()}
                   for name, data in files]
        return json.dumps({'format': backup_archive.FORMAT, **ABOUT,
                           'entries': entries, **changed}).encode()


class TestWriting(ArchiveCase):

    def test_what_is_written_is_read(self):
        manifest = self.write()
        self.assertEqual({'ledger.mdb': b'store' * 1000, 'ca.pem': b'pem',
                          'vote.key': b'seed'}, self.read())
        self.assertEqual((7, 'node-1', 5007), (
            manifest.height, manifest.member, manifest.total_bytes))
        self.assertEqual(0o600, self.output.stat().st_mode & 0o777)
        self.assertEqual(['b.tar', 'data.mdb'],
                         sorted(os.listdir(self.directory)))
        with tarfile.open(self.output) as tar:
            self.assertEqual('manifest.json', tar.getnames()[0])

    def test_nothing_is_replaced(self):
        self.output.write_bytes(b'precious')
        self.assertRaises(errors.BadOption, self.write)
        self.assertEqual(b'precious', self.output.read_bytes())
        self.output = self.directory / 'nowhere' / 'b.tar'
        self.assertRaises(errors.BadOption, self.write)

    def test_what_reads_otherwise_is_no_backup(self):
        verify = backup_archive._verify

        def flip(file, manifest, report):
            file.seek(4096)
            file.write(b'X')
            file.flush()
            file.seek(0)
            verify(file, manifest, report)

        self.patch(backup_archive, '_verify', flip)
        error = self.assertRaises(errors.StorageFailed, self.write)
        self.assertIn('otherwise', error.message)
        self.assertEqual(['data.mdb'], os.listdir(self.directory))

    def test_a_file_that_shrinks_meanwhile_is_noticed(self):
        self.sources[0].path.write_bytes(b'')
        entries = backup_archive._entry

        def shrink(source):
            entry = entries(source)
            return backup_archive.Entry(entry.name, entry.bytes + 5,
                                        entry.sha256, entry.secret)

        self.patch(backup_archive, '_entry', shrink)
        self.assertRaises(errors.StorageFailed, self.write)


class TestReading(ArchiveCase):

    def refused(self, path):
        error = self.assertRaises(errors.BadDocument, self.read, path)
        return error.message

    def test_a_bit_that_flipped(self):
        self.write()
        data = bytearray(self.output.read_bytes())
        data[data.index(b'storestore')] ^= 1
        self.output.write_bytes(data)
        self.assertIn('damaged', self.refused(self.output))

    def test_a_tail_that_is_gone(self):
        self.write()
        data = self.output.read_bytes()
        for size in (len(data) // 8, 3000, 700, 100, 0):
            self.output.write_bytes(data[:size])
            self.refused(self.output)

    def test_members_that_do_not_belong_there(self):
        store = ('ledger.mdb', b'x')
        link = tarfile.TarInfo('ca.pem')
        link.type, link.linkname = tarfile.SYMTYPE, '/etc/passwd'
        device = tarfile.TarInfo('ledger.mdb')
        device.type = tarfile.CHRTYPE
        for members, manifest in (
                ((store, (link, b'')), None),
                (((device, b''),), None),
                ((store, ('more', b'x')), self.manifest([store])),
                ((('../ledger.mdb', b'x'),), None),
                ((('other', b'x'),), self.manifest([store])),
                ((('ledger.mdb', b'xx'),), self.manifest([store])),
                ((), self.manifest([store]))):
            self.refused(self.tar(*members, manifest=manifest))

    def test_manifests_that_are_none(self):
        store = ('ledger.mdb', b'x')
        for changed in (
                {'format': 'tacker-ledger-backup/2'}, {'height': -1},
                {'height': True}, {'height': '7'}, {'member': 'n' * 300},
                {'entries': []}, {'entries': [1]}, {'more': 1},
                {'entries': [{'name': 'ledger.mdb'}]}):
            self.refused(self.tar(store, manifest=self.manifest(
                [store], **changed)))
        for names in (['a', 'ledger.mdb'], ['ledger.mdb', 'a', 'a'],
                      ['ledger.mdb', '../a'], ['ledger.mdb', '/a'],
                      ['ledger.mdb', '.hidden'], ['ledger.mdb', 'a b'],
                      ['ledger.mdb', ''],
                      ['ledger.mdb', *(f'f{i}' for i in range(64))]):
            self.refused(self.tar(manifest=self.manifest(
                [(name, b'') for name in names])))
        for junk in (b'', b'{', b'[]', b'null', b'[' * 100_000):
            self.refused(self.tar(store, manifest=junk))

    def test_what_is_no_tar(self):
        for junk in (b'', b'junk', bytes(10_240)):
            self.output.write_bytes(junk)
            self.refused(self.output)
        self.assertRaises(errors.BadOption, self.read,
                          self.directory / 'nothing')

    def test_a_small_file_that_is_large(self):
        big = b'x' * (backup_archive.FILE_MAX_BYTES + 1)
        self.refused(self.tar(('ledger.mdb', b'x'), ('a', big)))

    @settings(max_examples=100, deadline=None)
    @given(strategies.recursive(
        strategies.none() | strategies.booleans() | strategies.integers()
        | strategies.text(max_size=20),
        lambda inner: strategies.lists(inner, max_size=4)
        | strategies.dictionaries(strategies.sampled_from(
            [*ABOUT, 'format', 'entries', 'x']), inner, max_size=7),
        max_leaves=20))
    def test_any_manifest_is_judged(self, value):
        try:
            backup_archive.parse_manifest(json.dumps(value).encode())
        except errors.BadDocument:
            return
        raise AssertionError(value)
