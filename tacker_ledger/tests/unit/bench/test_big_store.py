# SPDX-License-Identifier: Apache-2.0
"""A big store is a store like any other, only bigger."""

from tacker_ledger.bench import big_store
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.node import query
from tacker_ledger.storage import check
from tacker_ledger.storage import store
from tacker_ledger.tests import base
from tacker_ledger.tests import federations


class TestFill(base.TestCase):

    def test_what_is_made_is_sound_and_certified(self):
        made = federations.genesis(4)
        directory = self.make_directory() / 'data'
        steps = []
        big_store.fill(
            directory, big_store.Member(
                made.federation, made.signed.to_bytes(),
                {index: site.vote_seed
                 for index, site in enumerate(made.sites)}),
            federations.PROVIDER, 700, size=50, step=300,
            report=steps.append)
        self.assertEqual([300, 600, 700],
                         [step.transactions for step in steps])
        opened = store.LedgerStore(directory, made.federation,
                                   made.signed.to_bytes(), sync=False)
        self.addCleanup(opened.close)
        sound = check.complete(opened.env, made.h)
        self.assertEqual((3, 700), (sound.height, sound.transactions))
        reader = query.Query(opened.env, opened.nodes)
        (header, certificate), raws = reader.block(1)
        self.assertTrue(certificate)
        self.assertEqual(300, len(raws))
        certificate_module.certify(made.h, federations.PROVIDER,
                                   made.federation, header, certificate)
