# SPDX-License-Identifier: Apache-2.0
"""Runs the simulator from the command line.

::

    python -m tacker_ledger.tests.simulation --seeds 0-99
    python -m tacker_ledger.tests.simulation --seeds 7-7 --scenario S7
    python -m tacker_ledger.tests.simulation --speed
    python -m tacker_ledger.tests.simulation --list

A seed is one course of events, on any machine.  The exit status is 1 if a
run failed; it is then printed with its seed and a transcript.
"""

import argparse
import logging
import sys

from tacker_ledger.tests.simulation import runner
from tacker_ledger.tests.simulation import speed
from tacker_ledger.tests.simulation import transcript

_SHOWN = 3


def _seeds(text: str) -> range:
    first, _, last = text.partition('-')
    return range(int(first), int(last or first) + 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m tacker_ledger.tests.simulation',
        description='Run a simulated federation under seeds.')
    parser.add_argument('--seeds', type=_seeds, default=range(10),
                        metavar='A-B', help='from A to B (0-9)')
    parser.add_argument('--nodes', type=int, metavar='N', help='members, '
                        'where a scenario is about any number of them')
    parser.add_argument('--scenario', metavar='S7',
                        help='a row, or one of it: S7/NAME')
    parser.add_argument('--wire', action='store_true',
                        help='carry encoded frames, not objects')
    parser.add_argument('--transcript', action='store_true',
                        help='print what happens')
    parser.add_argument('--speed', action='store_true',
                        help='measure runs of twenty blocks')
    parser.add_argument('--list', action='store_true',
                        help='print the names of all scenarios')
    return parser


def main(arguments: list[str]) -> int:
    """Run what the command line says."""
    options = _parser().parse_args(arguments)
    # Doubt logs; a transcript tells more.
    logging.getLogger('tacker_ledger').setLevel(logging.CRITICAL + 1)
    speed.tune()
    ones = runner.chosen(options.scenario)
    if not ones:
        sys.stderr.write(f'no scenario {options.scenario}\n')
        return 2
    if options.list:
        for one in ones:
            sys.stdout.write(f'{one.row}/{one.name}\n')
        return 0
    if options.speed:
        sys.stdout.write(speed.report(n=options.nodes or 4) + '\n')
        return 0
    if options.transcript:
        return _tell(ones, options)
    shown = []

    def tell(failure: runner.Failure) -> None:
        sys.stdout.write(f'FAILED seed {failure.seed} of '
                         f'{failure.scenario.row}/{failure.scenario.name}: '
                         f'{failure.reason}\n  {failure.command}\n')
        if len(shown) < _SHOWN:
            shown.append(failure)
            sys.stdout.write(runner.transcript_of(failure) + '\n')
        sys.stdout.flush()

    counts = runner.run_all(options.seeds, ones, n=options.nodes,
                            wire=options.wire, tell=tell)
    sys.stdout.write(
        f'seeds {options.seeds[0]}-{options.seeds[-1]}\n'
        f'{runner.table(counts)}\n')
    return int(any(count.failures for count in counts.values()))


def _tell(ones, options) -> int:
    """Print what happens in each run."""
    failed = 0
    for one in ones:
        for seed in options.seeds:
            teller = transcript.Teller()
            end = 'it ends well'
            try:
                one.run(seed, n=options.nodes, wire=options.wire,
                        observer=teller.observe)
            except AssertionError as exc:
                failed, end = 1, f'{type(exc).__name__}: {exc}'
            sys.stdout.write(
                f'# {one.row}/{one.name}, seed {seed}\n'
                + ''.join(f'{line}\n' for line in teller.lines)
                + f'{end}\n')
    return failed


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
