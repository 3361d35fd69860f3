# SPDX-License-Identifier: Apache-2.0
"""A ledger to attack: the real rules, the real way into a pool, real blocks.

:class:`LedgerCase` holds a chain of four members (``ledger_simulator``) and
the way into the pool of one of them.  What an attacker hands in meets the
same three judges as on a running federation: the node that is asked, an
honest leader that finds it in its pool all the same, and the other members
when a lying leader puts it into a block.
"""

import asyncio
import contextlib
import tempfile

from oslo_config import cfg

from tacker_ledger.conf import opts
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.node import admission
from tacker_ledger.node import intake as intake_module
from tacker_ledger.node import pool as pool_module
from tacker_ledger.storage import journal
from tacker_ledger.tests import base
from tacker_ledger.tests import ledger_simulator
from tacker_ledger.tests.vectors import keys

PROVIDER = providers.default()
RULESET = payload.Configuration('nftables', 'inet filter', b'policy drop;')
TEMPLATE = payload.Template('file', '/etc/x', b'x = 1', 'a vendor', '1')


class Party:
    """Somebody with a key pair who writes on one chain.

    :param chain: has a hasher ``h`` and a time ``time_ms``
    :param pair: the key pair; Ed25519 and X25519 from ``label`` if None
    """

    def __init__(self, chain, label='', pair=None):
        self.chain = chain
        self.pair = pair or keys.curve(PROVIDER, label)
        self.document = self.pair.document
        self.key_id = self.document.key_id

    def _fields(self, fields):
        return {'vid': 1, 'timestamp_ms': self.chain.time_ms,
                'nonce': PROVIDER.random_bytes(16), **fields}

    def authored(self, recipient, body=RULESET, **fields):
        """Return a sealed configuration and its content key."""
        fields = {'content_key': PROVIDER.random_bytes(32),
                  **self._fields(fields)}
        return authoring.author_configuration(
            self.chain.h, PROVIDER, self.pair, payload=body,
            recipient=recipient.document, **fields)

    def sealed(self, recipient, body=RULESET, **fields):
        """Return a sealed configuration; it founds a CID unless given one."""
        return self.authored(recipient, body, **fields).transaction

    def public(self, body=TEMPLATE, **fields):
        """Return a public configuration."""
        return authoring.author_public(
            self.chain.h, self.pair, payload=body, **self._fields(fields))

    def request(self, recipient, **fields):
        """Return a request which a minute is left to answer."""
        fields = self._fields(fields)
        fields.setdefault('slot_expiry_ms', fields['timestamp_ms'] + 60_000)
        return authoring.author_request(
            self.chain.h, self.pair, recipient_id=recipient.key_id, **fields)

    def answer(self, request, **fields):
        """Return an answer such as an honest VNF makes."""
        fields = {'timestamp_ms': self.chain.time_ms,
                  'nonce': PROVIDER.random_bytes(16),
                  'content_key': PROVIDER.random_bytes(32), **fields}
        return authoring.author_answer(
            self.chain.h, PROVIDER, self.pair, request, report(request),
            **fields).transaction

    def signed(self, content):
        """Return a transaction of any content that the format allows."""
        return transaction_module.Transaction.signed_by(
            self.chain.h, self.pair, content)


def report(request):
    """Return a state report about nothing, in answer to a request."""
    return payload.StateReport(request.txid, (), (), 0)


class _Host:
    """The node around an intake: member 1, not the leader."""

    member = 1

    def __init__(self, chain):
        self._chain = chain
        self.sent = []

    def now_ms(self):
        return self._chain.time_ms + 500

    def refusal(self):
        return None

    def leader(self):
        return 0

    def send(self, message, to):
        self.sent.append((message, to))


def default_conf():
    """Return the configuration of a node, all options at their defaults."""
    conf = cfg.ConfigOpts()
    for group, options in opts.NODE:
        conf.register_group(group)
        conf.register_opts(list(options), group=group)
    return conf


class Door:
    """The way into the pool of one member of a chain."""

    def __init__(self, chain, max_transactions=1000,
                 max_bytes=64 * 1024 * 1024):
        self.pool = pool_module.Pool(max_transactions, max_bytes)
        self.host = _Host(chain)
        self._directory = tempfile.TemporaryDirectory()
        self._journal = journal.Journal(self._directory.name, max_bytes)
        self._intake = intake_module.Intake(
            self.host, PROVIDER, chain.application, chain.state, self.pool,
            admission.OpenAdmission(default_conf(), None),
            chain.places.__contains__, self._journal, 1.0)

    def close(self):
        """Leave nothing behind."""
        self._journal.close()
        self._directory.cleanup()

    def submit(self, *transactions):
        """Hand transactions in; return the results."""
        return self.submit_raw(*(one.raw for one in transactions))

    def submit_raw(self, *raws):
        """Hand encoded transactions in; return the results."""
        return asyncio.run(self._intake.submit([
            transaction_module.Submission(raw).to_bytes() for raw in raws]))


def forged_block(chain, *raws, time_ms=None, proposer=2):
    """Return the block of a leader that judges nothing itself."""
    head = chain.application.head
    header = block_module.Header(
        chain_id=chain.h.chain_id, height=head.height + 1,
        parent=head.digest,
        transactions_root=block_module.transactions_root(chain.h, raws),
        state_root=chain.tree.root(),
        timestamp_ms=time_ms or head.time_ms + 1000, proposer=proposer,
        federation=chain.application.federation.digest)
    return block_module.Block.assembled(chain.h, header, raws)


class LedgerCase(base.TestCase):
    """Attacks on one chain by people who hold keys of their own."""

    def setUp(self):
        super().setUp()
        self.chain = ledger_simulator.Chain()
        self.h = self.chain.h
        self.door = Door(self.chain)
        self.addCleanup(self.door.close)
        self.tenant = Party(self.chain, 'tenant')
        self.thief = Party(self.chain, 'thief')
        self.vnf = Party(self.chain, 'vnf')

    def snapshot(self):
        """Return all that an attack must not change."""
        chain, pool = self.chain, self.door.pool
        return (chain.application.head, chain.tree.root(), len(chain.blocks),
                chain.application.federation, chain.state.hashes(),
                {key: list(places)
                 for key, places in chain.histories.items()},
                [entry.transaction.txid for entry in pool], pool.bytes)

    @contextlib.contextmanager
    def nothing_changes(self):
        """Demand that nothing has changed when the block ends."""
        before = self.snapshot()
        yield
        self.assertEqual(before, self.snapshot())

    def assert_refused(self, error, *attack, door=None, before=()):
        """Demand that all three judges refuse the last transaction.

        :param error: the class of the error
        :param before: good ones which stand in the same block
        :param door: what the node says at once, if that is another class
        """
        *rest, bad = attack
        before = [*before, *rest]
        with self.nothing_changes():
            result = self.door.submit(bad)[-1]
            self.assertEqual((door or error).code, result.code)
        with self.nothing_changes():
            self.assert_no_block(error, *before, bad)

    def assert_no_block(self, error, *transactions):
        """Demand that no leader gets the last one into a block."""
        self.assertRaises(error, self._propose, *transactions)
        block = forged_block(self.chain, *(one.raw for one in transactions))
        exc = self.assertRaises(error, self.chain.application.validate, block)
        self.assertEqual(error.code, exc.code)
        self.assertEqual(len(transactions) - 1, exc.details['index'])

    def _propose(self, *transactions):
        """Let an honest leader choose from its pool, and no more."""
        pool = self.chain.pool
        pool.waiting, pool.refused = list(transactions), []
        self.chain.application.propose(
            self.chain.time_ms + 1000, 0, allow_empty=True)
        if pool.refused:
            raise pool.refused[0]

    def assert_committed(self, *transactions, **options):
        """Demand that the door takes them and a block holds them."""
        for result in self.door.submit(*transactions):
            self.assertIsNone(result.code, result.message)
        self.chain.commit(*transactions, **options)
        self.door.pool.committed(transactions)
        for one in transactions:
            self.assertIn(one.txid, self.chain.places)

    def cid(self, cid):
        """Return the record of a CID, None if there is none."""
        value = self.chain.state.get(identifiers.cid_state_key(self.h, cid))
        return (None if value is None
                else state_records.CidRecord.from_bytes(value))

    def pair(self, recipient, sender):
        """Return the record of a (recipient, sender) pair."""
        value = self.chain.state.get(identifiers.pair_state_key(
            self.h, recipient.key_id, sender.key_id))
        return (state_records.PairRecord(0, state_records.EMPTY_HEAD)
                if value is None
                else state_records.PairRecord.from_bytes(value))

    def code_of(self, call, *arguments, **options):
        """Return the code of the error that a call ends with."""
        return self.assertRaises(errors.LedgerError, call, *arguments,
                                 **options).code
