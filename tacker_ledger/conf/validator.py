# SPDX-License-Identifier: Apache-2.0
"""Options of the validator: ``[validator]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'validator', title='Validator of anchors',
    help='Which logs are compared with their anchors, and by which keys.')

OPTIONS = [
    cfg.ListOpt(
        'drivers', default=['bitcoin'],
        help='Whose anchors are read: "bitcoin", "ledger" or both.'),
    cfg.ListOpt(
        'log_files', default=[],
        help='Secure logs to compare with their anchors, as named in the '
             'logging configuration.'),
    cfg.ListOpt(
        'log_key_files', default=[],
        help='Public signing keys (log-signing.pub) of these logs, one '
             'common list.'),
    cfg.StrOpt(
        'first_outpoint', default='',
        help='TXID:0 of the first output that anchors spend, known from '
             'outside: an anchor that does not lead back to it is none. '
             'Empty: anchors need not be chained.'),
    cfg.FloatOpt(
        'interval_seconds', default=10.0, min=0.05,
        help='How often the database is looked at for what no message told '
             'of, and anchors that are not deep enough are looked at '
             'again.'),
]
