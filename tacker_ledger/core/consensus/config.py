# SPDX-License-Identifier: Apache-2.0
"""What members of one federation may set differently."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Config:
    """What may differ from member to member.

    :param retransmit_ms: first pause before own messages are sent again;
        it doubles while the height lasts
    :param retransmit_max_ms: the longest pause
    :param clock_skew_ms: how far a fresh proposal may lie ahead of our
        clock
    :param view_timeout_ms: the shortest time that a leader is given
    :param view_timeout_max_ms: the longest
    """

    retransmit_ms: int = 500
    retransmit_max_ms: int = 8_000
    clock_skew_ms: int = 10_000
    view_timeout_ms: int = 1_000
    view_timeout_max_ms: int = 60_000
