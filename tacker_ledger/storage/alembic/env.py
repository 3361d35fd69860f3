# SPDX-License-Identifier: Apache-2.0
"""What alembic runs; the connection comes from whoever migrates."""

from alembic import context

from tacker_ledger.storage import anchor_models

context.configure(
    connection=context.config.attributes['connection'],
    target_metadata=anchor_models.metadata,
    version_table=anchor_models.VERSION_TABLE,
    render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
