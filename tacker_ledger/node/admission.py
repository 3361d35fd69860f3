# SPDX-License-Identifier: Apache-2.0
"""Who may write: judged once, by the node that accepts a submission.

It is no rule of validity: a block or a forwarded transaction is never
refused for it.  Drivers are named in ``tacker_ledger.admission`` and made
with an :class:`Access`, which says what the node knows about keys.
"""

import ipaddress
from typing import Any
from typing import Protocol

from tacker_ledger import conf as conf_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.node import rates

#: How many addressers of a key are looked at for one that is enrolled.
ADDRESSERS_MAX_COUNT = 256


class Access(Protocol):
    """What the node knows about keys."""

    def enrolled(self, key_id: bytes) -> bool:
        """Return whether some member enrolled a key."""

    def addressers(self, key_id: bytes, limit: int) -> list[bytes]:
        """Return who addressed a key on the chain, the first one first."""

    def answers_open_slot(
            self, transaction: transaction_module.Transaction) -> bool:
        """Return whether it answers a request that is open to it."""


class Admission(Protocol):
    """A driver."""

    name: str

    def admit(self, submission: transaction_module.Submission,
              transaction: transaction_module.Transaction,
              now: float) -> None:
        """Let a well-signed transaction in.

        :param now: monotonic seconds
        :raises NotAdmitted: its sender may not write
        :raises RateLimited: not now; ``details["retry_after_seconds"]``
        """


class OpenAdmission:
    """Everybody may write.

    :param conf: configuration of the node
    :raises BadOption: others than this host can reach the door, and no
        option says that this is meant
    """

    name = 'open'

    def __init__(self, conf: Any, access: Access) -> None:
        if not (conf.node.admission_open_anywhere
                or _loopback(conf.door.host)):
            raise conf_module.bad(
                'admission', 'node',
                f'"open" is refused while [door] host is {conf.door.host}: '
                'everybody there could fill the disks of all members. Set '
                'admission_open_anywhere to allow it.')

    def admit(self, submission: transaction_module.Submission,
              transaction: transaction_module.Transaction,
              now: float) -> None:
        """See :meth:`Admission.admit`."""


class RegisteredAdmission:
    """Enrolled keys, keys that those have addressed, answers.

    An enrolled key has a budget of its own.  All keys that write because it
    addressed them first share a second one, so that none of them can spend
    what it needs itself.  An answer to an open request costs its answerer
    nothing: its asker made room for exactly one.

    :param conf: configuration of the node
    """

    name = 'registered'

    def __init__(self, conf: Any, access: Access) -> None:
        self._access = access
        share = conf.node.rate_addressed_share
        rate = conf.node.rate_per_key_per_second
        burst = conf.node.rate_burst_per_key
        self._own = rates.Buckets(rate * (1 - share),
                                  max(1.0, burst * (1 - share)))
        self._addressed = rates.Buckets(rate * share, burst * share)

    def admit(self, submission: transaction_module.Submission,
              transaction: transaction_module.Transaction,
              now: float) -> None:
        """See :meth:`Admission.admit`."""
        sender = transaction.sender_id
        if self._access.enrolled(sender):
            _charge(self._own, sender, now)
            return
        if self._access.answers_open_slot(transaction):
            return
        addresser = self._first_enrolled_addresser(sender)
        if addresser is None:
            raise errors.NotAdmitted(
                'The key is not enrolled at this federation, and no '
                'enrolled key has addressed it.', key_id=sender.hex())
        _charge(self._addressed, addresser, now)

    def _first_enrolled_addresser(self, key_id: bytes) -> bytes | None:
        for addresser in self._access.addressers(key_id,
                                                 ADDRESSERS_MAX_COUNT):
            if self._access.enrolled(addresser):
                return addresser
        return None


def _charge(buckets: rates.Buckets, key_id: bytes, now: float) -> None:
    wait_seconds = buckets.take(key_id, now)
    if wait_seconds:
        raise errors.RateLimited(
            'The key has used up its rate.', key_id=key_id.hex(),
            retry_after_seconds=round(min(wait_seconds, 3600.0), 3))


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'
