# SPDX-License-Identifier: Apache-2.0
"""Tables of the relational index (S0 section III.A).

Digests, key ids and CIDs are fixed-length binary columns.  Nothing refers
to these rows from the chain: they are derived, dropped and made again, so
there are no migrations, only :data:`SCHEMA_VERSION`.
"""

from typing import Any

import sqlalchemy as sa

#: Another number makes every node rebuild its index at the next start.
SCHEMA_VERSION = '2'

metadata = sa.MetaData()

_MYSQL: dict[str, Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin'}

#: How far the index is, of which chain, made by which schema.
meta = sa.Table(
    'index_meta', metadata,
    sa.Column('name', sa.String(32), primary_key=True),
    sa.Column('value', sa.String(255), nullable=False),
    **_MYSQL)

#: Blocks that hold transactions: heartbeats have no row.
blocks = sa.Table(
    'blocks', metadata,
    sa.Column('height', sa.BigInteger, primary_key=True,
              autoincrement=False),
    sa.Column('digest', sa.BINARY(32), nullable=False),
    sa.Column('time_ms', sa.BigInteger, nullable=False),
    sa.Column('proposer', sa.Integer, nullable=False),
    sa.Column('transactions', sa.Integer, nullable=False),
    sa.Column('size', sa.Integer, nullable=False),
    **_MYSQL)

transactions = sa.Table(
    'transactions', metadata,
    sa.Column('height', sa.BigInteger, primary_key=True,
              autoincrement=False),
    sa.Column('position', sa.Integer, primary_key=True,
              autoincrement=False),
    # the chain itself finds a transaction by its id
    sa.Column('txid', sa.BINARY(32), nullable=False),
    sa.Column('type', sa.SmallInteger, nullable=False),
    sa.Column('cid', sa.BINARY(16), nullable=False),
    sa.Column('vid', sa.BigInteger, nullable=False),
    sa.Column('compression', sa.SmallInteger, nullable=False),
    sa.Column('encryption', sa.SmallInteger, nullable=False),
    sa.Column('description', sa.String(256), nullable=False),
    sa.Column('sender', sa.BINARY(32), nullable=False),
    sa.Column('recipient', sa.BINARY(32)),
    # unsigned 64 bits on the wire; later than 2^63 ms stores as NULL
    sa.Column('timestamp_ms', sa.BigInteger),
    sa.Column('size', sa.Integer, nullable=False),
    sa.Index('ix_transactions_cid', 'cid', 'vid'),
    sa.Index('ix_transactions_sender', 'sender', 'height'),
    sa.Index('ix_transactions_recipient', 'recipient', 'height'),
    sa.Index('ix_transactions_type', 'type', 'height'),
    sqlite_with_rowid=False, **_MYSQL)

#: Apply before (side 0) and apply after (side 1) of configurations.
references = sa.Table(
    'transaction_references', metadata,
    sa.Column('height', sa.BigInteger, primary_key=True,
              autoincrement=False),
    sa.Column('position', sa.Integer, primary_key=True,
              autoincrement=False),
    sa.Column('side', sa.SmallInteger, primary_key=True,
              autoincrement=False),
    sa.Column('ordinal', sa.SmallInteger, primary_key=True,
              autoincrement=False),
    sa.Column('cid', sa.BINARY(16), nullable=False),
    sa.Column('vid', sa.BigInteger),
    sa.Column('txid', sa.BINARY(32)),
    sa.Index('ix_references_cid', 'cid', 'vid'),
    **_MYSQL)
