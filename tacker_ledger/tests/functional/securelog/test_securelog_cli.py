# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-securelog`` over files: what operators and auditors do."""

import contextlib
import io
import json
import pathlib
import random

from tacker_ledger.cmd import securelog
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records
from tacker_ledger.securelog import keys
from tacker_ledger.securelog import logger
from tacker_ledger.tests import base

INTACT, ALTERED, TRUNCATED, UNDECIDABLE, UNREADABLE = 0, 3, 4, 5, 6


class TestSecurelog(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.keys = self.directory / 'keys'
        self.assertEqual(0, self.run_command(
            'keygen', '--dir', str(self.keys))[0])

    def run_command(self, *arguments) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = securelog.main([str(one) for one in arguments])
            except SystemExit as error:
                status = error.code
        return status, out.getvalue(), err.getvalue()

    def verify(self, log, *arguments) -> tuple[int, str]:
        status, out, err = self.run_command(
            'verify', log, '--keys', self.keys, *arguments)
        self.assertEqual('', err)
        return status, out

    def plain(self, count: int = 1000) -> pathlib.Path:
        path = self.directory / 'plain.log'
        draw = random.Random(count)
        path.write_bytes(b''.join(
            b'2026-11-23 00:00:%02d.%03d 4242 DEBUG tacker.conductor '
            b'[req-%d] line %d\n' % (number % 60, number % 1000,
                                     draw.getrandbits(64), number)
            for number in range(count)))
        return path

    def sealed(self, count: int = 1000) -> pathlib.Path:
        path = self.directory / 'sealed.log'
        status, out, err = self.run_command(
            'seal', self.plain(count), '--keys', self.keys, '--output', path)
        self.assertEqual((0, ''), (status, err))
        self.assertIn(f'{count} lines', out)
        return path

    def written(self, sessions: int = 2, close: bool = True) -> pathlib.Path:
        """Return a log that the service's own writer has written."""
        path = self.directory / 'service.log'
        for _ in range(sessions):
            writer = logger.Logger(
                str(path), keys.load_writer(self.keys, providers.default()),
                providers.default(), block_lines=10)
            for number in range(25):
                writer.write(entry.escape(f'line {number}'))
            if close:
                writer.close()
            else:
                writer.abandon()
        return path

    def test_keys_are_made_once(self):
        status, _, err = self.run_command('keygen', '--dir', self.keys)
        self.assertEqual(1, status)
        self.assertIn('error: duplicate: ', err)
        for name in ('log-signing.key', 'auditor.key'):
            self.assertEqual(0o600, (self.keys / name).stat().st_mode & 0o777)

    def test_a_sealed_file(self):
        path = self.sealed()
        for more in ((), ('--public',), ('--jobs', '1'), ('--jobs', '3')):
            self.assertEqual(
                (INTACT, ('intact: 1000 lines, 10 checkpoints, '
                          '1 session(s) in 1 file(s)\n')),
                self.verify(path, *more))
        # what is shown is what was sealed
        _, out, _ = self.run_command('show', path)
        shown = [line.partition('  ')[2] for line in out.splitlines()]
        self.assertEqual(
            self.plain().read_text().splitlines(),
            [line for line in shown
             if not line.startswith(('opening ', 'checkpoint '))])

    def test_a_sealed_file_cut_or_changed(self):
        path = self.sealed(300)
        whole = path.read_bytes()
        draw = random.Random(1)
        for _ in range(20):
            size = draw.randrange(1, len(whole))
            path.write_bytes(whole[:size])
            self.assertIn(self.verify(path, '--jobs', '1')[0],
                          (ALTERED, TRUNCATED, UNREADABLE), size)
        path.write_bytes(whole.replace(b'line 250\x20', b'line 251\x20'))
        for jobs in ('1', '2'):
            status, out = self.verify(path, '--json', '--jobs', jobs)
            self.assertEqual(ALTERED, status)
            report = json.loads(out)
            self.assertEqual('altered', report['verdict'])
            self.assertEqual(
                [('edited', 254, 2, 3)],
                [(one['kind'], one['line'], one['before'], one['after'])
                 for one in report['findings']])

    def test_many_runs_on_many_cores_say_the_same(self):
        path = self.sealed(12_000)
        lines = path.read_bytes().splitlines(keepends=True)
        del lines[9000]
        lines[500], lines[501] = lines[501], lines[500]
        path.write_bytes(b''.join(lines))
        status, out = self.verify(path, '--json', '--jobs', '1')
        self.assertEqual(ALTERED, status)
        self.assertEqual((status, out),
                         self.verify(path, '--json', '--jobs', '2'))
        self.assertEqual(
            [('reordered', 501), ('deleted', 9001)],
            [(one['kind'], one['line'])
             for one in json.loads(out)['findings']])

    def test_a_service_log_and_its_trusted_checkpoints(self):
        path = self.written()
        self.assertEqual(INTACT, self.verify(path)[0])
        _, shown, _ = self.run_command('show', '--checkpoints', path)
        trusted = self.directory / 'trusted'
        trusted.write_text('# writer sequence hash\n' + ''.join(
            '{} {} {}\n'.format(*line.split()[0].split('.'),
                                line.split()[-1])
            for line in shown.splitlines()))
        self.assertEqual(INTACT, self.verify(path, '--trusted', trusted)[0])
        lines = path.read_bytes().splitlines(keepends=True)
        # the close of the second session and all before it up to its seal
        path.write_bytes(b''.join(lines[:-7]))
        self.assertEqual(UNDECIDABLE, self.verify(path)[0])
        status, out = self.verify(path, '--trusted', trusted)
        self.assertEqual(TRUNCATED, status)
        self.assertIn('an anchor or a collector holds a checkpoint', out)

    def test_a_list_of_trusted_checkpoints_that_is_none(self):
        trusted = self.directory / 'trusted'
        trusted.write_text('1 2 3\n')
        status, _, err = self.run_command(
            'verify', self.sealed(10), '--keys', self.keys, '--trusted',
            trusted)
        self.assertEqual(1, status)
        self.assertIn('line 1: not writer, sequence and hash', err)

    def test_no_secure_log(self):
        status, out = self.verify(self.plain())
        self.assertEqual(UNREADABLE, status)
        self.assertIn('unreadable', out)

    def test_another_auditors_key(self):
        path = self.sealed(10)
        other = self.directory / 'other'
        self.run_command('keygen', '--dir', other)
        (self.keys / 'auditor.key').write_bytes(
            (other / 'auditor.key').read_bytes())
        status, out = self.verify(path)
        self.assertEqual(UNREADABLE, status)
        self.assertIn('does not open with the auditor', out)
        self.assertEqual(INTACT, self.verify(path, '--public')[0])

    def test_another_signing_key(self):
        path = self.sealed(10)
        other = self.directory / 'other'
        self.run_command('keygen', '--dir', other)
        status, out, _ = self.run_command('verify', path, '--keys', other,
                                          '--public')
        self.assertEqual(ALTERED, status)
        self.assertIn('false-signature', out)

    def test_proof_of_one_line(self):
        path = self.sealed(250)
        made = self.directory / 'proof'
        status, out, err = self.run_command(
            'proof', '1.120', path, '--keys', self.keys, '--output', made)
        self.assertEqual((0, ''), (status, err))
        path.unlink()
        status, out, _ = self.run_command('check', made, '--keys', self.keys)
        self.assertEqual(0, status)
        self.assertIn('line 118\nproven: line 1.120 of log ', out)
        data = made.read_bytes()
        self.assertNotIn(b'line 119', data)
        made.write_bytes(data.replace(b'line 118', b'line 119'))
        status, out, _ = self.run_command('check', made, '--keys', self.keys)
        self.assertEqual(ALTERED, status)
        self.assertIn('not proven: bad-proof', out)

    def test_redacted_lines(self):
        path = self.sealed(250)
        status, out, err = self.run_command(
            'redact', path, '1.120', '1.121', '--reason',
            'personal data', '--keys', self.keys)
        self.assertEqual((0, ''), (status, err))
        self.assertNotIn(b'line 118\x20', path.read_bytes())
        for more in ((), ('--public',)):
            status, out = self.verify(path, *more)
            self.assertEqual(INTACT, status, out)
            self.assertEqual(2, out.count('redacted: '))
        # without its record, or with one of another's, it is an alteration
        record = pathlib.Path(f'{path}.redactions')
        self.assertIn(b'personal data', record.read_bytes())
        signed = record.read_bytes()
        record.unlink()
        self.assertEqual(ALTERED, self.verify(path)[0])
        record.write_bytes(signed.replace(b'2 lines', b'3 lines'))
        self.assertEqual(ALTERED, self.verify(path)[0])

    def test_a_line_that_is_not_there_is_not_redacted(self):
        path = self.sealed(10)
        whole = path.read_bytes()
        status, _, err = self.run_command(
            'redact', path, '1.1', '1.99', '--reason', 'r', '--keys',
            self.keys)
        self.assertEqual(1, status)
        self.assertIn('error: not-found: ', err)
        self.assertEqual(whole, path.read_bytes())

    def test_expired_blocks(self):
        path = self.written(2)
        for line in path.read_bytes().splitlines():
            record = records.parse_line(line)
            if (isinstance(record, records.Checkpoint)
                    and (record.writer, record.number) == (2, 2)):
                moment = record.time_ms
        status, out, err = self.run_command(
            'expire', path, '--before', records.utc(moment)[:-1],
            '--reason', 'kept for a year', '--keys', self.keys)
        self.assertEqual((0, ''), (status, err))
        for more in ((), ('--public',)):
            status, out = self.verify(path, *more)
            self.assertEqual(INTACT, status, out)
            self.assertIn('expired: ', out)
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b''.join(lines[1:]))
        self.assertEqual(ALTERED, self.verify(path)[0])
        path.write_bytes(b''.join(lines))
        pathlib.Path(f'{path}.retention').unlink()
        self.assertEqual(ALTERED, self.verify(path)[0])

    def test_resumed(self):
        path = self.written(2, close=False)
        state = self.directory / 'state'
        status, whole = self.verify(path, '--state', state)
        self.assertEqual(UNDECIDABLE, status)
        self.assertEqual((status, whole),
                         self.verify(path, '--state', state))
        # more lines, a rotation, and more lines
        self.written(1)
        path.rename(f'{path}.1')
        self.written(1)
        _, anew = self.verify(path)
        status, out = self.verify(path, '--state', state)
        self.assertEqual((UNDECIDABLE, anew.splitlines()[-1]),
                         (status, out.splitlines()[-1]))
        # a change in what is new
        data = path.read_bytes()
        state_before = state.read_bytes()
        path.write_bytes(data + b'a line\n')
        self.assertEqual(ALTERED, self.verify(path, '--state', state)[0])
        self.assertEqual(state_before, state.read_bytes())
        # a cut of what was there before, which alone is undecidable
        path.write_bytes(data)
        old = pathlib.Path(f'{path}.1')
        pathlib.Path(f'{path}.manifest').write_bytes(b''.join(
            pathlib.Path(f'{path}.manifest').read_bytes().splitlines(
                keepends=True)[:3]))
        path.unlink()
        self.assertEqual(UNDECIDABLE, self.verify(old, '--only')[0])
        status, out = self.verify(path.with_name('service.log.1'),
                                  '--state', state)
        self.assertEqual(ALTERED, status)
        self.assertIn('an earlier verification saw', out)

    def test_resumed_from_any_line_on(self):
        path = self.written(3)
        lines = path.read_bytes().splitlines(keepends=True)
        for more in ((), ('--public',)):
            state = self.directory / f'state{len(more)}'
            for count in range(1, len(lines) + 1):
                path.write_bytes(b''.join(lines[:count]))
                opened = sum(line.startswith(b'opening ')
                             for line in lines[:count])
                self.manifest(path, opened)
                status, out = self.verify(path, '--state', state, '--jobs',
                                          '1', *more)
                self.assertNotIn('reread', out)
                self.assertIn(status, (INTACT, UNDECIDABLE), out)
            self.assertEqual(
                (INTACT, ('intact: 75 lines, 9 checkpoints, 3 session(s) in '
                          '1 file(s)\n')), (status, out))

    def manifest(self, path: pathlib.Path, count: int) -> None:
        """Leave that many openings in the manifest."""
        manifest = pathlib.Path(f'{path}.manifest')
        if not hasattr(self, 'openings'):
            self.openings = manifest.read_bytes().splitlines(keepends=True)
        manifest.write_bytes(b''.join(self.openings[:count]))

    def test_kit(self):
        path = self.written()
        kit = self.directory / 'kit'
        status, _, err = self.run_command(
            'kit', path, '--keys', self.keys, '--output', kit)
        self.assertEqual((0, ''), (status, err))
        self.assertEqual(
            {'README', 'kit.json', 'log-signing.pub', 'service.log',
             'service.log.manifest'}, {one.name for one in kit.iterdir()})
        status, _, err = self.run_command(
            'verify', kit / 'service.log', '--keys', kit)
        self.assertEqual((INTACT, ''), (status, err))
