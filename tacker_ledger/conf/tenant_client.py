# SPDX-License-Identifier: Apache-2.0
"""Options of the tenant client: ``[tenant_client]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'tenant_client', title='Tenant client',
    help='The library and command line which a tenant publishes with.')

OPTIONS = [
    cfg.StrOpt(
        'federation_document', default='',
        help='File with the signed federation document of genesis.'),
    cfg.StrOpt(
        'ca_file', default='',
        help='Certificate of the federation CA (PEM), to which HTTPS to the '
             'nodes is pinned; empty: the system\'s authorities.'),
    cfg.ListOpt(
        'nodes', default=[],
        help='Door addresses (URLs) to use; empty: those of the federation '
             'document.'),
    cfg.StrOpt(
        'keystore', default='file',
        help='Where private keys are kept, a name in the entry point group '
             'tacker_ledger.keystores.'),
    cfg.StrOpt(
        'key_passphrase_file', default='',
        help='File with a passphrase which encrypts the keys at rest; '
             'empty: they are protected by file permissions alone.'),
    cfg.StrOpt(
        'recovery_key_file', default='',
        help='Public key, as exported, of the recovery key which is to open '
             'all that is published; empty: none.'),
    cfg.StrOpt(
        'auditor_key_file', default='',
        help='Public key, as exported, of an auditor who is to open all '
             'that is published; empty: none.'),
    cfg.StrOpt(
        'crypto_provider', default='',
        help='Cryptographic library, a name in the entry point group '
             'tacker_ledger.crypto_providers; empty: the first installed.'),
    cfg.StrOpt(
        'suite', default='rsa2048', choices=['rsa2048', 'ed25519'],
        help='Suite of new keys.'),
    cfg.FloatOpt(
        'request_timeout_seconds', default=15.0, min=0.1,
        help='Total time one request to a node may take.'),
    cfg.FloatOpt(
        'commit_timeout_seconds', default=60.0, min=0.1,
        help='How long --wait waits for a transaction\'s block.'),
]
