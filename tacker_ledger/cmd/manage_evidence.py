# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-manage evidence verify``: is a kept proof true?

A record holds two votes of one member for two blocks, with their signatures.
Whoever has the federation document that names the member can check it, far
from any node and long after.
"""

import argparse
import pathlib
from typing import Any

from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core import limits

_KINDS = {messages.PrePrepare.KIND: 'pre-prepare',
          messages.Prepare.KIND: 'prepare', messages.Commit.KIND: 'commit'}


def add_parsers(groups: Any) -> None:
    """Add the command to the parser of all commands."""
    actions = groups.add_parser(
        'evidence', help='check proofs of members\' faults').add_subparsers(
            dest='action', required=True, metavar='ACTION')
    verify = actions.add_parser(
        'verify', help='check a record that a node keeps')
    verify.add_argument('record', metavar='HEX',
                        help='the record, as "vnf ledger node evidence list '
                             '--long" shows it')
    verify.add_argument('--genesis', required=True, metavar='FILE',
                        help='federation document at genesis')
    verify.add_argument('--document', metavar='FILE',
                        help='the document the record is about, if it is a '
                             'later one; take it from a node that you '
                             'trust ("federation show --out")')
    verify.set_defaults(run=run_verify)


def _read(path: str) -> federation_module.SignedFederation:
    try:
        with pathlib.Path(path).open('rb') as file:
            data = file.read(limits.FEDERATION_SIGNED_MAX_BYTES + 1)
    except OSError as error:
        raise errors.BadOption(f'{path}: {error.strerror}.') from error
    return federation_module.SignedFederation.from_bytes(data)


def run_verify(arguments: argparse.Namespace,
               provider: provider_module.Provider) -> str:
    """Check a record; return whom it convicts, of what.

    :raises BadDocument: a document is not approved by its own members
    :raises UnknownFederation: it is about another document
    :raises BadProof: it proves nothing
    """
    try:
        record = evidence.Equivocation.from_bytes(
            bytes.fromhex(arguments.record))
    except ValueError:
        raise errors.BadOption('The record is not in hexadecimal digits.'
                               ) from None
    federation = federation_module.check_genesis(provider,
                                                 _read(arguments.genesis))
    h = hashing.hasher(federation.chain_id)
    if arguments.document:
        federation = federation_module.check_in_force(
            h, provider, _read(arguments.document))
    evidence.check(h, provider, federation, record)
    one, other = (f'a {_KINDS.get(vote.kind, vote.kind)} for block '
                  f'{vote.digest.hex()}' for vote in record.votes)
    return (f'The record is true: {federation.members[record.member].name} '
            f'(member {record.member}, epoch {federation.epoch}) signed '
            f'{one} and {other}, both at height {record.height} in view '
            f'{record.view}.')
