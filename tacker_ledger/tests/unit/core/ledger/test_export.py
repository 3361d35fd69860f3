# SPDX-License-Identifier: Apache-2.0
"""The exported form of a chain."""

import io

import hypothesis
from hypothesis import strategies

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import export
from tacker_ledger.tests import base

CHAIN_ID = bytes(range(32))
GENESIS = b'signed genesis'
RECORDS = ((b'block 1', b'certificate 1'), (b'block 2', b''),
           (b'block 3', b'certificate 3'))


def encoded() -> bytes:
    """Return an export whose records mean nothing."""
    return export.header_record(CHAIN_ID, GENESIS) + b''.join(
        export.block_record(*record) for record in RECORDS)


class Dribble:
    """Gives one byte at a time."""

    def __init__(self, data: bytes):
        self._data = io.BytesIO(data)

    def read(self, size, /):
        return self._data.read(min(size, 1))


def read(data: bytes):
    """Return header and records of an export."""
    reader = export.ExportReader(io.BytesIO(data))
    return reader.header, list(reader.records())


class TestExport(base.TestCase):
    """Writing and reading."""

    def test_round_trip(self):
        header, records = read(encoded())
        self.assertEqual(export.Header(CHAIN_ID, GENESIS), header)
        self.assertEqual(RECORDS, tuple(
            (record.block, record.certificate) for record in records))
        self.assertEqual(len(encoded()), records[-1].end)

    def test_cut_anywhere_and_joined(self):
        data = encoded()
        for cut in range(len(data)):
            joined = export.Joined((io.BytesIO(data[:cut]),
                                    io.BytesIO(data[cut:])))
            self.assertEqual(
                len(RECORDS), len(list(export.ExportReader(
                    joined).records())))

    def test_slow_reader(self):
        reader = export.ExportReader(Dribble(encoded()))
        self.assertEqual(len(RECORDS), len(list(reader.records())))

    def test_nothing_to_join(self):
        self.assertRaises(errors.Malformed, export.ExportReader,
                          export.Joined(()))

    def test_an_end_within_a_record(self):
        data = encoded()
        whole = {len(export.header_record(CHAIN_ID, GENESIS))}
        whole.update(record.end for record in read(data)[1])
        for end in range(len(data)):
            if end in whole:
                read(data[:end])
            else:
                self.assertRaises(errors.Malformed, read, data[:end])

    def test_where_the_damage_is(self):
        data = encoded()
        at = read(data)[1][0].end
        broken = data[:at + 4] + b'\xff' + data[at + 5:]
        error = self.assertRaises(errors.Malformed, read, broken)
        self.assertEqual(at, error.details['stream_offset'])

    def test_a_length_is_bounded_before_it_is_believed(self):
        class Endless:
            taken = 0

            def read(self, size, /):
                self.taken += size
                return b'\xff' * size

        endless = Endless()
        self.assertRaises(errors.Malformed, export.ExportReader, endless)
        self.assertEqual(4, endless.taken)

    @hypothesis.settings(max_examples=100)
    @hypothesis.given(strategies.binary(max_size=200))
    def test_any_bytes(self, data):
        try:
            header, records = read(data)
        except errors.FormatError:
            return
        self.assertEqual(data, export.header_record(
            header.chain_id, header.genesis) + b''.join(
                export.block_record(record.block, record.certificate)
                for record in records))
