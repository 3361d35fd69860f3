# SPDX-License-Identifier: Apache-2.0
"""Tests of making an agent out of documents and options."""

from oslo_config import cfg

from tacker_ledger.conf import vnf_client as options
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.tests import agent_case
from tacker_ledger.tests import base
from tacker_ledger.vnf_client.appliers import command
from tacker_ledger.vnf_client.appliers import file
from tacker_ledger.vnf_client.appliers import nftables
from tacker_ledger.vnf_client import apply
from tacker_ledger.vnf_client import bootstrap
from tacker_ledger.vnf_client import settings


def make_conf(**values) -> cfg.ConfigOpts:
    """Return a configuration object with these options set."""
    conf = cfg.ConfigOpts()
    # By name: a group object would be shared by all of these.
    conf.register_opts(options.OPTIONS, group='vnf_client')
    for name, value in {'bootstrap_file': '/x', **values}.items():
        conf.set_override(name, value, 'vnf_client')
    conf([], default_config_files=[])
    return conf


class TestOptions(base.TestCase):

    def test_defaults(self):
        found = settings.Settings.from_conf(make_conf())
        self.assertEqual(1, found.suite)
        self.assertEqual(600.0, found.console_interval_seconds)
        self.assertEqual((), found.health.command)

    def test_values(self):
        found = settings.Settings.from_conf(make_conf(
            state_directory='/x', suite='ed25519',
            health_check='ping -c 1 "a b"',
            health_check_timeout_seconds=3.0))
        self.assertEqual(
            ('/x', 2, ('ping', '-c', '1', 'a b'), 3.0),
            (str(found.directory), found.suite, found.health.command,
             found.health.timeout_seconds))

    def test_wrong_values(self):
        for values in ({'state_directory': 'relative'},
                       {'health_check': 'a "b'}):
            self.assertRaises(errors.BadOption, settings.Settings.from_conf,
                              make_conf(**values))

    def test_appliers(self):
        conf = make_conf(
            file_target=['dns=/etc/dns.conf'],
            file_reload=['dns=systemctl reload dns'],
            command_apply=['route=ip route add'],
            nftables_tables=['inet x'],
            nftables_command='ip netns exec y nft')
        loaded = apply.load_appliers(['file', 'command', 'nftables'], conf)
        self.assertEqual(
            [file.FileApplier, command.CommandApplier,
             nftables.NftablesApplier],
            [type(one) for one in loaded.values()])
        self.assertEqual(('ip', 'netns', 'exec', 'y', 'nft'),
                         loaded['nftables']._command)
        for values in ({'file_target': ['dns']},
                       {'file_reload': ['other=true']}):
            self.assertRaises(errors.BadOption, apply.load_appliers,
                              ['file'], make_conf(**values))
        self.assertRaises(errors.BadOption, apply.load_appliers,
                          ['nftables'], make_conf(nftables_tables=['x']))

    def test_keystore(self):
        directory = self.make_directory()
        provider = agent_case.providers.default()
        secret = directory / 'passphrase'
        secret.write_text('open sesame\n')
        secret.chmod(0o600)
        conf = make_conf(key_passphrase_file=str(secret))
        store = bootstrap.open_keystore(conf, directory, provider)
        store.generate('k', 2)
        plain = bootstrap.open_keystore(make_conf(), directory, provider)
        self.assertRaises(errors.Undecryptable, plain.pair, 'k')
        self.assertRaises(errors.BadOption, bootstrap.open_keystore,
                          make_conf(keystore='nowhere'), directory, provider)

    def test_document_file(self):
        self.assertRaises(errors.BadOption, bootstrap.read_document,
                          '/no/such/file')
        path = self.make_directory() / 'document'
        path.write_text('{}')
        self.assertRaises(errors.BadDocument, bootstrap.read_document,
                          str(path))


class TestBuild(agent_case.AgentCase):

    def test_the_saved_state_outlives_the_document(self):
        self.commit(self.author(self.configuration(b'x')))
        self.poll()
        # a document with other tenants changes nothing any more
        self.vnf = self.restart(document=self.bootstrap_document(
            commanders=(self.stranger.document,)))
        self.assertEqual([self.tenant.document], [
            one.document for one in self.vnf.state.trust.commanders])

    def test_another_chain(self):
        other = agent_case.ledger_simulator.Chain(nonce=b'x' * 16)
        self.assertRaises(
            errors.BadDocument, self.restart,
            document=self.bootstrap_document(chain_id=other.h.chain_id))

    def test_a_federation_document_that_is_not_the_chains(self):
        other = agent_case.ledger_simulator.Chain(nonce=b'x' * 16)
        self.assertRaises(
            errors.AuthenticityError, self.start,
            document=self.bootstrap_document(
                federation=other.signed.to_bytes()))
        self.assertRaises(
            errors.FormatError, self.start,
            document=self.bootstrap_document(federation=b'junk'))

    def test_the_intervals(self):
        self.assertEqual(30.0, self.vnf.agent.interval_seconds)
        other = self.start(interval_seconds=5.0)
        self.assertEqual(5.0, other.agent.interval_seconds)

    def test_the_bound_on_freshness(self):
        self.assertEqual(4 * 30_000, self.vnf.agent.timekeeper.bound_ms())
        slow = self.start(fresh_heartbeats=6)
        self.assertEqual(6 * 30_000, slow.agent.timekeeper.bound_ms())
        floor = self.start(fresh_min_seconds=500.0)
        self.assertEqual(500_000, floor.agent.timekeeper.bound_ms())

    def test_keys_survive_a_lost_state(self):
        before = self.vnf.document
        (self.vnf.root / 'state' / 'state').unlink()
        self.vnf = self.restart()
        self.assertEqual(before, self.vnf.document)
        self.commit(self.author(self.configuration(b'x')))
        self.poll()
        self.assertEqual(b'x', self.vnf.content())

    def test_the_chain_id_is_what_everything_is_bound_to(self):
        self.assertIs(hashing.hasher(self.h.chain_id), self.vnf.agent.h)
