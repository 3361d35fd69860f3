# SPDX-License-Identifier: Apache-2.0
"""A stranger's junk buries a tenant's word.

Anybody may address a VNF.  Were its inbox one history, strangers could make
it long enough that the VNF never gets to its tenant's configuration.  Each
(recipient, sender) pair has a history of its own.
"""

from tacker_ledger.core.configuration import trust
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import state_records
from tacker_ledger.tests.attacks import federation_case
from tacker_ledger.tests.attacks import ledger_case

STRANGERS = 20
JUNK = 2000
PER_BLOCK = 200


class TestStrangerJunk(federation_case.FederationCase):
    """What strangers send costs the VNF nothing."""

    def setUp(self):
        super().setUp()
        self.strangers = [ledger_case.Party(self.chain, f'stranger {number}')
                          for number in range(STRANGERS)]
        self.first = self.tenant.sealed(self.vnf)
        self.assert_committed(self.first)
        self.bury()
        self.second = self.tenant.sealed(
            self.vnf, cid=self.first.content.cid, vid=2)
        self.assert_committed(self.second)
        self.trust = trust.Trust(
            (trust.Commander(self.tenant.document),),
            own_ids=(self.vnf.key_id,))

    def bury(self):
        """Commit thousands of transactions addressed to the VNF."""
        self.junk_bytes = 0
        for start in range(0, JUNK, PER_BLOCK):
            junk = [self.strangers[number % STRANGERS].request(self.vnf)
                    for number in range(start, start + PER_BLOCK)]
            self.chain.commit(*junk)
            self.junk_bytes += sum(len(one.raw) for one in junk)

    def followed(self):
        """Return the state keys that the VNF asks for."""
        return [identifiers.pair_state_key(self.h, recipient, sender)
                for recipient, sender in self.trust.pairs(0)]

    def entries(self, key):
        """Return the (height, index, raw) of a history, as a node has it."""
        return [(*place, self.chain.raw_at(place))
                for place in self.chain.histories.get(key, ())]

    def test_the_history_stays_as_short_as_the_tenant_made_it(self):
        junk = sum(self.pair(self.vnf, one).count for one in self.strangers)
        self.assertEqual(JUNK, junk)
        self.assertEqual(2, self.pair(self.vnf, self.tenant).count)
        self.assertEqual(2, self.cid(self.first.content.cid).history_count)

    def test_what_the_vnf_reads(self):
        """One proof and two transactions, whatever strangers sent."""
        keys = self.followed()
        self.assertEqual(1, len(keys))
        client = self.client()
        head = self.heads(client)
        proof = self.chain.tree.prove(keys[0]).to_bytes()
        value = self.chain.state.get(keys[0])
        client.check_state(head, keys[0], value, proof)
        record = state_records.PairRecord.from_bytes(value)
        entries = self.entries(keys[0])
        found = client.check_history(
            0, state_records.EMPTY_HEAD, entries, record.count, record.head)
        self.assertEqual(
            [self.first.txid, self.second.txid],
            [transaction.txid for _height, _index, transaction in found])
        read_bytes = len(value) + len(proof) + sum(
            len(raw) for _height, _index, raw in entries)
        self.assertLess(read_bytes, 8 * 1024)
        self.assertGreater(self.junk_bytes, 100 * read_bytes)

    def test_junk_does_not_pass_for_the_tenants(self):
        """A node that hides the tenant's word behind junk is found out."""
        client = self.client()
        self.heads(client)
        record = self.pair(self.vnf, self.tenant)
        stranger = identifiers.pair_state_key(
            self.h, self.vnf.key_id, self.strangers[0].key_id)
        junk = self.entries(stranger)
        genuine = self.entries(self.followed()[0])
        for entries in (junk[:2], [genuine[0], junk[-1]],
                        [genuine[0], *junk[-1:], genuine[1]], genuine[:1],
                        []):
            self.assertRaises(
                errors.HistoryIncomplete, client.check_history, 0,
                state_records.EMPTY_HEAD, entries, record.count,
                record.head)

    def test_the_proof_stays_short(self):
        """Thousands of pairs of one recipient spread over the whole map."""
        sizes = [len(self.chain.tree.prove(key).to_bytes())
                 for key in self.followed()]
        self.assertLess(max(sizes), 1024)
