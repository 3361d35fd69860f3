# SPDX-License-Identifier: Apache-2.0
"""One line of a file beside a log: text for people, then its record."""

import binascii

from tacker_ledger.core import errors


def build(word: bytes, text: bytes, record: bytes) -> bytes:
    """Return ``word``, ``text``, a space and the record in base64.

    :param word: what the line begins with, its space included
    :param text: without line feed
    """
    return word + text + b' ' + binascii.b2a_base64(record)


def content(word: bytes, line: bytes, max_bytes: int) -> bytes:
    """Return the bytes of the record on a line.

    :param max_bytes: of a record
    :raises FormatError: the line has not this form
    """
    if len(line) > 2 * max_bytes:
        raise errors.TooLarge('longer than any record', size=len(line))
    line = line.removesuffix(b'\n')
    if not line.startswith(word) or b'\n' in line:
        raise errors.Malformed('not a record of this kind')
    try:
        return binascii.a2b_base64(line.rpartition(b' ')[2],
                                   strict_mode=True)
    except binascii.Error:
        raise errors.Malformed('not base64') from None
