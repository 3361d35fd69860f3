# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger init``: a profile from what a federation hands out."""

import argparse
import pathlib

from osc_lib.i18n import _

from tacker_ledger.core.configuration import bootstrap
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import keys
from tacker_ledger.tenant_client import profile
from tacker_ledger.tenant_client import store

_FEDERATION = 'federation.cbor'
_CA = ('ca/ca.pem', 'ca.pem')


class Init(base.ShowOne):
    _description = _('Set up this tenant\'s directory for a federation')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument(
            '--federation-directory', metavar='<directory>',
            help=_('Directory with federation.cbor and ca.pem'))
        source.add_argument(
            '--federation', metavar='<file>',
            help=_('Signed federation document of genesis'))
        parser.add_argument(
            '--ca', metavar='<file>',
            help=_('Certificate of the federation CA (PEM)'))
        parser.add_argument(
            '--node', metavar='<url>', action='append', default=[],
            help=_('Node to ask, or <member>=<url>; repeat for more; '
                   'default: all of the federation document'))
        parser.add_argument('--suite', choices=('rsa2048', 'ed25519'),
                            default='rsa2048', help=_('Suite of new keys'))
        parser.add_argument(
            '--passphrase-file', metavar='<file>', default='',
            help=_('File with the passphrase that protects the keys'))
        for name, text in (
                ('recovery', _('Public key of the recovery key that is to '
                               'open all that is published')),
                ('auditor', _('Public key of an auditor who is to open all '
                              'that is published'))):
            parser.add_argument(f'--{name}-key', metavar='<file>',
                                default='', help=text)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        federation, ca = parsed_args.federation, parsed_args.ca
        if parsed_args.federation_directory:
            directory = pathlib.Path(parsed_args.federation_directory)
            federation = directory / _FEDERATION
            for name in _CA:
                if not ca and (directory / name).exists():
                    ca = directory / name
        place = store.Store(self.app.options.ledger_dir
                            or profile.default_directory())
        made = profile.create(
            place, signed_genesis=keys.read_data(
                federation, limits.FEDERATION_SIGNED_MAX_BYTES),
            ca_pem=keys.read_text(ca, bootstrap.CA_MAX_CHARS) if ca else None,
            nodes=parsed_args.node, suite=parsed_args.suite,
            passphrase_file=_absolute(parsed_args.passphrase_file),
            recovery_key_file=_absolute(parsed_args.recovery_key),
            auditor_key_file=_absolute(parsed_args.auditor_key))
        self._check_ca(made)
        return (('directory', 'chain', 'members', 'nodes'),
                (str(place.directory), made.genesis.chain_id.hex(),
                 '\n'.join(member.name for member in made.genesis.members),
                 '\n'.join(url for url, _member in made.nodes)))

    def _check_ca(self, made: profile.Profile) -> None:
        if made.ca_pem is None and any(
                url.startswith('https:') for url, _member in made.nodes):
            self.log.warning(
                'No CA was given (%s): the nodes\' certificates are checked '
                'against the system\'s authorities.', errors.BadOption.code)


def _absolute(name: str) -> str:
    return str(pathlib.Path(name).absolute()) if name else ''
