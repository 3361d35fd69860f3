# SPDX-License-Identifier: Apache-2.0
"""Verifies an exported chain and says what it proves."""

import argparse
import pathlib
import sys

from tacker_ledger.tests.independent import export
from tacker_ledger.tests.independent import refusal


def main(arguments: list[str] | None = None) -> int:
    """Return 0 for a chain that is right, 1 for another."""
    parser = argparse.ArgumentParser(
        prog='python -m tacker_ledger.tests.independent',
        description='Verify an exported chain from its genesis.')
    parser.add_argument('export', type=pathlib.Path, metavar='EXPORT',
                        help='a file, or a directory of .chain files')
    parser.add_argument('--chain-id', required=True, type=bytes.fromhex,
                        metavar='HEX', help='the chain it is to be of')
    parsed = parser.parse_args(arguments)
    try:
        found = export.verify(export.Joined(parsed.export), parsed.chain_id)
    except (OSError, refusal.Refused) as exc:
        sys.stderr.write(f'{exc}\n')
        return 1
    sys.stdout.write(
        f'chain {found.chain_id.hex()}\n'
        f'height {found.height}, epoch {found.epoch}, '
        f'time {found.time_ms} ms\n'
        f'header {found.digest.hex()}\n'
        f'state root {found.state_root.hex()}, {found.entries} entries, '
        f'{found.transactions} transactions\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
