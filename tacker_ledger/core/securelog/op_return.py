# SPDX-License-Identifier: Apache-2.0
"""The 32 bytes that an anchor publishes (S1, Fig. 16).

The script is ``6a20`` and 64 hex digits: OP_RETURN and a push of 32 bytes.
It is read from each output's script.  Searching the digits of the whole
transaction would find other bytes now and then.
"""

from collections.abc import Iterable
import re
from typing import Any

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import transaction

PREFIX = bytes.fromhex('6a20')
ROOT_BYTES = 32
_HEX = re.compile('([0-9a-f]{2})*')


def script(root: bytes) -> bytes:
    """Return the output's script for 32 bytes."""
    assert len(root) == ROOT_BYTES
    return PREFIX + root


def from_scripts(scripts: Iterable[bytes]) -> bytes:
    """Return the 32 bytes of the one output that is an anchor's.

    :raises NotAnAnchor: no such output, or several: then nobody can say
        which was meant
    """
    found = [item for item in scripts
             if len(item) == len(PREFIX) + ROOT_BYTES
             and item.startswith(PREFIX)]
    if len(found) != 1:
        raise errors.NotAnAnchor(
            f'{len(found)} outputs publish 32 bytes where one has to',
            found=len(found))
    return found[0][len(PREFIX):]


def from_transaction(one: transaction.Transaction) -> bytes:
    """Return the 32 bytes that a transaction publishes.

    :raises NotAnAnchor: see :func:`from_scripts`
    """
    return from_scripts(output.script for output in one.outputs)


def from_decoded(decoded: Any) -> bytes:
    """Return the 32 bytes that a transaction publishes.

    :param decoded: what a node answers to ``getrawtransaction`` with
        details: an object with ``vout[].scriptPubKey.hex``
    :raises Malformed: not of that form
    :raises NotAnAnchor: see :func:`from_scripts`
    """
    outputs = decoded.get('vout') if isinstance(decoded, dict) else None
    if (not isinstance(outputs, list) or len(outputs)
            > limits.BITCOIN_TRANSACTION_MAX_BYTES // 9):
        raise errors.Malformed('The transaction has no list of outputs')
    scripts = []
    for output in outputs:
        public = output.get('scriptPubKey') if isinstance(output, dict) \
            else None
        digits = public.get('hex') if isinstance(public, dict) else None
        if not isinstance(digits, str) or not _HEX.fullmatch(digits):
            raise errors.Malformed('An output without a script in hex')
        scripts.append(bytes.fromhex(digits))
    return from_scripts(scripts)
