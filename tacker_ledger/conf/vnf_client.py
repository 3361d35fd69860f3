# SPDX-License-Identifier: Apache-2.0
"""Options of the agent inside a VNF: ``[vnf_client]``.

Nothing here needs more than what a VNF image holds.
"""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'vnf_client', title='VNF client',
    help='The agent inside a VNF: whom it believes stands in its bootstrap '
         'document, how it works stands here.')

_PLACES = [
    cfg.StrOpt(
        'bootstrap_file', required=True,
        help='Bootstrap document: chain, federation, tenant keys, nodes, '
             'CA, interval (JSON, written by the orchestrator).'),
    cfg.StrOpt(
        'state_directory', default='/var/lib/tacker-ledger-agent',
        help='Directory of the agent\'s keys and durable state.'),
    cfg.StrOpt(
        'keystore', default='file',
        help='Where private keys are kept, a name in the entry point group '
             'tacker_ledger.keystores.'),
    cfg.StrOpt(
        'key_passphrase_file', default='',
        help='File with a passphrase which encrypts the keys at rest; '
             'empty: they are protected by file permissions alone.'),
    cfg.StrOpt(
        'crypto_provider', default='',
        help='Cryptographic library, a name in the entry point group '
             'tacker_ledger.crypto_providers; empty: the first installed.'),
    cfg.StrOpt(
        'suite', default='rsa2048', choices=['rsa2048', 'ed25519'],
        help='Suite of the VNF key made at the first start.'),
]

_CONSOLE = [
    cfg.StrOpt(
        'console', default='/dev/console',
        help='Where the public key block is printed; "-" is standard '
             'output.'),
    cfg.FloatOpt(
        'console_interval_minutes', default=10.0, min=0.01,
        help='How often the block is printed again.'),
]

_POLLING = [
    cfg.FloatOpt(
        'interval_seconds', default=0.0, min=0.0,
        help='Pause between two polls, jittered; 0: the interval of the '
             'bootstrap document.'),
    cfg.IntOpt(
        'wait_seconds', default=50, min=0, max=60,
        help='How long a node may hold a poll open until something '
             'changes; 0: never.'),
    cfg.FloatOpt(
        'request_timeout_seconds', default=15.0, min=0.1,
        help='Total time one request to a node may take beyond wait_'
             'seconds.'),
    cfg.IntOpt(
        'second_node_polls', default=10, min=1,
        help='After how many polls a second node is asked too.'),
    cfg.IntOpt(
        'fresh_heartbeats', default=4, min=4,
        help='A head older than this many heartbeats is stale.'),
    cfg.FloatOpt(
        'receipt_delay_max_seconds', default=5.0, min=0.0,
        help='Receipts leave after a random delay up to this one, so that '
             'their time does not group VNFs.'),
]

_APPLYING = [
    cfg.ListOpt(
        'appliers', default=['file', 'nftables'],
        help='Appliers which may act here, names in the entry point group '
             'tacker_ledger.appliers. What is not listed is refused.'),
    cfg.ListOpt(
        'file_paths', default=[],
        help='Files which the file applier may replace; a trailing slash '
             'allows a whole directory.'),
    cfg.ListOpt(
        'commands', default=[],
        help='Absolute paths of programs which the command applier, reload '
             'commands and health checks may run.'),
    cfg.ListOpt(
        'nftables_tables', default=['inet tacker_ledger'],
        help='Tables (family and name) which the nftables applier may '
             'replace.'),
    cfg.FloatOpt(
        'apply_timeout_seconds', default=60.0, min=0.1,
        help='How long one applier may take.'),
    cfg.StrOpt(
        'health_check', default='',
        help='Command which must succeed after an apply, else everything '
             'is reverted; empty: none.'),
    cfg.FloatOpt(
        'health_check_timeout_seconds', default=30.0, min=0.1,
        help='How long the health check may take.'),
]

OPTIONS = [*_PLACES, *_CONSOLE, *_POLLING, *_APPLYING]
