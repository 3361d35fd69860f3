# SPDX-License-Identifier: Apache-2.0
"""What VNFs say they did: receipts, sealed to the tenant key.

A receipt is signed by the VNF's receipt key.  The list is complete by
proof: the chain's state commits to every transaction from that key to this
one.
"""

import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys as keys_module


@dataclasses.dataclass(frozen=True, slots=True)
class ReceiptView:
    """One receipt.

    :param vnf: name of the VNF that signed it
    """

    vnf: str
    opened: context_module.Opened
    payload: payload_module.Receipt


class Receipts:
    """Receipts to one tenant."""

    def __init__(self, context: context_module.Context) -> None:
        self._context = context

    def list_all(self, vnf: inventory.Vnf, key: keys_module.Key
                 ) -> list[ReceiptView]:
        """Return all receipts of a VNF to a tenant key, oldest first.

        What the receipt key sent that is no receipt is passed over.
        """
        found = []
        for placed in self._context.ledger.pair_history(
                key.key_id, vnf.receipt_key.key_id):
            try:
                opened = self._context.open(placed)
            except (errors.FormatError, errors.AuthenticityError,
                    errors.DecisionError):
                continue
            if isinstance(opened.payload, payload_module.Receipt):
                found.append(ReceiptView(vnf.name, opened, opened.payload))
        return found

    def about(self, vnf: inventory.Vnf, key: keys_module.Key, txid: bytes
              ) -> ReceiptView | None:
        """Return the newest receipt about a transaction, None if none."""
        found = [receipt for receipt in self.list_all(vnf, key)
                 if receipt.payload.about_txid == txid]
        return found[-1] if found else None
