# SPDX-License-Identifier: Apache-2.0
"""How many requests one address, and one sending key, may make.

Token buckets: a rate in the long run, a burst after a quiet time.  Many
VNFs stand behind one address, so the bound per address is generous and
reads are counted apart from writes: nobody's writes use up a neighbour's
reads.  A sending key has its own, smaller bound.  It is counted together
with the address, because the key in a submission is only a claim until its
signature is checked: nobody can use up the rate of somebody else's key.

The address is that of the connection; where that is a proxy named in the
configuration, it is the last entry of ``X-Forwarded-For`` that no such
proxy wrote.  IPv6 clients are counted by their /64.
"""

import collections
from collections.abc import Hashable
from collections.abc import Sequence
import functools
import hashlib
import io
import ipaddress
import math
from typing import Any

import cbor2

from tacker_ledger import conf as conf_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import usual_form

#: Buckets kept of one kind; a forgotten one is a full one.
BUCKETS_MAX_COUNT = 65_536
FORWARDED_MAX_CHARS = 2048
FORWARDED_MAX_COUNT = 32
#: Place of the sender's key document in a transaction's content.
_SENDER_INDEX = 7

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Buckets:
    """One token bucket per key, at most so many of them.

    :param per_second: tokens that come back each second
    :param burst: tokens of a full bucket
    """

    def __init__(self, per_second: float, burst: int,
                 max_count: int = BUCKETS_MAX_COUNT) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._max_count = max_count
        # key -> (tokens, when); the one used longest ago is first
        self._held: collections.OrderedDict[Hashable, tuple[float, float]] = (
            collections.OrderedDict())

    def __len__(self) -> int:
        return len(self._held)

    def take(self, key: Hashable, now: float) -> float:
        """Take one token.

        :param now: seconds of a monotonic clock
        :returns: 0 if there was one, else in how many seconds there is
        """
        held = self._held.pop(key, None)
        if held is None:
            tokens = self._burst
            if len(self._held) >= self._max_count:
                self._held.popitem(last=False)
        else:
            tokens = min(self._burst,
                         held[0] + (now - held[1]) * self._per_second)
        taken = tokens >= 1.0
        self._held[key] = (tokens - 1.0 if taken else tokens, now)
        return 0.0 if taken else (1.0 - tokens) / self._per_second


class Addresses:
    """Who is the client of a connection.

    :param trusted_proxies: networks (CIDR) of proxies
    :raises BadOption: an entry is no network
    """

    def __init__(self, trusted_proxies: Sequence[str] = ()) -> None:
        self._trusted: list[Network] = []
        for text in trusted_proxies:
            try:
                self._trusted.append(ipaddress.ip_network(text, strict=False))
            except ValueError as error:
                raise conf_module.bad('trusted_proxies', 'door',
                                      str(error)) from error
        self._parse = functools.lru_cache(maxsize=4096)(_address)

    def client(self, peer: str, forwarded: str | None) -> str:
        """Return the client's address.

        :param peer: the other end of the connection
        :param forwarded: X-Forwarded-For, all of its values joined by
            commas; it counts only as far as trusted proxies wrote it
        """
        if not forwarded or not self._trusted or not self._trusts(peer):
            return peer
        entries = forwarded[-FORWARDED_MAX_CHARS:].split(',')
        client = peer
        for entry in reversed(entries[-FORWARDED_MAX_COUNT:]):
            entry = entry.strip()
            if self._parse(entry) is None:
                break
            client = entry
            if not self._trusts(entry):
                break
        return client

    def _trusts(self, text: str) -> bool:
        address = self._parse(text)
        return address is not None and any(
            address in network for network in self._trusted)

    def group(self, address: str) -> str:
        """Return under which name an address is counted."""
        parsed = self._parse(address)
        if isinstance(parsed, ipaddress.IPv6Address):
            return str(parsed.packed[:8].hex())
        return address


def _address(text: str
             ) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped
    return found


def sender_of(submission: bytes) -> bytes | None:
    """Return a digest of the key a submission claims to come from.

    Reads no further than it has to and checks nothing: the node does.

    :returns: None if there is none to be found
    """
    usual = usual_form.sender_of_submission(submission)
    if usual is not None:
        return hashlib.sha256(usual).digest()
    try:
        _version, transaction, _admission = cbor2.loads(submission)
        content = cbor2.loads(transaction)[3]
        # an array of fewer than 24 items has a head of one byte
        reader = cbor2.CBORDecoder(io.BytesIO(content[1:]))
        for _ in range(_SENDER_INDEX):
            reader.decode()
        sender = reader.decode()
    except (cbor2.CBORDecodeError, ValueError, TypeError, IndexError,
            OverflowError, RecursionError):
        return None
    if not isinstance(sender, bytes):
        return None
    return hashlib.sha256(sender).digest()


class Limiter:
    """The limits of the tenant and VNF door.

    :param options: the ``[door]`` group
    """

    def __init__(self, options: Any) -> None:
        def per_address() -> Buckets:
            return Buckets(options.rate_per_address_per_second,
                           options.rate_burst_per_address)
        self._reads = per_address()
        self._writes = per_address()
        self._keys = Buckets(options.rate_per_key_per_second,
                             options.rate_burst_per_key)

    def read(self, group: str, now: float) -> None:
        """Count a read of an address.

        :raises RateLimited: it has used up its rate
        """
        if wait := self._reads.take(group, now):
            raise _limited('This address', wait)

    def write(self, group: str, now: float) -> None:
        """Count a request of an address that writes.

        :raises RateLimited: it has used up its rate
        """
        if wait := self._writes.take(group, now):
            raise _limited('This address', wait)

    def submission(self, group: str, submission: bytes, now: float
                   ) -> errors.RateLimited | None:
        """Count a submission; return why it is refused, if it is."""
        sender = sender_of(submission)
        if sender is None:
            return None
        wait = self._keys.take((group, sender), now)
        return _limited('The sending key', wait) if wait else None


def _limited(who: str, wait_seconds: float) -> errors.RateLimited:
    return errors.RateLimited(f'{who} has used up its rate.',
                              retry_after_seconds=math.ceil(wait_seconds))
