# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-manage``: federations, index and chain of a node.

Every command ends with status 0 and one sentence, or with status 1 and
``error: <code>: <message>`` on standard error.
"""

import argparse
from collections.abc import Sequence
import sys

from tacker_ledger.cmd import manage_backup
from tacker_ledger.cmd import manage_certificates
from tacker_ledger.cmd import manage_chain
from tacker_ledger.cmd import manage_evidence
from tacker_ledger.cmd import manage_federation
from tacker_ledger.cmd import manage_index
from tacker_ledger.cmd import manage_member_keys
from tacker_ledger.cmd import manage_membership
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger import version


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog='tacker-ledger-manage',
        description='Prepare federations, keep the index, verify chains.')
    parser.add_argument('--version', action='version',
                        version=version.version_string())
    groups = parser.add_subparsers(dest='group', required=True,
                                   metavar='COMMAND')
    federation = groups.add_parser(
        'federation', help='make a federation and change it').add_subparsers(
            dest='action', required=True, metavar='ACTION')
    init = federation.add_parser(
        'init', help='make CA, certificates, signed member list and the '
                     'directory of every node')
    manage_federation.add_arguments(init)
    init.set_defaults(run=manage_federation.run)
    manage_member_keys.add_parsers(federation)
    manage_certificates.add_parsers(federation)
    manage_membership.add_parsers(federation)
    manage_backup.add_parsers(groups)
    manage_index.add_parsers(groups)
    manage_chain.add_parsers(groups)
    manage_evidence.add_parsers(groups)
    return parser


def _where(error: errors.LedgerError) -> str:
    """Return where in a chain an error was found, for its message."""
    found = [f'{name.replace("_", " ")} {error.details[name]}'
             for name in ('height', 'index', 'stream_offset')
             if name in error.details]
    return f' ({", ".join(found)})' if found else ''


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    arguments = make_parser().parse_args(argv)
    try:
        provider = providers.use('cryptography')
        print(arguments.run(arguments, provider))
    except errors.LedgerError as error:
        print(f'error: {error.code}: {error.message}{_where(error)}',
              file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('error: interrupted', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
