# SPDX-License-Identifier: Apache-2.0
"""Tests of exporting a chain that goes on meanwhile."""

import io

from tacker_ledger.cmd import manage_chain
from tacker_ledger.tests.independent import export
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.unit.storage import stores


class TestRecords(stores.StoreCase):
    """The records of a node that runs."""

    def _verify(self, records: list[bytes]) -> int:
        return export.verify(io.BytesIO(b''.join(records)),
                             self.h.chain_id).height

    def test_still(self):
        """A chain that stands still is exported up to its head."""
        self.stored.commit(self.stored.digest('one'))
        self.stored.commit()
        self.assertEqual(2, self._verify(list(
            manage_chain.records(self.stored.reader))))

    def test_genesis_alone(self):
        """A chain without blocks is one as well."""
        self.assertEqual(0, self._verify(list(
            manage_chain.records(self.stored.reader))))

    def test_the_head_loses_its_certificate(self):
        """Heartbeats follow while it is written: it still ends certain."""
        self.stored.commit(self.stored.digest('one'))
        self.stored.commit()
        growing = manage_chain.records(self.stored.reader)
        records = [next(growing), next(growing)]
        self.stored.commit()
        self.stored.commit()
        records += growing
        self.assertEqual(4, self._verify(records))
        self.assertRaises(refusal.Refused, self._verify, records[:3])
