# SPDX-License-Identifier: Apache-2.0
"""Options of the Bitcoin node that carries anchors: ``[bitcoin]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'bitcoin', title='Bitcoin node',
    help='The node and the wallet that carry anchors. Publisher and '
         'validator should ask different nodes.')

OPTIONS = [
    cfg.StrOpt(
        'url', default='http://127.0.0.1:8332',
        help='Address of the node\'s JSON-RPC, without user and password.'),
    cfg.StrOpt(
        'cookie_file', default='',
        help='The node\'s authentication cookie; read at every call.'),
    cfg.StrOpt(
        'password_file', default='',
        help='File with "user:password" in place of a cookie, readable by '
             'its owner only.'),
    cfg.FloatOpt(
        'timeout_seconds', default=30.0, min=0.1, max=600.0,
        help='How long one call to the node may take as a whole.'),
    cfg.StrOpt(
        'wallet', default='tacker-ledger-anchors',
        help='A wallet used for anchors alone.'),
    cfg.StrOpt(
        'network', default='main',
        choices=('main', 'testnet4', 'signet', 'regtest'),
        help='Which chain this is. Anchors outside main are no evidence.'),
    cfg.StrOpt(
        'genesis_block_hash', default='',
        help='Hash of the chain\'s first block. Empty: the one known for '
             'the network.'),
    cfg.StrOpt(
        'pinned_block', default='',
        help='HEIGHT:HASH of a later block that tells this chain from its '
             'forks.'),
    cfg.IntOpt(
        'final_depth', default=-1, min=-1,
        help='Confirmations after which an anchor is final. -1: 6 on main, '
             '12 on testnet4, 2 on signet, 1 on regtest.'),
    cfg.IntOpt(
        'fee_target_blocks', default=6, min=1, max=1008,
        help='Within how many blocks an anchor should be confirmed: what '
             'the node is asked to estimate the fee for.'),
    cfg.FloatOpt(
        'fee_rate_min', default=1.0, min=0.1,
        help='Least fee in satoshi per virtual byte.'),
    cfg.FloatOpt(
        'fee_rate_max', default=100.0, min=0.1,
        help='Greatest fee in satoshi per virtual byte, also by '
             'replacement.'),
    cfg.IntOpt(
        'chain_value_satoshi', default=1000, min=546,
        help='What output 0 of an anchor holds, which the next one spends. '
             'It is never lost.'),
    cfg.IntOpt(
        'bump_after_seconds', default=7200, min=1,
        help='An anchor that is in no block for so long is replaced by one '
             'with a higher fee.'),
    cfg.IntOpt(
        'low_balance_anchors', default=1000, min=1,
        help='Warn when the wallet pays for fewer anchors than this.'),
]
