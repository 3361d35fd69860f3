# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-securelog``: keys, verification and care of secure logs.

``verify`` ends with 0 (intact), 3 (altered), 4 (truncated), 5 (lines after
the last seal are not decided) or 6 (unreadable); ``check`` with 0 or 3.
Every command ends with 1 and ``error: <code>: <message>`` when it cannot do
what it was asked.
"""

import argparse
from collections.abc import Sequence
import datetime
import json
import os
import pathlib
import sys

from tacker_ledger.cmd import progress
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import proof
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import sessions
from tacker_ledger.securelog import editing
from tacker_ledger.securelog import keys
from tacker_ledger.securelog import kit
from tacker_ledger.securelog import reading
from tacker_ledger.securelog import sealing
from tacker_ledger.securelog import verification
from tacker_ledger import version

PROG = 'tacker-ledger-securelog'
EXIT_FALSE_PROOF = 3
_SHOWN_FINDINGS = 100


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog=PROG, description='Keys, verification and care of secure logs.')
    parser.add_argument('--version', action='version',
                        version=version.version_string())
    commands = parser.add_subparsers(required=True, metavar='COMMAND')

    keygen = commands.add_parser(
        'keygen', help='make the log signing pair and the auditor\'s pair')
    keygen.add_argument('--dir', required=True, metavar='D')
    keygen.set_defaults(run=_keygen)

    verify = commands.add_parser(
        'verify', help='recompute a log and name what was done to it')
    _add_log(verify)
    _add_verification(verify)
    verify.add_argument('--state', metavar='STATE',
                        help='go on where the verification that wrote this '
                        'file ended; keep it where the host cannot write')
    verify.add_argument('--json', action='store_true',
                        help='print the report as JSON')
    verify.set_defaults(run=_verify)

    show = commands.add_parser(
        'show', help='print the texts of a log, without verifying it')
    _add_log(show)
    show.add_argument('--checkpoints', action='store_true',
                      help='openings and checkpoints alone, with the hashes '
                      'that are anchored')
    show.set_defaults(run=_show)

    seal = commands.add_parser(
        'seal', help='turn a plain log into a secure one, cleanly closed')
    seal.add_argument('file', metavar='FILE')
    _add_keys(seal)
    seal.add_argument('--output', required=True, metavar='OUT')
    seal.set_defaults(run=_seal)

    _add_proof_parsers(commands)
    _add_editing_parsers(commands)

    made = commands.add_parser(
        'kit', help='copy all that verifies a log into one folder')
    _add_log(made)
    _add_verification(made)
    made.add_argument('--output', required=True, metavar='FOLDER')
    made.set_defaults(run=_kit)
    return parser


def _add_proof_parsers(commands) -> None:
    make = commands.add_parser(
        'proof', help='prove that one line stood in a log')
    make.add_argument('entry', metavar='ENTRY',
                      help='writer and sequence of the line: 1.42')
    make.add_argument('files', nargs='+', metavar='FILE')
    make.add_argument('--only', action='store_true', help=argparse.SUPPRESS)
    _add_keys(make)
    make.add_argument('--output', required=True, metavar='PROOF')
    make.set_defaults(run=_proof)
    check = commands.add_parser('check', help='check such a proof')
    check.add_argument('proof', metavar='PROOF')
    _add_keys(check)
    check.set_defaults(run=_check)


def _add_editing_parsers(commands) -> None:
    redact = commands.add_parser(
        'redact', help='take texts out of a log under a signed record')
    redact.add_argument('file', metavar='FILE')
    redact.add_argument('entries', nargs='+', metavar='ENTRY')
    expire = commands.add_parser(
        'expire', help='delete old blocks under a signed record')
    expire.add_argument('file', metavar='FILE')
    expire.add_argument('--before', required=True, type=_time,
                        metavar='DATE',
                        help='delete what was closed before: 2026-11-01 or '
                        '2026-11-01T12:00:00, UTC')
    for one, run in ((redact, _redact), (expire, _expire)):
        _add_keys(one)
        one.add_argument('--reason', required=True)
        one.set_defaults(run=run)


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--keys', required=True, metavar='D',
                        help='directory of the log\'s keys')


def _add_log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('files', nargs='+', metavar='FILE',
                        help='the log; rotated files and those of further '
                        'processes beside it belong to it')
    parser.add_argument('--only', action='store_true',
                        help='these files alone, none beside them')


def _add_verification(parser: argparse.ArgumentParser) -> None:
    _add_keys(parser)
    parser.add_argument('--public', action='store_true',
                        help='do not use the auditor\'s key')
    parser.add_argument('--trusted', metavar='LIST',
                        help='checkpoints that an anchor or a collector '
                        'holds: lines "writer sequence hash"')
    parser.add_argument('--jobs', type=_jobs, metavar='N',
                        default=len(os.sched_getaffinity(0)),
                        help='processes that verify (default: all cores)')


def _jobs(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 256:
        raise argparse.ArgumentTypeError('1 to 256')
    return value


def _time(text: str) -> int:
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp() * 1000)


def _keygen(arguments: argparse.Namespace) -> int:
    keys.generate(arguments.dir, providers.default())
    print(f'Made log-signing and auditor in {arguments.dir}. Take '
          'auditor.key away from this host before the first line is '
          'written.')
    return 0


def _verified(arguments: argparse.Namespace, log: verification.Log
              ) -> sessions.Report:
    trusted = (verification.read_trusted(arguments.trusted)
               if arguments.trusted else {})
    with progress.bar(log.bytes, 'B') as advance:
        return verification.verify_log(
            log, arguments.keys, trusted, arguments.jobs,
            not arguments.public, advance,
            getattr(arguments, 'state', None))


def _verify(arguments: argparse.Namespace) -> int:
    log = verification.find(arguments.files, arguments.only)
    report = _verified(arguments, log)
    if arguments.json:
        print(json.dumps(report.to_dict(), sort_keys=True))
    else:
        for one in report.findings[:_SHOWN_FINDINGS]:
            print(one)
        if len(report.findings) > _SHOWN_FINDINGS:
            print(f'... and {len(report.findings) - _SHOWN_FINDINGS} more '
                  '(--json names all)')
        print(f'{report.verdict.label}: {report.lines} lines, '
              f'{report.checkpoints} checkpoints, {report.sessions} '
              f'session(s) in {len(log.files)} file(s)')
    return report.verdict.exit_status


def _show(arguments: argparse.Namespace) -> int:
    log = verification.find(arguments.files, arguments.only)
    for raw in reading.lines(log):
        record = raw.record
        if isinstance(record, records.Opening | records.Checkpoint):
            sequence = (0 if isinstance(record, records.Opening)
                        else record.sequence)
            print(f'{record.writer}.{sequence}  {record.text().decode()}'
                  + (_anchored(record, sequence) if arguments.checkpoints
                     else ''))
        elif arguments.checkpoints:
            continue
        elif record is None:
            print(f'?  {_printable(raw.data)}')
        else:
            print(f'{record.writer}.{record.sequence}  '
                  f'{_printable(record.text)}')
    return 0


def _anchored(record: records.Opening | records.Checkpoint, sequence: int
              ) -> str:
    digest = leaf.checkpoint_hash(record.log_id, record.writer, sequence,
                                  record.to_bytes())
    return f'  {digest.hex()}'


def _printable(text: bytes) -> str:
    """Return a text for a terminal; nobody has verified it."""
    shown = text.decode('utf-8', 'backslashreplace')
    return shown if shown.isprintable() else entry.escape(shown).decode()


def _seal(arguments: argparse.Namespace) -> int:
    count = sealing.seal(arguments.file, arguments.output, arguments.keys,
                         providers.default())
    print(f'{arguments.output} holds {count} lines and ends with a clean '
          'close.')
    return 0


def _proof(arguments: argparse.Namespace) -> int:
    log = verification.find(arguments.files, arguments.only)
    made = reading.make_proof(log, *reading.parse_entry(arguments.entry))
    context = verification.load_context(arguments.keys, {}, (), False)
    made.check(context.signing, context.provider)
    try:
        pathlib.Path(arguments.output).write_bytes(made.to_bytes())
    except OSError as error:
        raise errors.BadOption(
            f'{arguments.output}: {error.strerror}.') from error
    print(f'{arguments.output} proves line {arguments.entry}.')
    return 0


def _check(arguments: argparse.Namespace) -> int:
    data = verification.read_aside(pathlib.Path(arguments.proof),
                                   proof.MAX_BYTES)
    if data is None:
        raise errors.BadOption(f'There is no file {arguments.proof}.')
    context = verification.load_context(arguments.keys, {}, (), False)
    shown = proof.LineProof.from_bytes(data)
    try:
        shown.check(context.signing, context.provider)
    except errors.LedgerError as error:
        print(f'not proven: {error.code}: {error.message}')
        return EXIT_FALSE_PROOF
    end = shown.checkpoint
    print(_printable(shown.text))
    print(f'proven: line {shown.writer}.{shown.sequence} of log '
          f'{end.log_id.hex()}, sealed by checkpoint {end.number} at '
          f'{records.utc(end.time_ms)} with hash'
          f'{_anchored(end, end.sequence)[1:]}')
    return 0


def _redact(arguments: argparse.Namespace) -> int:
    count = editing.redact(
        verification.find([arguments.file]),
        [reading.parse_entry(one) for one in arguments.entries],
        arguments.reason, arguments.keys, providers.default())
    print(f'{count} line(s) redacted.')
    return 0


def _expire(arguments: argparse.Namespace) -> int:
    count = editing.expire(
        verification.find([arguments.file]), arguments.before,
        arguments.reason, arguments.keys, providers.default())
    print(f'{count} record(s) deleted.')
    return 0


def _kit(arguments: argparse.Namespace) -> int:
    log = verification.find(arguments.files, arguments.only)
    report = _verified(arguments, log)
    count = kit.make(log, report, arguments.keys, arguments.output)
    print(f'{arguments.output} holds {count} files; the log is '
          f'{report.verdict.label}.')
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    arguments = make_parser().parse_args(argv)
    try:
        providers.use('cryptography')
        return int(arguments.run(arguments))
    except errors.LedgerError as error:
        print(f'error: {error.code}: {error.message}', file=sys.stderr)
        return 1
    except OSError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('error: interrupted', file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main())
