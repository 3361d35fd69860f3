# SPDX-License-Identifier: Apache-2.0
"""A kept proof is checked with nothing but the federation document."""

import contextlib
import dataclasses
import io

from tacker_ledger.cmd import manage
from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import messages
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests.unit.core.consensus import scene


class TestVerify(base.TestCase):

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        votes = scene.Votes(self.made)
        self.record = evidence.Equivocation.of(
            self.made.federation.digest, 7, 1, 2, *(
                evidence.SignedVote(kind, digest, votes.sign(
                    2, kind, 7, 1, digest))
                for kind, digest in ((messages.Prepare.KIND, b'1' * 32),
                                     (messages.Commit.KIND, b'2' * 32))))
        self.genesis = self.make_directory() / 'federation.cbor'
        self.genesis.write_bytes(self.made.signed.to_bytes())

    def verify(self, record):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = manage.main(['evidence', 'verify', record, '--genesis',
                                  str(self.genesis)])
        return status, out.getvalue(), err.getvalue()

    def test_a_true_record(self):
        status, out, err = self.verify(self.record.to_bytes().hex())
        self.assertEqual((0, ''), (status, err))
        name = self.made.federation.members[2].name
        self.assertIn(f'{name} (member 2, epoch 0) signed a prepare', out)
        self.assertIn('height 7 in view 1', out)

    def test_records_that_prove_nothing(self):
        other = dataclasses.replace(self.record, member=1)
        foreign = dataclasses.replace(self.record, federation=b'x' * 32)
        for record, code in ((other, 'bad-proof'),
                             (foreign, 'unknown-federation')):
            status, out, err = self.verify(record.to_bytes().hex())
            self.assertEqual((1, ''), (status, out))
            self.assertIn(f'error: {code}:', err)
        for text in ('zz', '00', ''):
            self.assertEqual(1, self.verify(text)[0], text)

    def test_a_document_that_is_not_there(self):
        self.genesis.unlink()
        self.assertIn('bad-option', self.verify('00' * 8)[2]
                      + self.verify(self.record.to_bytes().hex())[2])
