# SPDX-License-Identifier: Apache-2.0
"""Tests of the programs' arguments and messages."""

import contextlib
import io

from tacker_ledger.cmd import manage
from tacker_ledger.cmd import progress
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import export
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers


class TestManage(base.TestCase):

    def run_manage(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = manage.main(arguments)
            except SystemExit as error:
                status = error.code
        return status, out.getvalue(), err.getvalue()

    def write_export(self, change=lambda records: records) -> str:
        made = federations.genesis()
        ledger = ledgers.Ledger(made)
        for number in range(3):
            ledger.commit([ledgers.digest_transaction(made.h, f'{number}')])
        records = [export.header_record(made.h.chain_id,
                                        made.signed.to_bytes())]
        records += [export.block_record(block.block.to_bytes(),
                                        block.certificate)
                    for block in ledger.blocks]
        path = self.make_directory() / 'x.chain'
        path.write_bytes(b''.join(change(records)))
        self.chain_id = made.h.chain_id.hex()
        return str(path)

    def test_a_chain_that_verifies(self):
        status, out, err = self.run_manage('chain', 'verify',
                                           self.write_export())
        self.assertEqual((0, ''), (status, err))
        self.assertIn('to height 3: 3 transactions', out)
        self.assertIn(self.chain_id, out)

    def test_what_is_wrong_is_named_with_its_place(self):
        path = self.write_export(lambda records: [
            *records[:2], records[3]])
        status, out, err = self.run_manage('chain', 'verify', path)
        self.assertEqual((1, ''), (status, out))
        self.assertTrue(err.startswith('error: bad-block: '), err)
        self.assertIn('(height 2, stream offset ', err)

    def test_the_chain_expected(self):
        path = self.write_export()
        self.assertEqual(0, self.run_manage(
            'chain', 'verify', path, '--chain-id', self.chain_id)[0])
        for wrong in ('0' * 64, 'xyz'):
            self.assertEqual(1, self.run_manage(
                'chain', 'verify', path, '--chain-id', wrong)[0])

    def test_files_that_are_missing(self):
        for arguments in (
                ('chain', 'verify', '/nonexistent'),
                ('chain', 'verify', '/nonexistent', '--federation',
                 '/nonexistent'),
                ('chain', 'export', '/nonexistent', '/nonexistent'),
                ('db', 'sync', '--config-file', '/nonexistent'),
                ('index', 'rebuild', '--config-file', '/nonexistent')):
            status, out, err = self.run_manage(*arguments)
            self.assertEqual((1, ''), (status, out), arguments)
            self.assertTrue(err.startswith('error: '), err)

    def test_arguments_that_are_none(self):
        for arguments in ((), ('federation',), ('federation', 'init'),
                          ('chain', 'praise'), ('--colour',)):
            status, _, err = self.run_manage(*arguments)
            self.assertEqual(2, status)
            self.assertIn('usage: ', err)

    def test_an_interrupt(self):
        def interrupt(*_):
            raise KeyboardInterrupt
        path = self.write_export()
        parser = manage.make_parser()
        self.patch(manage, 'make_parser', lambda: parser)
        arguments = parser.parse_args(['chain', 'verify', path])
        arguments.run = interrupt
        self.patch(parser, 'parse_args', lambda argv: arguments)
        self.assertEqual(130, self.run_manage()[0])


class TestProgress(base.TestCase):

    def test_nothing_is_shown_without_a_terminal(self):
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            with progress.bar(10, 'blocks') as advance:
                advance(3)
                advance(10)
        self.assertEqual('', err.getvalue())

    def test_a_terminal_sees_how_far_it_is(self):
        class Terminal(io.StringIO):
            def isatty(self):
                return True
        err = Terminal()
        with contextlib.redirect_stderr(err):
            with progress.bar(10, 'blocks') as advance:
                advance(10)
        self.assertIn('10.0', err.getvalue())
        self.assertIn('blocks', err.getvalue())


class TestCodes(base.TestCase):

    def test_an_error_says_where(self):
        error = errors.BadBlock('wrong', height=7, stream_offset=0)
        self.assertEqual(' (height 7, stream offset 0)',
                         manage._where(error))
        self.assertEqual('', manage._where(errors.BadBlock('wrong')))
