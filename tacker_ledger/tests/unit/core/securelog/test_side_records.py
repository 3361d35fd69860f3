# SPDX-License-Identifier: Apache-2.0
"""Records beside a log: proofs, redactions, retentions, positions."""

import dataclasses

import hypothesis
from hypothesis import strategies

from tacker_ledger.core import errors
from tacker_ledger.core.securelog import proof
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import redaction
from tacker_ledger.core.securelog import resumption
from tacker_ledger.core.securelog import retention
from tacker_ledger.core.securelog import run_verification
from tacker_ledger.core.securelog import verify
from tacker_ledger.tests.attacks import log_case
from tacker_ledger.tests import base

EXAMPLES = hypothesis.settings(max_examples=150)


def _log() -> log_case.Log:
    log = log_case.Log('side records')
    log.open().blocks(2)
    return log


LOG = _log()
PARSED = [records.parse_line(one) for one in LOG.lines()]
KEYS = LOG.keys


def made_proof() -> proof.LineProof:
    return proof.build(PARSED[2].chained, PARSED[3:6], PARSED[6])


def made_redaction() -> redaction.Redaction:
    record = redaction.Redaction(
        LOG.log_id, log_case.TIME_MS, 'why \n not',
        ((1, 3, PARSED[3].digest),))
    return dataclasses.replace(
        record, signature=KEYS.signing.sign(record.message()))


def made_retention() -> retention.Retention:
    record = retention.Retention(
        LOG.log_id, log_case.TIME_MS, 'old',
        (retention.StandIn(PARSED[6], PARSED[0]),))
    return dataclasses.replace(
        record, signature=KEYS.signing.sign(record.message()))


def made_position() -> resumption.Position:
    context = KEYS.context(True)
    verifier = verify.Verifier(context, LOG.manifest)
    verifier.begin('a.log')
    for run in verifier.feed(LOG.files['a.log']) + verifier.end():
        verifier.absorb(run_verification.verify(run, context))
    return verifier.position()


class TestSideRecords(base.TestCase):

    def test_there_and_back(self):
        for made, back in (
                (made_redaction(), redaction.Redaction.from_line),
                (made_retention(), retention.Retention.from_line)):
            self.assertEqual(made, back(made.to_line()))
            self.assertEqual(1, made.to_line().count(b'\n'))
        self.assertEqual(made_proof(), proof.LineProof.from_bytes(
            made_proof().to_bytes()))
        self.assertEqual(made_position(), resumption.Position.from_bytes(
            made_position().to_bytes()))

    def test_a_redaction_of_another_key_covers_nothing(self):
        record = made_redaction()
        document, provider = KEYS.signing.document, KEYS.provider
        self.assertEqual({(1, 3, PARSED[3].digest)}, redaction.covered(
            [record], document, provider))
        self.assertEqual(frozenset(), redaction.covered(
            [dataclasses.replace(record, reason='else')], document,
            provider))

    def test_a_retention_of_another_session(self):
        record = made_retention()
        other = log_case.Log('other')
        other.open()
        other.open()
        agreement = records.parse_line(other.lines()[1])
        line = dataclasses.replace(record, stand_ins=(
            retention.StandIn(PARSED[6], agreement),)).to_line()
        self.assertRaises(errors.BadDocument,
                          retention.Retention.from_line, line)

    def test_every_field_of_a_proof_counts(self):
        document, provider = KEYS.signing.document, KEYS.provider
        whole = made_proof()
        whole.check(document, provider)
        checkpoint = whole.checkpoint
        for change in (
                {'writer': 2}, {'sequence': 4}, {'before': bytes(32)},
                {'salt': bytes(16)}, {'text': b'else'}, {'following': ()},
                {'following': (bytes(32), bytes(32))},
                {'checkpoint': dataclasses.replace(checkpoint,
                                                   number=2)},
                {'checkpoint': dataclasses.replace(checkpoint,
                                                   key=bytes(32))}):
            self.assertRaises(
                errors.BadProof, dataclasses.replace(whole, **change).check,
                document, provider)
        self.assertRaises(
            errors.BadSignature, dataclasses.replace(
                whole, checkpoint=dataclasses.replace(
                    checkpoint, signature=bytes(64))).check,
            document, provider)
        self.assertRaises(errors.BadSignature, whole.check,
                          log_case.Keys().signing.document, provider)

    @EXAMPLES
    @hypothesis.given(strategies.data())
    def test_decoders_refuse_what_is_not_theirs(self, data):
        for whole, back in (
                (made_redaction().to_line(), redaction.Redaction.from_line),
                (made_retention().to_line(), retention.Retention.from_line),
                (PROOF, proof.LineProof.from_bytes),
                (POSITION, resumption.Position.from_bytes)):
            at = data.draw(strategies.integers(0, len(whole)))
            other = data.draw(strategies.binary(max_size=3))
            changed = whole[:at] + other + whole[at + data.draw(
                strategies.integers(0, 3)):]
            try:
                found = back(changed)
            except errors.FormatError:
                continue
            again = (found.to_line() if hasattr(found, 'to_line')
                     else found.to_bytes())
            self.assertEqual(changed.rstrip(b'\n'), again.rstrip(b'\n'))


PROOF = made_proof().to_bytes()
POSITION = made_position().to_bytes()
