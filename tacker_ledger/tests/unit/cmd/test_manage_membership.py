# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands by which a federation changes."""

import contextlib
import io
import pathlib
import shutil

from cryptography import x509

from tacker_ledger.cmd import federation_files
from tacker_ledger.cmd import manage
from tacker_ledger import conf as conf_module
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.node import identity
from tacker_ledger.tests import base
from tacker_ledger.transport import tls


class MembershipCase(base.TestCase):
    """The files of four members and of the issuing party."""

    def setUp(self):
        super().setUp()
        self.root = self.make_directory() / 'federation'
        self.run_manage('init', '--nodes', 4, '--directory', self.root,
                        '--suite', 'ed25519')
        self.genesis = self.root / 'federation.cbor'
        self.ca = self.root / 'ca'
        self.provider = providers.default()

    def run_manage(self, *arguments, status: int = 0) -> str:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            found = manage.main(['federation', *map(str, arguments)])
        text = out.getvalue() + err.getvalue()
        self.assertEqual(status, found, text)
        return text

    def home(self, index: int) -> pathlib.Path:
        return self.root / f'node-{index}'

    def propose(self, *arguments, name='next', status=0, **options) -> str:
        return self.run_manage(
            'propose', '--current', options.get('current', self.genesis),
            '--genesis', self.genesis, '--issuer-key',
            options.get('issuer', self.ca / 'issuer.key'), '--out',
            self.root / name, *arguments, status=status)

    def approve(self, *homes, name='next', current=None) -> str:
        """Let members approve in turn, in one file."""
        text = ''
        for home in homes:
            keys = [word for key in sorted(home.glob('node.key*'))
                    for word in ('--node-key', key)]
            text = self.run_manage(
                'approve', self.root / name, '--current',
                current or self.genesis, '--genesis', self.genesis, '--yes',
                *keys)
        return text

    def join(self, name: str, *arguments) -> pathlib.Path:
        home = self.root / name
        self.run_manage('join', '--name', name, '--genesis', self.genesis,
                        '--directory', home, '--host', '127.0.0.1',
                        '--suite', 'ed25519', '--peer-port', 9999,
                        *arguments)
        self.run_manage('certify', home / f'{name}.member', '--genesis',
                        self.genesis, '--ca', self.ca, '--out',
                        home / 'node.pem')
        shutil.copy(self.ca / 'ca.pem', home / 'ca.pem')
        return home

    def checked(self, name='next', current=None):
        """Return what a file puts in force after another."""
        now = federation_files.read_current(
            self.provider, str(current or self.genesis), str(self.genesis))
        return federation_module.check_successor(
            now.h, self.provider, now.federation,
            federation_files.read_signed(self.root / name))


class TestMembership(MembershipCase):

    def test_a_newcomer_for_a_member(self):
        home = self.join('newcomer')
        text = self.propose('--add', home / 'newcomer.member', '--remove',
                            'node-1')
        self.assertIn('REMOVE member node-1', text)
        self.assertIn('ADD member newcomer', text)
        text = self.approve(self.home(0), self.home(2))
        self.assertIn('cannot be submitted yet', text)
        text = self.approve(self.home(3), home)
        self.assertIn('It can be submitted', text)
        found = self.checked()
        self.assertEqual(['node-0', 'node-2', 'node-3', 'newcomer'],
                         [member.name for member in found.members])

    def test_the_newcomer_can_start(self):
        home = self.join('newcomer')
        conf = conf_module.make_conf(
            ['--config-file', str(home / 'tacker-ledger.conf')])
        own = identity.load(conf)
        genesis = federation_files.read_current(
            self.provider, str(self.genesis)).federation
        self.assertEqual(identity.NO_MEMBER, own.index_in(genesis))
        self.assertEqual(
            [0, 1, 2, 3],
            [peer.member for peer in identity.peer_list(conf, own, genesis)])
        self.propose('--add', home / 'newcomer.member')
        self.approve(*map(self.home, range(4)), home)
        found = self.checked()
        self.assertEqual(4, own.index_in(found))
        # told of the document, it knows so before its chain says it
        shutil.copy(self.root / 'next', home / 'newest.cbor')
        with open(home / 'tacker-ledger.conf') as file:
            text = file.read()
        (home / 'tacker-ledger.conf').write_text(text.replace(
            'node_key_file', 'newest_federation_document = newest.cbor\n'
            'node_key_file'))
        conf = conf_module.make_conf(
            ['--config-file', str(home / 'tacker-ledger.conf')])
        self.assertEqual(found, identity.load(conf).newest)

    def test_no_secret_is_in_what_is_handed_out(self):
        home = self.join('newcomer')
        material = (home / 'newcomer.member').read_bytes()
        for name in ('vote.key', 'answer.key'):
            self.assertNotIn((home / name).read_bytes(), material)
            self.assertEqual(0o600, (home / name).stat().st_mode & 0o777)

    def test_collecting(self):
        self.propose('--heartbeat-ms', 5000)
        copies = []
        for index in range(3):
            copy = self.root / f'copy-{index}'
            self.run_manage(
                'approve', self.root / 'next', '--current', self.genesis,
                '--node-key', self.home(index) / 'node.key', '--yes',
                '--out', copy)
            copies.append(copy)
        text = self.run_manage('collect', self.root / 'next', *copies,
                               '--current', self.genesis)
        self.assertIn('It can be submitted', text)
        self.assertEqual(5000, self.checked().parameters.heartbeat_ms)
        self.propose('--heartbeat-ms', 6000, name='other')
        self.assertIn('another document', self.run_manage(
            'collect', self.root / 'next', self.root / 'other', '--current',
            self.genesis, status=1))

    def test_nobody_signs_without_being_asked(self):
        self.propose('--days', 9)
        self.assertIn('--yes', self.run_manage(
            'approve', self.root / 'next', '--current', self.genesis,
            '--node-key', self.home(0) / 'node.key', status=1))
        shown = self.run_manage('show', self.root / 'next', '--current',
                                self.genesis)
        self.assertIn('0 of 3 needed', shown)

    def test_a_stranger_approves_nothing(self):
        home = self.join('stranger')
        self.propose('--days', 9)
        self.assertIn('no member', self.run_manage(
            'approve', self.root / 'next', '--current', self.genesis,
            '--node-key', home / 'node.key', '--yes', status=1))

    def test_rotated_keys(self):
        home = self.home(1)
        keys = ('node', 'vote', 'answer')
        document = federation_files.read_current(
            self.provider, str(self.genesis)).federation.members[1]
        self.run_manage(
            'member-keys', '--name', 'node-1', '--directory', home,
            '--current', self.genesis, '--keys', ','.join(keys), '--out',
            home / 'node-1.member', '--peer-address', '127.0.0.1:9')
        self.assertIn('a change is under way', self.run_manage(
            'member-keys', '--name', 'node-1', '--directory', home,
            '--current', self.genesis, '--out', home / 'x', status=1))
        self.propose('--rotate', home / 'node-1.member')
        text = self.approve(*map(self.home, range(3)))
        self.assertIn('3 of 3 needed have approved (node-0, node-1, node-2)',
                      text)
        found = self.checked().members[1]
        self.assertEqual('127.0.0.1:9', found.peer_address)
        for kind in keys:
            self.assertNotEqual(getattr(document, f'{kind}_key'),
                                getattr(found, f'{kind}_key'))
        conf = conf_module.make_conf(
            ['--config-file', str(home / 'tacker-ledger.conf')])
        own = identity.load(conf)
        genesis = federation_files.read_current(
            self.provider, str(self.genesis)).federation
        self.assertEqual([1, 1], [own.index_in(genesis),
                                  own.index_in(self.checked())])
        self.assertEqual(own.vote_seeds, (own.seed_in(genesis),
                                          own.seed_in(self.checked())))
        # the old key binds it no more once it is replaced
        self.assertEqual(own.vote_keys[1:],
                         tuple(own.keys_in(self.checked())))
        self.assertEqual(own.vote_keys, tuple(own.keys_in(genesis)))

    def test_the_issuing_key_is_replaced(self):
        new = self.ca / 'new.key'
        self.run_manage('issuer-key', '--suite', 'ed25519', '--out', new)
        self.assertIn('--new-issuer', self.propose(
            '--days', 9, issuer=new, status=1))
        self.assertIn('stays', self.propose('--new-issuer', status=1))
        self.propose('--new-issuer', issuer=new)
        self.approve(*map(self.home, range(3)))
        self.assertEqual(1, self.checked().epoch)
        # the next one is by the new key, from a file of a later epoch
        self.assertIn('--new-issuer', self.propose(
            '--days', 9, name='third', current=self.root / 'next', status=1))
        self.propose('--days', 9, name='third', issuer=new,
                     current=self.root / 'next')
        self.approve(*map(self.home, range(3)), name='third',
                     current=self.root / 'next')
        self.assertEqual(2, self.checked('third', self.root / 'next').epoch)

    def test_what_is_refused(self):
        home = self.join('newcomer')
        other = self.make_directory() / 'other'
        self.run_manage('init', '--nodes', 1, '--directory', other,
                        '--suite', 'ed25519')
        for arguments, part in (
                ((), 'change nothing'),
                (('--remove', 'nobody'), 'nobody'),
                (('--days', 0), '--days'),
                (('--rules', '9'), '--rules'),
                (('--add', self.genesis), 'no public material'),
                (('--add', home / 'node.key'), 'no public material'),
                (('--rotate', home / 'newcomer.member'), 'no member'),
                (('--block-max-bytes', 1), 'would be refused')):
            self.assertIn(part, self.propose(*arguments, status=1))
            self.assertFalse((self.root / 'next').exists())
        self.assertIn('another federation', self.run_manage(
            'propose', '--current', other / 'federation.cbor',
            '--issuer-key', other / 'ca' / 'issuer.key', '--out',
            self.root / 'next', '--add', home / 'newcomer.member', status=1))


class TestCertificates(MembershipCase):

    def read(self, path) -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates(path.read_bytes())

    def signed_by(self, path, authority: x509.Certificate) -> bool:
        try:
            self.read(path)[0].verify_directly_issued_by(authority)
        except Exception:  # noqa: BLE001 - of several kinds
            return False
        return True

    def test_the_same_keys_in_new_certificates(self):
        before = self.read(self.home(1) / 'node.pem')[0]
        out = self.make_directory() / 'out'
        text = self.run_manage('renew', '--ca', self.ca, '--out', out,
                               self.home(1) / 'node.pem', '--days', 5)
        self.assertIn('1 certificates', text)
        after = self.read(out / 'node-1.pem')[0]
        self.assertEqual(before.public_key(), after.public_key())
        self.assertNotEqual(before.serial_number, after.serial_number)
        self.assertEqual(
            before.extensions.get_extension_for_class(
                x509.SubjectAlternativeName).value,
            after.extensions.get_extension_for_class(
                x509.SubjectAlternativeName).value)
        shutil.copy(out / 'node-1.pem', self.home(1) / 'node.pem')
        tls.server_context(*(str(self.home(1) / name) for name in (
            'node.pem', 'node.key', 'ca.pem')))

    def test_a_new_authority_in_steps(self):
        old, = self.read(self.ca / 'ca.pem')
        self.assertIn('No new CA', self.run_manage(
            'renew', '--directory', self.root, '--new-ca', 'use', status=1))
        self.run_manage('renew', '--directory', self.root, '--new-ca',
                        'make')
        bundle = self.read(self.home(2) / 'ca.pem')
        self.assertEqual(old, bundle[0])
        self.assertEqual(2, len(bundle))
        self.assertTrue(self.signed_by(self.home(2) / 'node.pem', old))
        self.run_manage('renew', '--directory', self.root, '--new-ca', 'use')
        self.assertFalse(self.signed_by(self.home(2) / 'node.pem', old))
        self.assertTrue(self.signed_by(self.home(2) / 'node.pem', bundle[1]))
        self.run_manage('renew', '--directory', self.root, '--new-ca',
                        'finish')
        self.assertEqual(bundle[1:], self.read(self.home(2) / 'ca.pem'))
        # from now on it certifies
        self.run_manage('renew', '--directory', self.root)
        self.assertTrue(self.signed_by(self.home(3) / 'node.pem', bundle[1]))

    def test_arguments_that_do_not_fit(self):
        for arguments in (('--directory', self.root, '--ca', self.ca), (),
                          ('--ca', self.ca, '--out', self.root / 'out'),
                          ('--directory', self.root, '--days', 0)):
            self.run_manage('renew', *arguments, status=1)
