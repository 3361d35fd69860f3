# SPDX-License-Identifier: Apache-2.0
"""What this member has sent to others, by kind of message.

Counted before TLS, each frame with its length prefix and once for every
member it went to: S0's Fig. 7b, for the running node.
"""

import re
from typing import Any

from tacker_ledger.core.consensus import messages
from tacker_ledger.transport import framing

_WORDS = re.compile(r'(?<!^)(?=[A-Z])')


def kind_name(message: type[messages.Message]) -> str:
    """Return how a kind of message is called: ``pre-prepare``."""
    return _WORDS.sub('-', message.__name__).lower()


class Traffic:
    """Frames and bytes sent, by kind."""

    def __init__(self) -> None:
        #: kind -> [frames, bytes]
        self._sent: dict[type[messages.Message], list[int]] = {}

    def sent(self, message: messages.Message, frame: bytes,
             copies: int) -> None:
        """Note that a frame went out.

        :param copies: to how many members
        """
        counts = self._sent.setdefault(type(message), [0, 0])
        counts[0] += copies
        counts[1] += copies * (len(frame) + framing.PREFIX_BYTES)

    def records(self) -> dict[str, dict[str, Any]]:
        """Return the counts by the kinds' names."""
        return {kind_name(kind): {'frames': frames, 'bytes': size}
                for kind, (frames, size) in self._sent.items()}
