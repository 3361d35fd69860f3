# SPDX-License-Identifier: Apache-2.0
"""What OpenStackClient loads: options, and the client behind the commands.

Loaded at every start of ``openstack``, so it imports next to nothing; the
commands import what they need when one of them is run.
"""

import argparse
from typing import Any

from osc_lib import utils

API_NAME = 'vnf_ledger'
API_VERSION_OPTION = 'os_vnf_ledger_api_version'
DEFAULT_API_VERSION = '1'
API_VERSIONS = ('1',)


def make_client(instance: Any) -> Any:
    """Return the proxy of the service (:mod:`tacker_ledger.osc.sdk`).

    Commands of tenants need no cloud: the proxy then has no session with
    one, and reaches nodes by the tenant's profile.

    :param instance: the client manager
    """
    from tacker_ledger.osc import sdk

    return sdk.make_proxy(getattr(instance, 'sdk_connection', None)
                          if instance._auth_required else None)


def build_option_parser(parser: argparse.ArgumentParser
                        ) -> argparse.ArgumentParser:
    """Add the global options of the plugin."""
    parser.add_argument(
        '--os-vnf-ledger-api-version', metavar='<vnf-ledger-api-version>',
        default=utils.env('OS_VNF_LEDGER_API_VERSION',
                          default=DEFAULT_API_VERSION),
        help='VNF ledger API version, default: ' + DEFAULT_API_VERSION
             + ' (Env: OS_VNF_LEDGER_API_VERSION)')
    parser.add_argument(
        '--ledger-dir', metavar='<directory>',
        default=utils.env('TACKER_LEDGER_HOME'),
        help='Directory of the tenant\'s keys, inventory and profile, '
             'default: ~/.config/tacker-ledger (Env: TACKER_LEDGER_HOME)')
    parser.add_argument(
        '--os-vnf-ledger-nodes', metavar='<url>[,<url>...]',
        default=utils.env('OS_VNF_LEDGER_NODES'),
        help='Nodes to ask instead of those of the profile: URLs of doors, '
             'or <member>=<url> (Env: OS_VNF_LEDGER_NODES)')
    return parser
