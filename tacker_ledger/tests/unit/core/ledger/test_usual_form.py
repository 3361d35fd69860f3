# SPDX-License-Identifier: Apache-2.0
"""The quick readers accept nothing that the general decoder refuses."""

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core.ledger import usual_form
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import samples
from tacker_ledger.tests.unit.core.ledger import test_state_records

SIGNATURE_MAX = 256
WRAP_MAX = 256


def content(data):
    """Return what the quick reader makes of a content."""
    return usual_form.configuration(
        data, compression_max=max(envelope.compressions()),
        key_max_bytes=limits.KEY_DOCUMENT_MAX_BYTES,
        wrap_max_bytes=WRAP_MAX, max_bytes=limits.CONFIGURATION_MAX_BYTES)


def whole(data):
    """Return what the quick reader makes of a transaction."""
    return usual_form.transaction(data, SIGNATURE_MAX,
                                  limits.TRANSACTION_MAX_BYTES)


def submission(data):
    """Return what the quick reader makes of a submission."""
    found = usual_form.submission(data, limits.TRANSACTION_MAX_BYTES)
    return None if found is None else (found,)


def pair_record(data):
    """Return what the quick reader makes of a pair's state."""
    return usual_form.pair_record(data)


def cid_record(data):
    """Return what the quick reader makes of a CID's state."""
    return usual_form.cid_record(data, 2 ** 32 - 1)


#: (quick reader, schema, what of the decoded array the reader returns)
READERS = {
    content: (transaction._CONTENT, lambda v: v[2:]),
    whole: (transaction._TRANSACTION, lambda v: v[1:]),
    submission: (transaction._SUBMISSION, lambda v: v[1:2]),
    pair_record: (state_records._PAIR_RECORD, lambda v: v[1:]),
    cid_record: (state_records._CID_RECORD, lambda v: v[1:])}

SEALED = [samples.sealed(), samples.sealed(samples.RSA_TENANT,
                                           samples.RSA_VNF, vid=24),
          samples.sealed(vid=7, description='a rule')]
PUBLIC = [samples.public(), samples.public(samples.RSA_TENANT, vid=255)]
RECORDS = [state_records.PairRecord(count, samples.fresh(32)).to_bytes()
           for count in (1, 23, 24, 255, 256, 65536, 2 ** 32, 2 ** 64 - 1)]
CIDS = [state_records.CidRecord(
    state_records.CidKind.CONFIGURATION, samples.fresh(32), vid + 1, vid,
    samples.fresh(32), (), vid, samples.fresh(32)).to_bytes()
    for vid in (1, 22, 23, 24, 255, 65535, 2 ** 32 - 1)]
USUAL = [
    *((content, one.content_bytes) for one in SEALED + PUBLIC),
    *((whole, one.raw) for one in SEALED + PUBLIC),
    *((submission, transaction.Submission(one.raw).to_bytes())
      for one in SEALED + PUBLIC),
    *((pair_record, record) for record in RECORDS),
    *((cid_record, record) for record in CIDS)]


class TestAgreement(base.TestCase):
    """What is accepted is what the general decoder returns."""

    def assert_agrees(self, reader, data):
        found = reader(data)
        if found is None:
            return
        schema, part = READERS[reader]
        decoded = codec.decode(data, schema, 10 ** 7)
        self.assertEqual(part(decoded), found)
        self.assertEqual(1, decoded[0])

    def test_usual_is_read(self):
        for reader, data in USUAL:
            self.assertIsNotNone(reader(data))
            self.assert_agrees(reader, data)

    def test_other_encodings_of_the_same_value(self):
        for reader, data in USUAL:
            for spoiled in samples.spoiled(data):
                self.assertIsNone(reader(spoiled))

    def test_cut_short(self):
        for reader, data in USUAL:
            for end in range(len(data)):
                self.assertIsNone(reader(data[:end]))

    @settings(max_examples=300, deadline=None)
    @given(st.sampled_from(USUAL), st.data())
    def test_one_byte_changed(self, usual, drawn):
        reader, data = usual
        at = drawn.draw(st.integers(0, min(len(data), 400) - 1)
                        | st.integers(0, len(data) - 1))
        changed = bytearray(data)
        changed[at] = drawn.draw(st.integers(0, 255))
        self.assert_agrees(reader, bytes(changed))

    @settings(max_examples=200, deadline=None)
    @given(st.sampled_from(sorted(READERS, key=lambda r: r.__name__)),
           st.binary(max_size=80))
    def test_anything(self, reader, data):
        self.assert_agrees(reader, data)

    @settings(max_examples=100, deadline=None)
    @given(test_state_records.CID_RECORDS)
    def test_every_cid_record(self, record):
        self.assert_agrees(cid_record, record.to_bytes())

    def test_bounds(self):
        data = SEALED[1].content_bytes
        for bound in ('key_max_bytes', 'wrap_max_bytes', 'max_bytes'):
            bounds = {'compression_max': 2, 'key_max_bytes': 1024,
                      'wrap_max_bytes': 256, 'max_bytes': 10 ** 6}
            self.assertIsNotNone(usual_form.configuration(data, **bounds))
            bounds[bound] = 8
            self.assertIsNone(usual_form.configuration(data, **bounds))
        raw = SEALED[1].raw
        self.assertIsNone(usual_form.transaction(raw, 255, 10 ** 6))
        self.assertIsNone(usual_form.transaction(raw, 256, 100))
        self.assertIsNone(usual_form.submission(
            transaction.Submission(raw).to_bytes(), len(raw) - 1))


class TestRefusals(base.TestCase):
    """What is not usual is refused by the general decoder, as before."""

    def test_text_that_is_no_utf8(self):
        data = samples.public(description='ab').content_bytes
        spoiled = data.replace(b'\x62ab', b'\x62\xff\xfe')
        self.assertNotEqual(data, spoiled)
        self.assertIsNone(content(spoiled))
        self.assertRaises(errors.Malformed, transaction.decode_content,
                          spoiled)


class TestSender(base.TestCase):
    """Whose a submission claims to be, for the rate of its key."""

    def test_sender(self):
        for one in SEALED + PUBLIC:
            encoded = transaction.Submission(one.raw).to_bytes()
            self.assertEqual(
                one.sender.to_bytes(),
                usual_form.sender_of_submission(encoded))

    def test_whatever_comes(self):
        encoded = transaction.Submission(SEALED[0].raw).to_bytes()
        for end in range(len(encoded)):
            found = usual_form.sender_of_submission(encoded[:end])
            self.assertIn(found, (None, SEALED[0].sender.to_bytes()))
        for unusual in (samples.request().raw, b'', b'\x83\x01\xf6'):
            self.assertIsNone(usual_form.sender_of_submission(unusual))
