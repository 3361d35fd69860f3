# SPDX-License-Identifier: Apache-2.0
"""The one way in which this verifier says no."""


class Refused(Exception):
    """Something breaks a rule of the specification.

    ``code`` is the code that the page gives for the broken rule.
    """

    def __init__(self, code: str, why: str = '') -> None:
        super().__init__(f'{code}: {why}' if why else code)
        self.code = code


def require(holds: bool, code: str, why: str = '') -> None:
    """Refuse with ``code`` unless the rule ``holds``."""
    if not holds:
        raise Refused(code, why)
