# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-bench``: S0's evaluation, measured on this machine.

Starts federations of real nodes in temporary directories, measures, and
removes them.  Ends with status 0 when everything asked for was measured,
whether or not the targets hold; with 1 when something could not be.
"""

import argparse
from collections.abc import Sequence
import json
import signal
import sys

from tacker_ledger.bench import figures
from tacker_ledger.bench import report
from tacker_ledger.bench import runs
from tacker_ledger.bench import table
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors

PROG = 'tacker-ledger-bench'
ALL = 'all'


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog=PROG, description=__doc__)
    made.add_argument('what', choices=[*runs.SUBCOMMANDS, ALL],
                      help='what to measure')
    made.add_argument('--nodes', type=_numbers, metavar='N[,N...]',
                      help='sizes of the federations; default: those of '
                      'the paper\'s figure')
    made.add_argument('--size', type=_positive, default=400, metavar='BYTES',
                      help='bytes of a configuration (default 400)')
    made.add_argument('--batch', type=_batch, default=100, metavar='COUNT',
                      help='transactions handed in at once (default 100)')
    made.add_argument('--seconds', type=float, metavar='SECONDS',
                      help='length of each measurement that lasts a time')
    made.add_argument('--transactions', type=_positive, metavar='COUNT',
                      help='length of the chain of startup (default '
                      '1,000,000)')
    made.add_argument('--quick', action='store_true',
                      help='small and short: shows that it works')
    made.add_argument('--json', metavar='FILE',
                      help='write every measured value there')
    made.add_argument('--report', metavar='DIR',
                      help='write one HTML page with figures there; needs '
                      'matplotlib (extra "bench")')
    return made


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError('not above 0')
    return value


def _batch(text: str) -> int:
    value = _positive(text)
    if value > 100:
        raise argparse.ArgumentTypeError('a door takes 100 at once')
    return value


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(_positive(one) for one in text.split(','))
    if max(numbers) > 50:
        raise argparse.ArgumentTypeError('50 nodes at most')
    return numbers


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; return the exit status."""
    arguments = parser().parse_args(argv)
    providers.use('cryptography')
    names = (tuple(runs.SUBCOMMANDS) if arguments.what == ALL
             else (arguments.what,))
    options = runs.Options(
        arguments.nodes, arguments.size, arguments.batch, arguments.seconds,
        arguments.quick, arguments.transactions)
    # so that nodes end and directories go, whoever ends the benchmark
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if arguments.report:
            # before minutes of measuring
            figures.available()
        found = runs.run(names, options, _say)
        print(table.text(table.rows(found)))
        if arguments.json:
            with open(arguments.json, 'w') as file:
                json.dump(found, file, indent=1)
        if arguments.report:
            print(report.write(found, arguments.report))
    except errors.LedgerError as error:
        print(f'error: {error.code}: {error.message}', file=sys.stderr)
        return 1
    except OSError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('ended before it was done', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
