# SPDX-License-Identifier: Apache-2.0
"""Tests of tacker_ledger.securelog.files."""

import os

from tacker_ledger.core import errors
from tacker_ledger.core.securelog import records
from tacker_ledger.securelog import files
from tacker_ledger.tests.unit.core.securelog import test_session


class TestFiles(test_session.SessionCase):
    """What files say of earlier sessions."""

    def setUp(self):
        super().setUp()
        self.path = str(self.make_directory() / 'service.log')

    def test_state_cells(self):
        state = files.StateFile(self.path)
        self.addCleanup(state.close)
        self.assertIsNone(state.log())
        self.assertIsNone(state.slot(5))
        log = files.LogState(b'i' * 16, 9, b'd' * 32)
        state.note_log(log)
        slots = {0: files.SlotState(4, (7, b'h' * 32), False),
                 5: files.SlotState(9, None, False),
                 6: files.SlotState(8, (0, b'k' * 32), True)}
        for slot, one in slots.items():
            state.note_slot(slot, one)
        self.assertEqual(log, state.log())
        self.assertEqual(slots, {slot: state.slot(slot) for slot in slots})
        self.assertIsNone(state.slot(1))
        os.pwrite(state.descriptor, b'x', 64 + 20)
        self.assertIsNone(state.slot(0))

    def test_slots_are_taken_in_turn(self):
        first, one = files.take_slot(self.path)
        second, two = files.take_slot(self.path)
        self.assertEqual((0, 1), (first, second))
        files.release(one)
        again, three = files.take_slot(self.path)
        self.assertEqual(0, again)
        files.release(two)
        files.release(three)

    def test_a_lock_held_for_long(self):
        one = files.open_append(self.path)
        two = files.open_append(self.path)
        self.addCleanup(os.close, two)
        files.lock(one)
        self.assertRaises(errors.Busy, files.lock, two)
        files.release(one)
        files.lock(two)

    def tail(self, data: bytes) -> files.Tail:
        descriptor = files.open_append(self.path)
        try:
            os.truncate(self.path, 0)
            os.write(descriptor, data)
            return files.read_tail(descriptor)
        finally:
            os.close(descriptor)

    def test_tails(self):
        made = self.open()
        opening = made.unsent
        made.sent()
        line = made.line(b'text', b's' * 16)
        self.assertEqual(files.Tail(None, 0), self.tail(b''))
        self.assertEqual(files.Tail(None, 3), self.tail(b'abc'))
        self.assertEqual(files.Tail(made.opening, 0), self.tail(opening))
        last = records.parse_line(line)
        self.assertEqual(files.Tail(last, 9),
                         self.tail(opening + line + line[:9]))
        self.assertEqual(files.Tail(last, 0),
                         self.tail(opening + line + b'no record\n\n'))
        self.assertEqual(
            files.Tail(last, 1),
            self.tail(b'y' * 5_000_000 + b'\n' + line + b'z'))

    def test_what_an_opening_says_of_the_one_before(self):
        made = self.open()
        opening = made.opening
        self.assertIsNone(
            files.previous_session(None, files.Tail(None, 0), 99))
        self.assertEqual(
            records.PreviousSession(
                3, None, (0, opening.chained, bytes(32)), False, 2),
            files.previous_session(None, files.Tail(opening, 2), 99))
        noted = files.SlotState(8, (4, b'h' * 32), True)
        # the file is not what the session noted left there
        self.assertEqual(
            records.PreviousSession(8, (4, b'h' * 32), None, True, 0),
            files.previous_session(noted, files.Tail(opening, 0), 99))
        made.sent()
        made.close(1)
        record = records.parse_line(made.unsent)
        self.assertEqual(
            records.PreviousSession(
                3, (0, b'h' * 32), (1, record.chained, record.tag), True, 0),
            files.previous_session(
                files.SlotState(3, (0, b'h' * 32), False),
                files.Tail(record, 0), 99))
        # of another log, or forged: such an opening could not be read
        for forged in (files.SlotState(4, None, False),
                       files.SlotState(0, None, False)):
            self.assertIsNone(files.previous_session(
                forged, files.Tail(record, 0), 3))

    def test_numbers_of_writers_never_come_twice(self):
        opening = self.open().opening
        tail = files.Tail(opening, 0)
        fresh = b'f' * 16
        self.assertEqual(files.LogState(fresh, 0, bytes(32)),
                         files.log_state(None, files.Tail(None, 0), fresh))
        known = files.LogState(
            opening.log_id, 3, records.record_digest(opening.to_bytes()))
        self.assertEqual(known, files.log_state(None, tail, fresh))
        later = files.LogState(opening.log_id, 7, b'd' * 32)
        self.assertEqual(later, files.log_state(later, tail, fresh))
        self.assertEqual(
            later, files.log_state(later, files.Tail(None, 0), fresh))

    def test_appending_is_all_or_nothing(self):
        descriptor = files.open_append(self.path)
        self.addCleanup(os.close, descriptor)
        files.append_whole(descriptor, b'one\n')
        files.append_whole(descriptor, b'two\n')
        with open(self.path, 'rb') as file:
            self.assertEqual(b'one\ntwo\n', file.read())
