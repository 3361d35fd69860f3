# SPDX-License-Identifier: Apache-2.0
"""Confused deputy by a request.

A request says what the answer must look like and where it goes.  A stranger
wants an honest VNF's report for himself, or a form in which it does harm;
somebody between the two wants to turn an answer that is on its way.
"""

import dataclasses

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import trust
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.tests.attacks import ledger_case


class TestConfusedDeputy(ledger_case.LedgerCase):
    """An answer goes to its asker, in the form asked for."""

    def setUp(self):
        super().setUp()
        self.asked = self.tenant.request(
            self.vnf, description='state, please', compression=1)
        self.assert_committed(self.asked)
        self.obeyed = trust.Trust((trust.Commander(self.tenant.document),),
                                  own_ids=(self.vnf.key_id,))

    def turned(self, **options):
        """Return an answer of the VNF that is not what was asked for."""
        content = self.asked.content
        options = {'recipient': self.tenant, 'cid': content.cid,
                   'vid': content.vid, 'compression': content.compression,
                   'description': content.description, **options}
        return self.vnf.sealed(
            options.pop('recipient'), ledger_case.report(self.asked),
            **options)

    def test_to_another_recipient(self):
        for recipient in (self.thief, self.vnf):
            self.assert_refused(errors.WrongAnswerForm,
                                self.turned(recipient=recipient))
        self.assertEqual(0, self.pair(self.thief, self.vnf).count)

    def test_in_another_form(self):
        for options in ({'compression': 0}, {'description': ''},
                        {'description': 'state, please '}):
            self.assert_refused(errors.WrongAnswerForm,
                                self.turned(**options))

    def test_in_the_clear(self):
        """No request can make a VNF publish what it was to seal."""
        told = self.vnf.public(
            cid=self.asked.content.cid, description='state, please',
            compression=1)
        self.assert_refused(errors.WrongAnswerForm, told)

    def test_a_request_for_an_open_answer(self):
        """Such a request is malformed: it cannot even be made."""
        self.assertRaises(errors.Malformed, dataclasses.replace,
                          self.asked.content, encryption=0)
        self.assertRaises(errors.Malformed, dataclasses.replace,
                          self.asked.content, recipient_id=None)

    def test_a_strangers_copy_of_the_request(self):
        """It is on the chain under his name, and the VNF obeys no name."""
        copied = self.thief.request(
            self.vnf, description=self.asked.content.description)
        self.assert_committed(copied)
        located = acceptance.Located(self.chain.places[copied.txid], copied)
        self.assertRaises(
            errors.UnknownSender, acceptance.check, self.h,
            ledger_case.PROVIDER, self.obeyed, acceptance.Memory(), located)
        mine = acceptance.Located(
            self.chain.places[self.asked.txid], self.asked)
        acceptance.check(self.h, ledger_case.PROVIDER, self.obeyed,
                         acceptance.Memory(), mine)

    def test_a_request_in_the_tenants_slot(self):
        """Nobody else adds a request to a slot CID of the tenant's."""
        cid = self.asked.content.cid
        for party in (self.thief, self.vnf):
            self.assert_refused(errors.NotOwner, party.request(
                self.vnf, cid=cid, vid=2))

    def test_a_request_in_the_tenants_name(self):
        """The answer would go to the tenant; but it must be the tenant's."""
        content = dataclasses.replace(
            self.asked.content, vid=2, recipient_id=self.vnf.key_id)
        forged = self.thief.signed(content)
        with self.nothing_changes():
            self.assertEqual('bad-signature',
                             self.door.submit(forged)[0].code)
            block = ledger_case.forged_block(self.chain, forged.raw)
            self.assertRaises(errors.BadSignature,
                              self.chain.application.validate, block)

    def test_whoever_looks_on(self):
        """An answer is sealed to the key that signed the request."""
        told = self.vnf.answer(self.asked)
        self.assertEqual(self.tenant.key_id, told.content.recipient_id)
        self.assertRaises(
            errors.Undecryptable, authoring.open_configuration, self.h,
            told, self.thief.pair)
        self.assert_committed(told)
        opened, _key = authoring.open_configuration(
            self.h, told, self.tenant.pair)
        self.assertEqual(self.asked.txid, opened.request_txid)

    def test_an_answer_moved_to_another_request(self):
        """What an honest VNF told one asker is sealed to that slot."""
        told = self.vnf.answer(self.asked)
        self.assert_committed(told)
        second = self.tenant.request(
            self.vnf, cid=self.asked.content.cid, vid=2,
            description='state, please')
        self.assert_committed(second)
        moved = dataclasses.replace(told.content, vid=2)
        forged = self.thief.signed(moved)
        with self.nothing_changes():
            self.assertEqual('bad-signature',
                             self.door.submit(forged)[0].code)
        # A VNF that does it itself gains nothing: it does not open.
        replayed = self.vnf.signed(moved)
        self.assert_committed(replayed)
        self.assertRaises(
            errors.Undecryptable, authoring.open_configuration, self.h,
            replayed, self.tenant.pair, envelope.Role.RECIPIENT)

    def test_asking_a_group(self):
        """Members of a group answer for nobody but themselves."""
        group = ledger_case.Party(self.chain, 'group')
        asked = self.tenant.request(group)
        self.assert_committed(asked)
        member = self.obeyed.join((0, 1), group.key_id, 1)
        self.assertRaises(
            errors.NotForMe, acceptance.check_request, member,
            acceptance.Located(self.chain.places[asked.txid], asked),
            self.chain.time_ms)
        self.assert_refused(errors.WrongAnswerer, self.vnf.answer(asked))
