# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-manage federation``: from one document to the next.

The issuing party makes a successor (``propose``), operators of members in
force and of members to be approve it (``approve``), somebody puts the
approvals together (``collect``) and hands the result to any node
(``submit``).  Nothing of it is secret, and nothing takes effect before a
block of the federation in force holds it.
"""

import argparse
import asyncio
import datetime
import os
import pathlib
import sys
import time
from typing import Any

from tacker_ledger.cmd import federation_files
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import federation_change
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction
from tacker_ledger.node import localsocket

_DAY_MS = 24 * 3600 * 1000
_POLL_SECONDS = 0.2
_LABEL = 'federation document'
#: Argument -> field of the parameters and how it is read.
_PARAMETERS = {
    'heartbeat_ms': 'silence after which an empty block follows',
    'batch_interval_ms': 'how long a leader collects',
    'batch_max_transactions': 'transactions in one block',
    'block_max_bytes': 'bytes of one block',
    'archive_minimum': 'members who keep the whole chain'}


def add_parsers(actions: Any) -> None:
    """Add the commands to the parser of ``federation``."""
    _add_propose(actions.add_parser(
        'propose', help='issuing party: make and sign the next document'))
    approve = actions.add_parser(
        'approve', help='operator of a member: show what a proposed '
                        'document changes, and sign it')
    approve.add_argument('proposal', metavar='PROPOSAL')
    _add_current(approve)
    approve.add_argument(
        '--node-key', action='append', default=[], metavar='FILE',
        help='TLS key of the member (PEM); more than once where it changes '
             '(default: the key beside the data directory)')
    approve.add_argument('--yes', action='store_true',
                         help='do not ask')
    approve.add_argument('--out', metavar='FILE',
                         help='where to write (default: into PROPOSAL)')
    approve.set_defaults(run=run_approve)
    collect = actions.add_parser(
        'collect', help='put approvals of one document together')
    collect.add_argument('proposal', metavar='PROPOSAL')
    collect.add_argument('others', metavar='APPROVED', nargs='+',
                         help='the same document, as others approved it')
    _add_current(collect)
    collect.set_defaults(run=run_collect)
    submit = actions.add_parser(
        'submit', help='hand an approved document to the node of this host')
    submit.add_argument('proposal', metavar='PROPOSAL')
    submit.add_argument('--data', required=True, metavar='DIRECTORY',
                        help='data directory of the node')
    submit.add_argument('--socket', metavar='FILE',
                        help='its local socket (default: node.sock there)')
    submit.add_argument('--timeout-seconds', type=float, default=120.0,
                        help='how long to wait for the block')
    submit.set_defaults(run=run_submit)
    show = actions.add_parser(
        'show', help='show the document in force, or what a proposed one '
                     'changes and who has approved it')
    show.add_argument('proposal', metavar='PROPOSAL', nargs='?')
    _add_current(show)
    show.add_argument('--out', metavar='FILE',
                      help='also write the document in force to a new file')
    show.set_defaults(run=run_show)


def _add_current(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--current', required=True, metavar='PLACE',
        help='data directory of a node, or file with the document in force')
    parser.add_argument(
        '--genesis', metavar='FILE',
        help='document at genesis, beside a --current file of a later epoch')


def _add_propose(parser: argparse.ArgumentParser) -> None:
    _add_current(parser)
    parser.add_argument('--issuer-key', required=True, metavar='FILE',
                        help='key of the issuing party, the one that is to '
                             'be named in the new document')
    parser.add_argument('--out', required=True, metavar='FILE',
                        help='new file for the proposed document')
    parser.add_argument('--add', action='append', default=[],
                        metavar='FILE', help='public material of a newcomer')
    parser.add_argument('--remove', action='append', default=[],
                        metavar='NAME', help='member that leaves')
    parser.add_argument('--rotate', action='append', default=[],
                        metavar='FILE',
                        help='public material of a member with new keys or '
                             'addresses')
    parser.add_argument('--new-issuer', action='store_true',
                        help='--issuer-key is not the issuing key in force: '
                             'replace a lost or stolen one')
    parser.add_argument('--days', type=int, metavar='N',
                        help='the document expires so many days from now '
                             '(default: when the one in force does)')
    parser.add_argument('--rules', metavar='HEIGHT:VERSION',
                        help='version of the rules from a height on')
    for name, text in _PARAMETERS.items():
        parser.add_argument('--' + name.replace('_', '-'), type=int,
                            metavar='N', help=text)
    parser.set_defaults(run=run_propose)


# Proposing

def run_propose(arguments: argparse.Namespace,
                provider: provider_module.Provider) -> str:
    """Make and sign the next document; return what it changes."""
    current = _current(arguments, provider)
    issuer = federation_files.pair_of_file(provider, arguments.issuer_key)
    _check_issuer(arguments, current.federation, issuer)
    now_ms = time.time_ns() // 1_000_000
    fields = _fields(arguments, current, now_ms)
    try:
        document = federation_change.successor(
            current.federation, nonce=provider.random_bytes(16),
            created_ms=now_ms, issuer=issuer.document, **fields)
        federation_document.Document.from_bytes(document.to_bytes())
    except errors.FormatError as error:
        raise errors.BadOption(
            f'The document would be refused: {error.message}.') from error
    found = federation_change.changes(current.federation.document, document)
    if not found:
        raise errors.BadOption('The document would change nothing.')
    signed = federation_module.issue(issuer, document,
                                     current.federation.chain_id)
    federation_files.write(arguments.out, signed.to_bytes())
    return '\n'.join([*_heading(current, signed), *found,
                      f'Proposed in {arguments.out}; it needs approvals.'])


def _check_issuer(arguments: argparse.Namespace,
                  current: federation_module.Federation,
                  issuer: suite_module.KeyPair) -> None:
    is_new = issuer.document != current.document.issuer
    if is_new and not arguments.new_issuer:
        raise errors.BadOption(
            '--issuer-key is not the issuing key in force; to replace that, '
            'say --new-issuer.')
    if arguments.new_issuer and not is_new:
        raise errors.BadOption('--new-issuer: the issuing key stays.')


def _fields(arguments: argparse.Namespace, current: federation_files.Current,
            now_ms: int) -> dict[str, Any]:
    chain_id = current.federation.chain_id
    before = current.federation.document

    def members(paths: list[str]) -> list[federation_document.Member]:
        return [federation_files.read_material(path, chain_id).member
                for path in paths]

    try:
        fields: dict[str, Any] = {'members': (
            federation_change.changed_members(
                before.members, add=members(arguments.add),
                remove=arguments.remove, rotate=members(arguments.rotate)))}
    except errors.BadDocument as error:
        raise errors.BadOption(f'{error.message}.') from error
    changed = {name: getattr(arguments, name) for name in _PARAMETERS
               if getattr(arguments, name) is not None}
    fields['parameters'] = _replaced(before.parameters, changed)
    fields['expiry_ms'] = before.expiry_ms
    if arguments.days is not None:
        if arguments.days < 1:
            raise errors.BadOption('--days: at least 1.')
        fields['expiry_ms'] = now_ms + arguments.days * _DAY_MS
    if arguments.rules:
        fields['rules'] = _rules(before.rules, arguments.rules)
    return fields


def _replaced(parameters: federation_document.Parameters,
              changed: dict[str, int]) -> federation_document.Parameters:
    values = {name: getattr(parameters, name) for name in _PARAMETERS}
    return federation_document.Parameters(**{**values, **changed})


def _rules(before: tuple[tuple[int, int], ...], text: str
           ) -> tuple[tuple[int, int], ...]:
    height, separator, version = text.partition(':')
    if not (separator and height.isdecimal() and version.isdecimal()):
        raise errors.BadOption('--rules: HEIGHT:VERSION.')
    kept = [rule for rule in before if rule[0] < int(height)]
    return (*kept, (int(height), int(version)))


# Approving

def run_approve(arguments: argparse.Namespace,
                provider: provider_module.Provider) -> str:
    """Show what a document changes and sign it; return who still has to."""
    current = _current(arguments, provider)
    signed = federation_files.read_signed(arguments.proposal)
    proposed = federation_module.Federation.of(current.h, signed.document)
    federation_change.standing(current.h, provider, current.federation,
                               signed)
    approvals = []
    for path in arguments.node_key or _node_keys(arguments.current):
        pair = federation_files.pair_of_pem(provider, path)
        approvals += [
            federation_module.approve(current.h, pair, signed, side, member)
            for side, member in federation_change.sides_of(
                current.federation, proposed, pair.document.signing)]
    if not approvals:
        raise errors.BadOption(
            '--node-key: no member, neither of the document in force nor of '
            'the proposed one, has this node key.')
    print('\n'.join([*_heading(current, signed),
                     *federation_change.changes(
                         current.federation.document, proposed.document)]))
    if not arguments.yes and not _agreed():
        raise errors.BadOption('Not approved: nothing is signed.')
    signed = signed.with_approvals(approvals)
    out = arguments.out or arguments.proposal
    federation_files.write(out, signed.to_bytes(),
                           replace=out == arguments.proposal)
    return '\n'.join([*_standing(current, provider, signed),
                      f'Approved in {out}.'])


def _node_keys(current: str) -> list[str]:
    """Return the key files of a node whose data directory is named."""
    home = pathlib.Path(current).resolve().parent
    found = [str(path) for path in (home / 'node.key', home / 'node.key.next')
             if path.exists()]
    if not found:
        raise errors.BadOption('--node-key is needed.')
    return found


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise errors.BadOption('Nobody can be asked here: say --yes.')
    return input('Type "approve" to sign: ').strip() == 'approve'


def run_collect(arguments: argparse.Namespace,
                provider: provider_module.Provider) -> str:
    """Put approvals together; return who still has to approve."""
    current = _current(arguments, provider)
    signed = federation_files.read_signed(arguments.proposal)
    for path in arguments.others:
        other = federation_files.read_signed(path)
        if other.document != signed.document:
            raise errors.BadOption(f'{path} is another document.')
        try:
            federation_change.standing(current.h, provider,
                                       current.federation, other)
        except errors.AuthenticityError as error:
            raise errors.BadOption(f'{path}: {error.message}.') from error
        signed = signed.with_approvals(other.approvals)
    lines = _standing(current, provider, signed)
    federation_files.write(arguments.proposal, signed.to_bytes(),
                           replace=True)
    return '\n'.join([*lines, f'Collected in {arguments.proposal}.'])


# Submitting

def run_submit(arguments: argparse.Namespace,
               provider: provider_module.Provider) -> str:
    """Have an approved document committed; return at which height."""
    current = federation_files.read_current(provider, arguments.data)
    signed = federation_files.read_signed(arguments.proposal)
    # the reason is better told here than by the node
    federation_module.check_successor(current.h, provider,
                                      current.federation, signed)
    # The document speaks for itself: whose transaction carries it does not
    # matter, so a key that is made for it alone carries it, and links it to
    # nobody.  The node lets it write since who may use its socket decides.
    pair = provider.generate(suite_module.by_name('ed25519').number,
                             encryption=False)
    carrier = authoring.author_public(
        current.h, pair, vid=1,
        payload=payload.FederationDocument(signed.to_bytes()),
        timestamp_ms=time.time_ns() // 1_000_000,
        nonce=provider.random_bytes(16))
    socket_file = arguments.socket or os.path.join(arguments.data,
                                                   'node.sock')
    height = asyncio.run(_submit(
        socket_file, carrier, pair.document.key_id,
        current.federation.epoch + 1, arguments.timeout_seconds))
    return (f'Epoch {current.federation.epoch + 1} is in force: the node '
            f'stands at height {height}.')


async def _submit(socket_file: str, carrier: transaction.Transaction,
                  key_id: bytes, epoch: int, timeout_seconds: float) -> int:
    client = localsocket.LocalClient(socket_file)
    await client.start(timeout_seconds)
    try:
        await client.enrol(key_id, _LABEL)
        try:
            result, = await client.submit([transaction.Submission(
                carrier.raw).to_bytes()])
            refusal = result.error()
            if refusal is not None:
                raise refusal
            return await _committed(client, carrier.txid, epoch,
                                    timeout_seconds)
        finally:
            await client.unenrol(key_id)
    finally:
        await client.stop()


async def _committed(client: localsocket.LocalClient, txid: bytes,
                     epoch: int, timeout_seconds: float) -> int:
    deadline = time.monotonic() + timeout_seconds
    while True:
        status = await client.status()
        if status['epoch'] >= epoch:
            return int(status['height'])
        fate = await client.fate(txid)
        if fate is not None and fate['state'] == 'refused':
            raise errors.from_dict(fate)
        if time.monotonic() > deadline:
            raise errors.Timeout('No block holds the document yet; it may '
                                 'still come.')
        await asyncio.sleep(_POLL_SECONDS)


# Showing

def run_show(arguments: argparse.Namespace,
             provider: provider_module.Provider) -> str:
    """Return the document in force, or what a proposed one changes."""
    current = _current(arguments, provider)
    if arguments.out:
        federation_files.write(arguments.out, current.signed.to_bytes())
    if arguments.proposal is None:
        return '\n'.join(_whole(current))
    signed = federation_files.read_signed(arguments.proposal)
    document = federation_document.Document.from_bytes(signed.document)
    return '\n'.join([
        *_heading(current, signed),
        *federation_change.changes(current.federation.document, document),
        *_standing(current, provider, signed)])


def _whole(current: federation_files.Current) -> list[str]:
    federation = current.federation
    document = federation.document
    lines = [f'Chain       {federation.chain_id.hex()}',
             f'Epoch       {federation.epoch}',
             f'Digest      {federation.digest.hex()}',
             f'Quorum      {federation.quorum} of {federation.size}',
             f'Expires     {_date(document.expiry_ms)}',
             f'Engine      {document.engine}',
             'Issuing key '
             + federation_change.fingerprint(document.issuer.signing)]
    lines += [f'{name}: {getattr(document.parameters, name)}'
              for name in _PARAMETERS]
    for index, member in enumerate(federation.members):
        lines += [f'Member {index}: {member.name}',
                  *federation_change.described(member)]
    return lines


def _heading(current: federation_files.Current,
             signed: federation_module.SignedFederation) -> list[str]:
    proposed = federation_module.Federation.of(current.h, signed.document)
    return [f'Chain {current.federation.chain_id.hex()}',
            (f'Epoch {proposed.epoch} is to follow {current.federation.epoch}'
             f', digest {proposed.digest.hex()}'),
            f'It expires {_date(proposed.document.expiry_ms)}.']


def _standing(current: federation_files.Current,
              provider: provider_module.Provider,
              signed: federation_module.SignedFederation) -> list[str]:
    found = federation_change.standing(current.h, provider,
                                       current.federation, signed)
    lines = []
    for title, side in (('Members in force', found.predecessor),
                        ('Members to be', found.own)):
        lines.append(
            f'{title}: {len(side.given)} of {side.needed} needed have '
            f'approved ({", ".join(side.given) or "nobody"}); not yet: '
            f'{", ".join(side.missing) or "nobody"}')
    lines.append('It can be submitted.' if found.is_enough
                 else 'It cannot be submitted yet.')
    return lines


def _date(time_ms: int) -> str:
    try:
        return datetime.datetime.fromtimestamp(
            time_ms / 1000, datetime.UTC).isoformat(' ', 'seconds')
    except (ValueError, OverflowError, OSError):
        return f'at {time_ms} ms'


def _current(arguments: argparse.Namespace,
             provider: provider_module.Provider) -> federation_files.Current:
    return federation_files.read_current(provider, arguments.current,
                                         arguments.genesis)
