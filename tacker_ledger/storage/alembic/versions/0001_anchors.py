# SPDX-License-Identifier: Apache-2.0
"""The first schema: outbox, anchors, readings, verdicts, lease.

A copy of the tables as they were then: the models go on changing.
"""

from typing import Any

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0001'
down_revision = None

_metadata = sa.MetaData()
_MYSQL: dict[str, Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin'}
_ROW_ID = sa.BigInteger().with_variant(sa.Integer, 'sqlite')
_LONG_BYTES = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB, 'mysql')
sa.Table(
    'anchor_cursors', _metadata,
    sa.Column('file', sa.BINARY(32), primary_key=True),
    sa.Column('path', sa.String(1024), nullable=False),
    sa.Column('position', sa.BigInteger, nullable=False),
    sa.Column('head_bytes', sa.Integer, nullable=False),
    sa.Column('head', sa.BINARY(32), nullable=False),
    **_MYSQL)
sa.Table(
    'anchor_checkpoints', _metadata,
    sa.Column('id', _ROW_ID, primary_key=True, autoincrement=True),
    sa.Column('log_id', sa.BINARY(16), nullable=False),
    sa.Column('writer', sa.BigInteger, nullable=False),
    sa.Column('sequence', sa.BigInteger, nullable=False),
    sa.Column('number', sa.BigInteger, nullable=False),
    sa.Column('hash', sa.BINARY(32), nullable=False),
    sa.Column('record', _LONG_BYTES, nullable=False),
    sa.Column('path', sa.String(1024), nullable=False),
    sa.Column('found_ms', sa.BigInteger, nullable=False),
    sa.UniqueConstraint('log_id', 'writer', 'sequence',
                        name='uq_anchor_checkpoints_place'),
    **_MYSQL)
sa.Table(
    'anchors', _metadata,
    sa.Column('id', _ROW_ID, primary_key=True, autoincrement=True),
    sa.Column('driver', sa.String(32), nullable=False),
    sa.Column('number', sa.BigInteger, nullable=False),
    sa.Column('root', sa.BINARY(32), nullable=False),
    sa.Column('state', sa.String(16), nullable=False),
    sa.Column('created_ms', sa.BigInteger, nullable=False),
    sa.Column('notes', _LONG_BYTES, nullable=False),
    sa.UniqueConstraint('driver', 'number', name='uq_anchors_number'),
    sa.Index('ix_anchors_state', 'driver', 'state'),
    **_MYSQL)
sa.Table(
    'anchor_leaves', _metadata,
    sa.Column('anchor_id', _ROW_ID, sa.ForeignKey('anchors.id'),
              primary_key=True),
    sa.Column('checkpoint_id', _ROW_ID,
              sa.ForeignKey('anchor_checkpoints.id'), primary_key=True),
    sa.Index('ix_anchor_leaves_checkpoint', 'checkpoint_id'),
    **_MYSQL)
sa.Table(
    'anchor_transactions', _metadata,
    sa.Column('id', _ROW_ID, primary_key=True, autoincrement=True),
    sa.Column('anchor_id', _ROW_ID, sa.ForeignKey('anchors.id'),
              nullable=False),
    sa.Column('attempt', sa.Integer, nullable=False),
    sa.Column('txid', sa.BINARY(32), nullable=False),
    sa.Column('raw', _LONG_BYTES, nullable=False),
    sa.Column('fee_satoshi', sa.BigInteger, nullable=False),
    sa.Column('state', sa.String(16), nullable=False),
    sa.Column('block', sa.BINARY(32)),
    sa.Column('height', sa.BigInteger),
    sa.Column('confirmations', sa.BigInteger, nullable=False),
    sa.Column('stored_ms', sa.BigInteger, nullable=False),
    sa.Column('sent_ms', sa.BigInteger),
    sa.Column('provided_block', sa.BINARY(32)),
    sa.Column('told_block', sa.BINARY(32)),
    sa.UniqueConstraint('txid', name='uq_anchor_transactions_txid'),
    sa.UniqueConstraint('anchor_id', 'attempt',
                        name='uq_anchor_transactions_attempt'),
    sa.Index('ix_anchor_transactions_state', 'state'),
    **_MYSQL)
sa.Table(
    'anchor_readings', _metadata,
    sa.Column('id', _ROW_ID, primary_key=True, autoincrement=True),
    sa.Column('transaction_id', _ROW_ID,
              sa.ForeignKey('anchor_transactions.id'), nullable=False),
    sa.Column('block', sa.BINARY(32), nullable=False),
    sa.Column('height', sa.BigInteger, nullable=False),
    sa.Column('root', sa.BINARY(32)),
    sa.Column('problem', sa.String(64), nullable=False),
    sa.Column('read_ms', sa.BigInteger, nullable=False),
    sa.Column('is_told', sa.Boolean, nullable=False),
    sa.Column('is_compared', sa.Boolean, nullable=False),
    sa.UniqueConstraint('transaction_id', 'block',
                        name='uq_anchor_readings_block'),
    **_MYSQL)
sa.Table(
    'anchor_verdicts', _metadata,
    sa.Column('id', _ROW_ID, primary_key=True, autoincrement=True),
    sa.Column('reading_id', _ROW_ID, sa.ForeignKey('anchor_readings.id'),
              nullable=False),
    sa.Column('log_id', sa.BINARY(16), nullable=False),
    sa.Column('writer', sa.BigInteger, nullable=False),
    sa.Column('verdict', sa.String(32), nullable=False),
    sa.Column('message', sa.Text, nullable=False),
    sa.Column('decided_ms', sa.BigInteger, nullable=False),
    sa.Column('is_told', sa.Boolean, nullable=False),
    sa.UniqueConstraint('reading_id', 'log_id', 'writer',
                        name='uq_anchor_verdicts_session'),
    sa.Index('ix_anchor_verdicts_told', 'is_told'),
    **_MYSQL)
sa.Table(
    'anchor_leases', _metadata,
    sa.Column('name', sa.String(32), primary_key=True),
    sa.Column('owner', sa.String(64), nullable=False),
    sa.Column('beat', sa.BigInteger, nullable=False),
    **_MYSQL)


def upgrade() -> None:
    """Make the tables."""
    _metadata.create_all(op.get_bind(), checkfirst=False)
