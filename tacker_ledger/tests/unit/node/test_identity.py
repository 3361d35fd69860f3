# SPDX-License-Identifier: Apache-2.0
"""Tests of who a node is, read from its files."""

import pathlib

from tacker_ledger import conf as conf_module
from tacker_ledger.core import errors
from tacker_ledger.node import identity
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.node import nodes as nodes_module


class TestIdentity(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory() / 'federation'
        nodes_module.Nodes(self.directory, 3).close()
        self.conf = conf_module.make_conf(
            ['--config-file', str(self.home(1) / 'tacker-ledger.conf')])

    def home(self, index: int) -> pathlib.Path:
        return self.directory / f'node-{index}'

    def refused(self, option: str, value):
        before = self.conf.node[option]
        self.conf.set_override(option, str(value), 'node')
        found = self.assertRaises(errors.BadOption, identity.load,
                                  self.conf)
        self.assertEqual(option, found.details.get('option'))
        self.conf.set_override(option, before, 'node')

    def test_as_the_federation_was_made(self):
        own = identity.load(self.conf)
        again = identity.load(self.conf)
        self.assertEqual((1, 'node-1', 3), (own.index_in(own.genesis),
                                            own.name, own.genesis.size))
        self.assertEqual(own.genesis, again.genesis)
        # each process is another instance
        self.assertNotEqual(own.instance, again.instance)
        self.assertNotIn(repr(own.vote_seeds[0]), repr(own))
        self.assertEqual(
            (self.home(1) / 'answer.key').read_bytes(),
            identity.answer_seeds(self.conf)[0])

    def test_files_of_another_member(self):
        self.refused('vote_key_file', self.home(0) / 'vote.key')
        self.refused('answer_key_file', self.home(0) / 'answer.key')
        self.refused('certificate_file', self.home(0) / 'node.pem')
        self.refused('member', 'nobody')

    def test_a_key_of_another_length(self):
        path = self.directory / 'key'
        path.write_bytes(bytes(31))
        path.chmod(0o600)
        self.refused('vote_key_file', path)
        path.write_bytes(bytes(33))
        self.refused('answer_key_file', path)

    def test_secrets_open_to_others(self):
        for name, option in (('vote.key', 'vote_key_file'),
                             ('answer.key', 'answer_key_file'),
                             ('node.key', 'node_key_file')):
            path = self.home(1) / name
            path.chmod(0o640)
            self.refused(option, path)
            path.chmod(0o600)
        identity.load(self.conf)

    def test_documents_that_are_none(self):
        path = self.directory / 'document'
        whole = (self.home(1) / 'federation.cbor').read_bytes()
        for data in (b'', whole[:-1], whole + b'\0',
                     whole[:-1] + bytes([whole[-1] ^ 1])):
            path.write_bytes(data)
            self.refused('federation_document', path)
        self.refused('federation_document', self.directory / 'none')

    def test_neighbours(self):
        own = identity.load(self.conf)
        self.conf.set_override(
            'neighbours', ['node-0=[::1]:7', 'node-2=example:8'], 'node')
        self.assertEqual(
            [(0, '::1', 7), (2, 'example', 8)],
            [(peer.member, peer.host, peer.port) for peer in
             identity.peer_list(self.conf, own, own.genesis)])
        for wrong in ('node-0', 'node-9=h:1', 'node-0=h', 'node-0=:1',
                      'node-0=h:0', 'node-0=h:70000', 'node-0=h:x'):
            self.conf.set_override('neighbours', [wrong], 'node')
            error = self.assertRaises(errors.BadOption, identity.load,
                                      self.conf)
            self.assertEqual('neighbours', error.details['option'])

    def test_enrolled_keys(self):
        self.conf.set_override('enrolled_keys', ['AB' * 32], 'node')
        self.assertEqual([b'\xab' * 32], identity.enrolled_keys(self.conf))
        self.conf.set_override('enrolled_keys', ['ab'], 'node')
        self.assertRaises(errors.BadOption, identity.load, self.conf)
