# SPDX-License-Identifier: Apache-2.0
"""Where checkpoints are anchored: ``tacker_ledger.anchors``."""
