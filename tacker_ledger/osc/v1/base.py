# SPDX-License-Identifier: Apache-2.0
"""What the commands share: the client, errors, and how things are shown.

Whatever stands on the chain was written by somebody, perhaps an enemy: all
of it is escaped before a terminal sees it.
"""

import argparse
from collections.abc import Sequence
import datetime
import getpass
import pathlib
import sys
from typing import Any
import unicodedata

from keystoneauth1 import exceptions as keystone_exceptions
from openstack import exceptions as sdk_exceptions
from osc_lib.command import command
from osc_lib import exceptions
from osc_lib.i18n import _

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.tenant_client import client as client_module
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import keys as keys_module

Columns = tuple[Sequence[str], Sequence[Any]]
_PASSPHRASE_MIN_CHARS = 8


class LedgerCommand(command.Command):
    """A command whose errors are those of the ledger, by stable code."""

    #: No cloud is needed: the nodes stand in the tenant's profile.
    auth_required = False

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; show an error as ``code: message``."""
        try:
            status: int = super().run(parsed_args)
        except errors.LedgerError as error:
            raise exceptions.CommandError(describe(error)) from error
        except sdk_exceptions.HttpException as error:
            raise exceptions.CommandError(describe(_refusal(error))
                                          ) from error
        except keystone_exceptions.ConnectionError as error:
            raise exceptions.CommandError(describe(errors.NoNode(
                f'The operator door is not to be reached: {error}'))
            ) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise exceptions.CommandError(
                f'{errors.BadOption.code}: {error}') from error
        return status

    def tenant(self) -> client_module.TenantClient:
        """Return the tenant client of the global options."""
        options = self.app.options
        nodes = (options.os_vnf_ledger_nodes or '').replace(' ', '')
        manager: Any = self.app.client_manager
        tenant: client_module.TenantClient = manager.vnf_ledger.tenant(
            options.ledger_dir or None, tuple(filter(None, nodes.split(','))))
        return tenant


class Lister(LedgerCommand, command.Lister):
    """A command that shows a table."""


class ShowOne(LedgerCommand, command.ShowOne):
    """A command that shows one thing."""


class OperatorCommand(LedgerCommand):
    """A command that asks a node's operator door, with a token."""

    auth_required = True

    def operator(self) -> Any:
        """Return the proxy of the operator door."""
        manager: Any = self.app.client_manager
        return manager.vnf_ledger


def describe(error: errors.LedgerError) -> str:
    """Return an error in one paragraph: code, message, details."""
    details = '; '.join(
        f'{name}: {value}' for name, value in error.details.items()
        if value not in (None, '', [], ()))
    text = f'{error.code}: {error.message}'
    return escape(f'{text} ({details})' if details else text)


def _refusal(error: sdk_exceptions.HttpException) -> errors.LedgerError:
    """Return the error that a door described in its answer."""
    described: Any = {'message': str(error)}
    if error.response is not None:
        try:
            described = error.response.json()
        except ValueError:
            pass
    return errors.from_dict(described)


# Showing


def escape(text: str, lines: bool = False) -> str:
    """Return text in which nothing controls a terminal.

    Control characters, also those that turn the direction of writing, are
    shown as escapes.

    :param lines: keep line feeds and tabs
    """
    kept = '\n\t' if lines else ''
    return ''.join(
        char if char in kept or unicodedata.category(char) not in (
            'Cc', 'Cf', 'Cs', 'Co', 'Cn', 'Zl', 'Zp')
        else char.encode('unicode_escape').decode('ascii')
        for char in text)


def show_data(data: bytes) -> str:
    """Return configuration data as text to look at."""
    try:
        return escape(data.decode('utf-8'), lines=True)
    except UnicodeDecodeError:
        return f'({len(data)} bytes) {data[:256].hex()}'


def show_time(time_ms: int) -> str:
    """Return a time in UTC; what is beyond the calendar as a number."""
    try:
        return datetime.datetime.fromtimestamp(
            time_ms / 1000, datetime.UTC).strftime('%Y-%m-%dT%H:%M:%S.%f'
                                                   )[:-3] + 'Z'
    except (OverflowError, ValueError, OSError):
        return f'{time_ms} ms'


def show_reference(reference: Any) -> str:
    """Return a reference as users write it."""
    if reference.vid is None:
        return f'{reference.cid.hex()}@latest'
    mode = 'exact' if reference.digest is None else 'pinned'
    return f'{reference.cid.hex()}:{reference.vid}@{mode}'


def show_references(references: Sequence[Any]) -> str:
    """Return references, one per line."""
    return '\n'.join(show_reference(item) for item in references)


def show_sealed_references(references: Sequence[Any]) -> str:
    """Return sealed references, one per line, without their keys."""
    return '\n'.join(f'{item.cid.hex()}:{item.vid}@pinned'
                     for item in references)


def label(tenant: client_module.TenantClient, key_id: bytes | None) -> str:
    """Return whose key it is, or the key id."""
    if key_id is None:
        return ''
    for key in tenant.keys.list_all():
        if key.key_id == key_id:
            return f'{key.kind}:{key.name}'
    return (tenant.inventory.read().label_of(key_id) or key_id.hex())


WRITTEN_COLUMNS = ('cid', 'vid', 'transaction', 'height', 'index',
                   'block_time', 'signers', 'quorum', 'view')


def written_values(written: context_module.Written) -> tuple[Any, ...]:
    """Return the values of :data:`WRITTEN_COLUMNS` for one write."""
    proven = written.proven
    if proven is None:
        return (written.cid.hex(), written.vid, written.txid.hex(), '', '',
                '', 'not waited for', '', '')
    return (written.cid.hex(), written.vid, written.txid.hex(),
            proven.placed.height, proven.placed.index,
            show_time(proven.time_ms), ', '.join(proven.signers),
            proven.quorum, proven.view)


def show_written(written: context_module.Written, **first: Any) -> Columns:
    """Return columns and values of one write.

    :param first: what stands before it
    """
    return ((*first, *WRITTEN_COLUMNS),
            (*first.values(), *written_values(written)))


def list_written(items: Sequence[context_module.Written]) -> Columns:
    """Return columns and rows of several writes."""
    return WRITTEN_COLUMNS, [written_values(item) for item in items]


# Options


def add_key(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the acting tenant key."""
    parser.add_argument(
        '--key', metavar='<name>', default='',
        help=_('Tenant key that acts; needed only if there are several'))


def add_wait(parser: argparse.ArgumentParser) -> None:
    """Add the option that decides about waiting for the proof."""
    parser.add_argument(
        '--wait', action=argparse.BooleanOptionalAction, default=True,
        help=_('Wait until the transaction is proven to be on the chain '
               '(default)'))


def add_data(parser: argparse.ArgumentParser, required: bool) -> None:
    """Add the options of what an applier applies."""
    parser.add_argument(
        '--applier', metavar='<applier>', required=required,
        help=_('Applier in the VNF: file, command, nftables, ...'))
    parser.add_argument(
        '--target', metavar='<target>', required=required,
        help=_('What it is applied to: a path, a table, ...'))
    parser.add_argument(
        '--file', metavar='<file>', required=required,
        help=_('File with the configuration; - for standard input'))


def add_references(parser: argparse.ArgumentParser) -> None:
    """Add the options that name other configurations."""
    for name, text in (
            ('apply-before', _('Configuration to apply before this one')),
            ('apply-after', _('Configuration to apply after this one'))):
        parser.add_argument(
            f'--{name}', metavar='<cid>[:<vid>][@latest|@exact|@pinned]',
            action='append',
            help=text + _(', for everybody to see; pinned to the version '
                          'that is newest now unless said otherwise; '
                          'repeat for more'))
    for name, text in (
            ('sealed-before', _('The same as --apply-before')),
            ('sealed-after', _('The same as --apply-after'))):
        parser.add_argument(
            f'--{name}', metavar='<cid>[:<vid>]', action='append',
            help=text + _(', but only the recipients can see it'))


def read_data(name: str) -> bytes:
    """Return a configuration's bytes from a file or standard input."""
    if name == '-':
        data = sys.stdin.buffer.read(limits.INFLATED_MAX_BYTES + 1)
        if len(data) > limits.INFLATED_MAX_BYTES:
            raise errors.TooLarge('Standard input is too long.',
                                  limit=limits.INFLATED_MAX_BYTES)
        return data
    return keys_module.read_data(name, limits.INFLATED_MAX_BYTES)


def read_passphrase(file: str | None, twice: bool) -> bytes:
    """Return a passphrase, from a file or the terminal, never from argv.

    :param twice: ask two times and compare
    """
    if file:
        found = keys_module.read_passphrase(file)
    elif sys.stdin.isatty():
        typed = getpass.getpass('Passphrase: ')
        if twice and typed != getpass.getpass('Again: '):
            raise errors.BadOption('The passphrases differ.')
        found = typed.encode('utf-8')
    else:
        raise errors.BadOption(
            'No terminal to ask for the passphrase: use --passphrase-file.')
    if len(found) < _PASSPHRASE_MIN_CHARS:
        raise errors.BadOption('The passphrase has less than '
                               f'{_PASSPHRASE_MIN_CHARS} characters.')
    return found


def write_file(name: str, data: bytes) -> None:
    """Write a new file; nothing is overwritten.

    :raises BadOption: it exists or cannot be written
    """
    path = pathlib.Path(name)
    try:
        with path.open('xb') as file:
            file.write(data)
    except OSError as error:
        raise errors.BadOption(f'{name}: {error.strerror}.') from error
