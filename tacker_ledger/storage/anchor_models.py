# SPDX-License-Identifier: Apache-2.0
"""Tables of the anchors: the truth of publisher and validator (protocol 9).

Unlike the index these rows cannot be made again from anything else, so the
schema changes by the migrations in ``alembic`` alone.  Times are ms since
1970 UTC, digests and ids fixed-length binary columns; a Bitcoin txid is
stored as people write it, its bytes reversed.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData()
VERSION_TABLE = 'anchor_alembic_version'

#: States of a transaction, and of the anchor it carries.
PENDING = 'pending'
CONFIRMED = 'confirmed'
FINAL = 'final'
REPLACED = 'replaced'
CONFLICTED = 'conflicted'

_MYSQL: dict[str, Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin'}
#: SQLite numbers rows by itself in columns of this very type only.
ROW_ID = sa.BigInteger().with_variant(sa.Integer, 'sqlite')
#: 64 KiB are too few on MariaDB.
_LONG_BYTES = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB, 'mysql')

#: How far each log file has been read; a file keeps its place when renamed.
cursors = sa.Table(
    'anchor_cursors', metadata,
    # of the host's name, the device and the inode
    sa.Column('file', sa.BINARY(32), primary_key=True),
    sa.Column('path', sa.String(1024), nullable=False),
    sa.Column('position', sa.BigInteger, nullable=False),
    # of the first bytes of the file: an inode may be used again
    sa.Column('head_bytes', sa.Integer, nullable=False),
    sa.Column('head', sa.BINARY(32), nullable=False),
    **_MYSQL)

#: The outbox: every checkpoint that was found, once.
checkpoints = sa.Table(
    'anchor_checkpoints', metadata,
    sa.Column('id', ROW_ID, primary_key=True, autoincrement=True),
    sa.Column('log_id', sa.BINARY(16), nullable=False),
    sa.Column('writer', sa.BigInteger, nullable=False),
    sa.Column('sequence', sa.BigInteger, nullable=False),
    # S1's number of the checkpoint in its session; the opening is 0
    sa.Column('number', sa.BigInteger, nullable=False),
    sa.Column('hash', sa.BINARY(32), nullable=False),
    sa.Column('record', _LONG_BYTES, nullable=False),
    # where it stands on this host; empty: another host sent it
    sa.Column('path', sa.String(1024), nullable=False),
    sa.Column('found_ms', sa.BigInteger, nullable=False),
    sa.UniqueConstraint('log_id', 'writer', 'sequence',
                        name='uq_anchor_checkpoints_place'),
    **_MYSQL)

#: A root that was, or is to be, anchored by one driver.
anchors = sa.Table(
    'anchors', metadata,
    sa.Column('id', ROW_ID, primary_key=True, autoincrement=True),
    sa.Column('driver', sa.String(32), nullable=False),
    # counts the anchors of a driver: a second publisher cannot take it too
    sa.Column('number', sa.BigInteger, nullable=False),
    sa.Column('root', sa.BINARY(32), nullable=False),
    sa.Column('state', sa.String(16), nullable=False),
    sa.Column('created_ms', sa.BigInteger, nullable=False),
    # what the driver has to remember, as it likes
    sa.Column('notes', _LONG_BYTES, nullable=False),
    sa.UniqueConstraint('driver', 'number', name='uq_anchors_number'),
    sa.Index('ix_anchors_state', 'driver', 'state'),
    **_MYSQL)

leaves = sa.Table(
    'anchor_leaves', metadata,
    sa.Column('anchor_id', ROW_ID, sa.ForeignKey('anchors.id'),
              primary_key=True),
    sa.Column('checkpoint_id', ROW_ID,
              sa.ForeignKey('anchor_checkpoints.id'), primary_key=True),
    sa.Index('ix_anchor_leaves_checkpoint', 'checkpoint_id'),
    **_MYSQL)

#: What carries an anchor: a fee bump makes another one.
transactions = sa.Table(
    'anchor_transactions', metadata,
    sa.Column('id', ROW_ID, primary_key=True, autoincrement=True),
    sa.Column('anchor_id', ROW_ID, sa.ForeignKey('anchors.id'),
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
    # the block whose proof was written beside the log
    sa.Column('provided_block', sa.BINARY(32)),
    # the block for which a message is in the queue ``transactions``
    sa.Column('told_block', sa.BINARY(32)),
    sa.UniqueConstraint('txid', name='uq_anchor_transactions_txid'),
    sa.UniqueConstraint('anchor_id', 'attempt',
                        name='uq_anchor_transactions_attempt'),
    sa.Index('ix_anchor_transactions_state', 'state'),
    **_MYSQL)

#: What the OP_RETURN reader found, per block: a reorganisation reads anew.
readings = sa.Table(
    'anchor_readings', metadata,
    sa.Column('id', ROW_ID, primary_key=True, autoincrement=True),
    sa.Column('transaction_id', ROW_ID,
              sa.ForeignKey('anchor_transactions.id'), nullable=False),
    sa.Column('block', sa.BINARY(32), nullable=False),
    sa.Column('height', sa.BigInteger, nullable=False),
    sa.Column('root', sa.BINARY(32)),
    # a stable code where the transaction is no anchor
    sa.Column('problem', sa.String(64), nullable=False),
    sa.Column('read_ms', sa.BigInteger, nullable=False),
    sa.Column('is_told', sa.Boolean, nullable=False),
    sa.Column('is_compared', sa.Boolean, nullable=False),
    sa.UniqueConstraint('transaction_id', 'block',
                        name='uq_anchor_readings_block'),
    **_MYSQL)

#: One per reading and session of a log.
verdicts = sa.Table(
    'anchor_verdicts', metadata,
    sa.Column('id', ROW_ID, primary_key=True, autoincrement=True),
    sa.Column('reading_id', ROW_ID, sa.ForeignKey('anchor_readings.id'),
              nullable=False),
    sa.Column('log_id', sa.BINARY(16), nullable=False),
    sa.Column('writer', sa.BigInteger, nullable=False),
    sa.Column('verdict', sa.String(32), nullable=False),
    # JSON: what the message in ``validation_messages`` says
    sa.Column('message', sa.Text, nullable=False),
    sa.Column('decided_ms', sa.BigInteger, nullable=False),
    sa.Column('is_told', sa.Boolean, nullable=False),
    sa.UniqueConstraint('reading_id', 'log_id', 'writer',
                        name='uq_anchor_verdicts_session'),
    sa.Index('ix_anchor_verdicts_told', 'is_told'),
    **_MYSQL)

#: Who may act: the beats count, so no two clocks are compared.
leases = sa.Table(
    'anchor_leases', metadata,
    sa.Column('name', sa.String(32), primary_key=True),
    sa.Column('owner', sa.String(64), nullable=False),
    sa.Column('beat', sa.BigInteger, nullable=False),
    **_MYSQL)
