# SPDX-License-Identifier: Apache-2.0
"""The text of one line, and what is computed over a line (S1, eq. 1).

On disk a text is one line of printable UTF-8.  What cannot stand there is
escaped, so that no text forges a line end, an escape sequence of a terminal
or a change of writing direction, and every text can be read back:

==============  ==================================================
``\\\\``          a backslash
``\\n \\r \\t``    line feed, carriage return, tab
``\\xHH``        another ASCII control, or a byte that is no UTF-8
``\\uHHHH``      another character which is not printable (Unicode
``\\UHHHHHHHH``   categories C and Z, the space excepted)
==============  ==================================================

Computed are, with ``|`` for concatenation of fixed lengths::

    D       = SHA-256(log-text | salt (16) | text as on disk)
    LogInfo = u8 kind | log id (16) | u32 writer | u64 sequence | D
    h_i     = HMAC-SHA256(K_j, h_{i-1} | LogInfo_i)
    t_i | A_{i+1} = SHA-512(log-evolve | A_i | h_i), 32 bytes each
"""

import hashlib
import re
import struct

from tacker_ledger.core import hashing
from tacker_ledger.core import limits

LOG_ID_BYTES = 16
SALT_BYTES = 16
KEY_BYTES = 32

KIND_LINE = ord('l')
KIND_CHECKPOINT = ord('c')
KIND_OPENING = ord('o')
KIND_REDACTED = ord('r')

TEXT_PREFIX = hashing.Tag.LOG_TEXT.prefix
EVOLVE_PREFIX = hashing.Tag.LOG_EVOLVE.prefix
#: kind, log id, writer, sequence, D
LOG_INFO = struct.Struct('>B16sIQ32s')

_SUSPECT = re.compile(r'[\\\x00-\x1f\x7f]|[^\x00-\x7f]+')
_NAMED = {'\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t'}
_ESCAPED = re.compile(
    r'\\(?:([\\nrt])|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))'
    r'|(\\)')
_MEANT = {'\\': '\\', 'n': '\n', 'r': '\r', 't': '\t'}
_CUT = b' [cut: %d bytes more]'
_CUT_MAX_BYTES = 40
#: Bytes of an escape by the character after its backslash; else 2.
_ESCAPE_BYTES = {ord('x'): 4, ord('u'): 6, ord('U'): 10}

_BLOCK_BYTES = 64
_INNER = bytes(value ^ 0x36 for value in range(256))
_OUTER = bytes(value ^ 0x5c for value in range(256))


def _escape_one(char: str) -> str:
    code = ord(char)
    if code < 0x80:
        return _NAMED.get(char) or f'\\x{code:02x}'
    if char.isprintable():
        return char
    if 0xdc80 <= code <= 0xdcff:
        # what the error handler "surrogateescape" makes of a raw byte
        return f'\\x{code - 0xdc00:02x}'
    return f'\\u{code:04x}' if code <= 0xffff else f'\\U{code:08x}'


def _escape_run(match: re.Match[str]) -> str:
    run = match.group()
    if run.isprintable() and run != '\\':
        return run
    return ''.join(map(_escape_one, run))


def escape(text: str) -> bytes:
    """Return a text as it stands on disk, cut to the limit.

    :param text: any string; surrogates U+DC80 to U+DCFF stand for bytes
        that were no UTF-8 (the error handler ``surrogateescape``)
    """
    if not text.isprintable() or '\\' in text:
        text = _SUSPECT.sub(_escape_run, text)
    data = text.encode('utf-8')
    if len(data) > limits.LOG_TEXT_MAX_BYTES:
        return _cut(data)
    return data


def escape_bytes(line: bytes) -> bytes:
    """Return the text of a line of bytes, which need not be UTF-8."""
    return escape(line.decode('utf-8', 'surrogateescape'))


def unescape(text: bytes) -> bytes:
    """Return what was written before :func:`escape`, as bytes.

    For people and tools that want a traceback back as it was.  Nothing
    is decided on it: what is no escape stays as it is.

    :param text: as on disk
    """
    return _ESCAPED.sub(_unescape_one, text.decode(
        'utf-8', 'surrogateescape')).encode('utf-8', 'surrogateescape')


def _unescape_one(match: re.Match[str]) -> str:
    named, byte, short, long, lone = match.groups()
    if named:
        return _MEANT[named]
    if byte:
        code = int(byte, 16)
        return chr(code if code < 0x80 else 0xdc00 + code)
    code = int(short or long, 16) if not lone else 0x110000
    if code > 0x10ffff or 0xd800 <= code <= 0xdfff:
        return match.group()
    return chr(code)


def _cut(data: bytes) -> bytes:
    """Shorten a text between two characters, and say by how much."""
    at = limits.LOG_TEXT_MAX_BYTES - _CUT_MAX_BYTES
    while data[at] & 0xc0 == 0x80:
        at -= 1
    slash = data.rfind(b'\\', at - max(_ESCAPE_BYTES.values()), at)
    if slash >= 0:
        run = slash
        while run >= 0 and data[run] == 0x5c:
            run -= 1
        # an even run is escaped backslashes, an odd one begins an escape
        if ((slash - run) % 2
                and slash + _ESCAPE_BYTES.get(data[slash + 1], 2) > at):
            at = slash
    return data[:at] + _CUT % (len(data) - at)


def text_digest(salt: bytes, text: bytes) -> bytes:
    """Return D of a line.

    :param salt: 16 bytes
    :param text: as on disk
    """
    return hashlib.sha256(TEXT_PREFIX + salt + text).digest()


def log_info(kind: int, log_id: bytes, writer: int, sequence: int,
             digest: bytes) -> bytes:
    """Return LogInfo, 61 bytes: what a record says, and where."""
    return LOG_INFO.pack(kind, log_id, writer, sequence, digest)


def hmac_states(key: bytes) -> tuple['hashlib._Hash', 'hashlib._Hash']:
    """Return the two SHA-256 states of an HMAC (RFC 2104) under a key.

    A copy of each, instead of a key setup for each line.

    :param key: 32 bytes
    """
    block = key.ljust(_BLOCK_BYTES, b'\0')
    return (hashlib.sha256(block.translate(_INNER)),
            hashlib.sha256(block.translate(_OUTER)))


def evolve(secret: bytes, chained: bytes) -> tuple[bytes, bytes]:
    """Return (t_i, A_{i+1}) from (A_i, h_i).

    :param secret: 32 bytes; to be forgotten at once
    :param chained: 32 bytes
    """
    both = hashlib.sha512(EVOLVE_PREFIX + secret + chained).digest()
    return both[:32], both[32:]
