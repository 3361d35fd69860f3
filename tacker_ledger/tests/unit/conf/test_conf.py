# SPDX-License-Identifier: Apache-2.0
"""Tests of options and of the messages about wrong ones."""

import pathlib
import subprocess
import sys

from tacker_ledger import conf
from tacker_ledger.conf import opts
from tacker_ledger.core import errors
from tacker_ledger.tests import base

REQUIRED = ('member', 'federation_document', 'node_key_file',
            'certificate_file', 'ca_file', 'vote_key_file',
            'answer_key_file', 'data_directory')


class TestMakeConf(base.TestCase):

    def make(self, text: str):
        path = self.make_directory() / 'node.conf'
        path.write_text(text)
        return conf.make_conf(['--config-file', str(path)])

    def complete(self, more: str = '', without: str = '') -> str:
        lines = [f'{name} = x' for name in REQUIRED if name != without]
        return '\n'.join(['[node]', *lines, more])

    def test_complete(self):
        made = self.make(self.complete())
        self.assertEqual('x', made.node.member)
        self.assertEqual('registered', made.node.admission)

    def test_each_missing_option_is_named(self):
        for name in REQUIRED:
            error = self.assertRaises(errors.BadOption, self.make,
                                      self.complete(without=name))
            self.assertEqual(name, error.details['option'])
            self.assertIn(name, str(error))

    def test_each_wrong_value_is_named(self):
        for group, name, value in (
                ('node', 'pool_max_bytes', 'many'),
                ('node', 'bind_port', '70000'),
                ('node', 'rate_addressed_share', '1.5'),
                ('door', 'port', '-1'),
                ('door', 'host', 'no such host!'),
                ('operator', 'auth_strategy', 'none')):
            text = f'{name} = {value}\n'
            text = (self.complete(text) if group == 'node' else
                    self.complete() + f'\n[{group}]\n{text}')
            error = self.assertRaises(errors.BadOption, self.make, text)
            self.assertEqual((group, name), (error.details['group'],
                                             error.details['option']))

    def test_unreadable_files(self):
        self.assertRaises(errors.BadOption, self.make, 'garbage')
        self.assertRaises(errors.BadOption, conf.make_conf,
                          ['--config-file', '/nonexistent/node.conf'])

    def test_nothing_is_shared_between_two_objects(self):
        first = self.make(self.complete())
        second = self.make(self.complete('pool_max_transactions = 7'))
        self.assertEqual(7, second.node.pool_max_transactions)
        self.assertEqual(20_000, first.node.pool_max_transactions)
        first.set_override('pool_max_transactions', 5, 'node')
        self.assertEqual(7, second.node.pool_max_transactions)

    def test_relative_paths_start_at_the_file(self):
        made = self.make(self.complete('socket_file = /run/x.sock'))
        directory = pathlib.Path(made.config_file[0]).parent.resolve()
        self.assertEqual(str(directory / 'x'), made.node.data_directory)
        self.assertEqual('/run/x.sock', made.node.socket_file)
        self.assertEqual('', made.door.key_file)


class TestOpts(base.TestCase):

    def test_every_option_has_help(self):
        for group, options in opts.list_opts() + opts.list_vnf_client_opts():
            self.assertTrue(group.name)
            for option in options:
                self.assertTrue(
                    option.help and option.help.endswith('.'), option.name)

    def test_the_agent_needs_nothing_of_a_node(self):
        code = ('import sys\n'
                'from tacker_ledger.conf import opts\n'
                'opts.list_vnf_client_opts()\n'
                'print(sorted({name.partition(".")[0] for name in'
                ' sys.modules}))')
        output = subprocess.run(
            [sys.executable, '-c', code], check=True, text=True,
            capture_output=True).stdout
        for heavy in ('lmdb', 'sqlalchemy', 'oslo_db', 'oslo_messaging',
                      'openstack', 'cryptography'):
            self.assertNotIn(f"'{heavy}'", output)
