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
        help='Device or file where the public key block is printed; "-" is '
             'standard output.'),
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
        'wait_seconds', default=25, min=0, max=60,
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
        help='A head older than this many heartbeats is stale. The same '
             'bound tells when the wall clock contradicts the chain.'),
    cfg.FloatOpt(
        'fresh_min_seconds', default=10.0, min=1.0,
        help='The bound on freshness is never below this, however short '
             'the heartbeat of the federation is.'),
    cfg.FloatOpt(
        'receipt_delay_max_seconds', default=5.0, min=0.0,
        help='Receipts leave after a random delay up to this one, so that '
             'their time does not group VNFs.'),
    cfg.IntOpt(
        'evidence_max_count', default=100, min=1,
        help='How many records of false answers are kept.'),
]

_APPLYING = [
    cfg.ListOpt(
        'appliers', default=['file', 'nftables'],
        help='Appliers which may act here, names in the entry point group '
             'tacker_ledger.appliers. What is not listed is refused.'),
    cfg.FloatOpt(
        'apply_timeout_seconds', default=60.0, min=0.1,
        help='How long one command of an applier may take.'),
    cfg.StrOpt(
        'health_check', default='',
        help='Command (program and arguments, no shell) which must succeed '
             'after an apply, else everything is reverted; empty: none.'),
    cfg.FloatOpt(
        'health_check_timeout_seconds', default=30.0, min=0.1,
        help='How long the health check may take.'),
]

_FILE_APPLIER = [
    cfg.MultiStrOpt(
        'file_target', default=[], metavar='NAME=PATH',
        help='A file which the file applier may replace, and the target '
             'name by which configurations mean it. May be given many '
             'times.'),
    cfg.MultiStrOpt(
        'file_check', default=[], metavar='NAME=COMMAND',
        help='Command which must accept a new content of the target before '
             'it is put in force; the path of a draft is added as its last '
             'argument.'),
    cfg.MultiStrOpt(
        'file_reload', default=[], metavar='NAME=COMMAND',
        help='Command to run after the target was replaced.'),
    cfg.ListOpt(
        'file_concatenated', default=[],
        help='Targets for which several configurations in force are put '
             'one after another; for all others the last one wins.'),
]

_COMMAND_APPLIER = [
    cfg.MultiStrOpt(
        'command_apply', default=[], metavar='NAME=COMMAND',
        help='Command of the command applier for a target name; it reads '
             'the configuration on its standard input.'),
    cfg.MultiStrOpt(
        'command_check', default=[], metavar='NAME=COMMAND',
        help='Dry run of command_apply, same input.'),
    cfg.MultiStrOpt(
        'command_withdraw', default=[], metavar='NAME=COMMAND',
        help='Command which undoes the target when nothing configures it '
             'any more.'),
    cfg.MultiStrOpt(
        'command_snapshot', default=[], metavar='NAME=COMMAND',
        help='Command which writes the target\'s state to its standard '
             'output before a change.'),
    cfg.MultiStrOpt(
        'command_restore', default=[], metavar='NAME=COMMAND',
        help='Command which reads such a state and puts it back; without '
             'one the previous configuration is applied again.'),
    cfg.MultiStrOpt(
        'command_observe', default=[], metavar='NAME=COMMAND',
        help='Command which writes the state that travels in state '
             'reports.'),
    cfg.MultiStrOpt(
        'command_adopt', default=[], metavar='NAME=COMMAND',
        help='Command which reads an observed state after a migration.'),
]

_NFTABLES_APPLIER = [
    cfg.ListOpt(
        'nftables_tables', default=['inet tacker_ledger'],
        help='Tables (family and name) which the nftables applier may '
             'replace.'),
    cfg.StrOpt(
        'nftables_command', default='nft',
        help='The nft program, with arguments before its own if need be '
             '(for example "ip netns exec NAME nft").'),
]

OPTIONS = [*_PLACES, *_CONSOLE, *_POLLING, *_APPLYING, *_FILE_APPLIER,
           *_COMMAND_APPLIER, *_NFTABLES_APPLIER]
