# SPDX-License-Identifier: Apache-2.0
"""Options of the publisher: ``[publisher]`` and ``[anchor_ledger]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'publisher', title='Publisher of log checkpoints',
    help='Which secure logs are searched for checkpoints and how often they '
         'are anchored.')

OPTIONS = [
    cfg.ListOpt(
        'drivers', default=['bitcoin'],
        help='Where checkpoints are anchored: "bitcoin", "ledger" or both. '
             'With "ledger" alone no Bitcoin node is needed.'),
    cfg.ListOpt(
        'log_files', default=[],
        help='Secure logs of this host, as named in the logging '
             'configuration. Files of further processes (NAME.w1, ...) and '
             'rotated files whose names begin so are found beside them.'),
    cfg.ListOpt(
        'log_key_files', default=[],
        help='Public signing keys (log-signing.pub) of the logs that are '
             'anchored. Checkpoints signed by others are refused.'),
    cfg.BoolOpt(
        'take_remote', default=False,
        help='Take checkpoints of other hosts from the queue "checkpoints".'),
    cfg.BoolOpt(
        'send_remote', default=False,
        help='Search this host\'s logs and send their checkpoints to the '
             'queue "checkpoints" instead of anchoring them here.'),
    cfg.FloatOpt(
        'search_interval_seconds', default=10.0, min=0.05,
        help='How often log files are searched for new checkpoints, and '
             'anchors that are not final are looked after.'),
    cfg.IntOpt(
        'interval_seconds', default=3600, min=0,
        help='Seconds between two anchors of the driver bitcoin. One '
             'transaction carries all checkpoints found meanwhile.'),
    cfg.IntOpt(
        'ledger_interval_seconds', default=60, min=0,
        help='Seconds between two rounds of the driver ledger. Each round '
             'records the newest checkpoint of each session.'),
    cfg.FloatOpt(
        'lease_seconds', default=30.0, min=0.5,
        help='A second publisher on the same database takes over when the '
             'first has not acted for so long. Longer than '
             'search_interval_seconds.'),
]

LEDGER_GROUP = cfg.OptGroup(
    'anchor_ledger', title='Anchoring on the ledger',
    help='Where the driver ledger records checkpoints. The key must be '
         'enrolled at a node.')

LEDGER_OPTIONS = [
    cfg.ListOpt(
        'nodes', default=[],
        help='Doors of federation nodes: https://HOST:PORT#MEMBER with the '
             'member\'s index in the federation document.'),
    cfg.StrOpt(
        'federation_document', default='',
        help='File with the signed federation document at genesis.'),
    cfg.StrOpt(
        'ca_file', default='',
        help='Certificate of the federation CA (PEM).'),
    cfg.StrOpt(
        'key_directory', default='',
        help='Directory with the key that signs the transactions; it is '
             'made there at the first start. Enrol its key id, which the '
             'log says, at a node.'),
    cfg.StrOpt(
        'state_file', default='',
        help='Where the newest head is remembered, so that an older chain '
             'is not believed after a restart.'),
]
