# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger migration``: moving a VNF's configuration to another."""

import argparse
from typing import Any

from osc_lib.i18n import _

from tacker_ledger.core.configuration import comparison
from tacker_ledger.core.configuration import migration_record
from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import client
from tacker_ledger.tenant_client import migration as migration_module

_POLICIES = {policy.label: policy for policy in comparison.Policy}
_LIST_COLUMNS = ('id', 'source', 'destination', 'state', 'path', 'rounds',
                 'note')


def _list_values(item: migration_record.Migration) -> tuple[Any, ...]:
    return (item.migration_id.hex(), item.source, item.destination,
            item.state.label, item.path.label, len(item.rounds),
            base.escape(item.note))


def _shown(item: migration_record.Migration) -> base.Columns:
    shown = dict(zip(_LIST_COLUMNS, _list_values(item), strict=True))
    shown['created'] = base.show_time(item.created_ms)
    shown['updated'] = base.show_time(item.updated_ms)
    shown['differences_policy'] = item.policy.label
    shown['path_switch'] = ' '.join(
        base.escape(word) for word in item.path_switch)
    if item.rounds:
        current = item.current
        # The last round of all has nothing new, hence no delivery.
        delivered = next((one for one in reversed(item.rounds)
                          if one.delivery_txid is not None), current)
        shown['entries'] = '\n'.join(
            f'{cid.hex()}:{vid}' for cid, vid, _txid in current.entries)
        shown['differences'] = '\n'.join(
            f'{comparison.Kind(kind).label} {cid.hex()}: reported '
            f'{reported or "-"}, on the chain {chain or "-"}'
            for kind, cid, reported, chain in current.differences)
        for name, txid in (('request', current.request_txid),
                           ('answer', current.answer_txid),
                           ('delivery', delivered.delivery_txid),
                           ('receipt', delivered.receipt_txid)):
            shown[name] = txid.hex() if txid else ''
    return tuple(shown), tuple(shown.values())


def _add_migration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('migration', metavar='<migration>',
                        help=_('Id of the migration, or how it starts'))


def _add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--timeout', metavar='<seconds>', type=float,
        default=migration_module.TIMEOUT_SECONDS,
        help=_('How long to wait for the VNFs, default: ten minutes'))


class _Driving(base.ShowOne):
    """A command that drives a migration and says what it does."""

    def drive(self, tenant: client.TenantClient,
              item: migration_record.Migration,
              parsed_args: argparse.Namespace, **changes: Any
              ) -> base.Columns:
        """Run a migration as far as it goes and show it."""
        def tell(migration: migration_record.Migration,
                 action: migration_module.Action) -> None:
            self.log.info('%s: %s', migration.state.label, action.value)

        tenant.migrations.listener = tell
        return _shown(tenant.migrations.run(
            item, timeout_seconds=parsed_args.timeout, **changes))


class CreateMigration(_Driving):
    _description = _('Migrate a VNF\'s configuration state to another VNF '
                     'and end the source')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('source', metavar='<source>',
                            help=_('VNF to migrate from'))
        parser.add_argument(
            'destination', metavar='<destination>', nargs='?', default='',
            help=_('VNF to migrate to; may be named later'))
        parser.add_argument(
            '--path-switch', metavar='<driver>', default='none',
            help=_('Who switches the path: none or command; default: none'))
        parser.add_argument(
            '--path-switch-argument', metavar='<word>', action='append',
            default=[], help=_('Argument of the path switch; repeat for '
                               'more; the first of command is the program'))
        parser.add_argument(
            '--differences', choices=_POLICIES, default='stop',
            help=_('What becomes of differences between the source\'s '
                   'report and the chain: stop, take what the chain has, or '
                   'take authentic versions as reported; default: stop'))
        parser.add_argument(
            '--no-run', dest='drive', action='store_false',
            help=_('Only store it; go on with "migration resume"'))
        _add_timeout(parser)
        base.add_key(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            item = tenant.migrations.create(
                parsed_args.source, parsed_args.destination,
                tenant.keys.choose(parsed_args.key),
                policy=_POLICIES[parsed_args.differences],
                path_switch=(parsed_args.path_switch,
                             *parsed_args.path_switch_argument))
            if not parsed_args.drive:
                return _shown(item)
            self.app.stderr.write(f'Migration {item.migration_id.hex()}\n')
            return self.drive(tenant, item, parsed_args)


class ShowMigration(base.ShowOne):
    _description = _('Show a migration')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_migration(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return _shown(tenant.migrations.find(parsed_args.migration))


class ListMigration(base.Lister):
    _description = _('List the migrations')

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return _LIST_COLUMNS, [_list_values(item) for item
                                   in tenant.migrations.list_all()]


class AbortMigration(base.ShowOne):
    _description = _('Abort a migration; the path stays at the source, or '
                     'is led back to it')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_migration(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return _shown(tenant.migrations.abort(
                tenant.migrations.find(parsed_args.migration)))


class ResumeMigration(_Driving):
    _description = _('Go on with a migration that was interrupted or '
                     'stopped')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_migration(parser)
        parser.add_argument('--destination', metavar='<vnf>', default='',
                            help=_('VNF to migrate to'))
        parser.add_argument(
            '--differences', choices=_POLICIES,
            help=_('What becomes of differences from now on'))
        _add_timeout(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return self.drive(
                tenant, tenant.migrations.find(parsed_args.migration),
                parsed_args, destination=parsed_args.destination,
                policy=_POLICIES.get(parsed_args.differences))
