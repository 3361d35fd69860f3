# SPDX-License-Identifier: Apache-2.0
"""The key block which a VNF prints on its console (S0 section III.A).

Text between two marker lines, base64 of canonical CBOR in lines of 64
characters::

    [1, instance UUID text, VNF key document, receipt key document, time_ms,
     signature by the VNF key, signature by the receipt key]

Both signatures cover the tagged message ``console`` over the canonical CBOR
of the first five fields.  They prove that whoever printed the block holds
both private keys, not that it was the VNF: anything in the guest can print.
So a reader compares the UUID and refuses when two keys appear.

A console is a ring which loses old text and may be cut anywhere; only whole
blocks count.
"""

import base64
import binascii
from collections.abc import Iterable
import dataclasses
import re

from tacker_ledger.core import codec
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits

BEGIN = '-----BEGIN TACKER LEDGER VNF KEY-----'
END = '-----END TACKER LEDGER VNF KEY-----'
#: One block in binary: two documents and two signatures.
BLOCK_MAX_BYTES = 4096
#: What a reader looks through.
CONSOLE_MAX_CHARS = 4 * 1024 * 1024
UUID_MAX_BYTES = 64

_VERSION = 1
_COLUMNS = 64
_SCHEMA = codec.Record(
    codec.Const(_VERSION), codec.Text(UUID_MAX_BYTES),
    codec.Bytes(1, limits.KEY_DOCUMENT_MAX_BYTES),
    codec.Bytes(1, limits.KEY_DOCUMENT_MAX_BYTES),
    codec.Int(), codec.Bytes(1, 512), codec.Bytes(1, 512))
_BLOCK = re.compile(
    re.escape(BEGIN) + r'[ \t]*\r*\n([A-Za-z0-9+/=\r\n]{1,8192}?)'
    + re.escape(END))


@dataclasses.dataclass(frozen=True, slots=True)
class ConsoleBlock:
    """A verified block.

    :param instance_uuid: which instance it says it is
    :param vnf_key: receives configurations and signs answers to requests
    :param receipt_key: signs receipts
    :param time_ms: agent time when it was printed
    """

    instance_uuid: str
    vnf_key: suite_module.KeyDocument
    receipt_key: suite_module.KeyDocument
    time_ms: int


def _signed(block: ConsoleBlock) -> bytes:
    return codec.encode((
        _VERSION, block.instance_uuid, block.vnf_key.to_bytes(),
        block.receipt_key.to_bytes(), block.time_ms))


def make(hasher: hashing.Hasher, vnf_pair: suite_module.KeyPair,
         receipt_pair: suite_module.KeyPair, instance_uuid: str,
         time_ms: int) -> str:
    """Return the lines to print, marker lines included.

    :param hasher: of the chain
    """
    block = ConsoleBlock(instance_uuid, vnf_pair.document,
                         receipt_pair.document, time_ms)
    message = hasher.message(hashing.Tag.CONSOLE, _signed(block))
    encoded = base64.b64encode(codec.encode((
        _VERSION, block.instance_uuid, block.vnf_key.to_bytes(),
        block.receipt_key.to_bytes(), block.time_ms,
        vnf_pair.sign(message), receipt_pair.sign(message)))).decode('ascii')
    lines = [encoded[start:start + _COLUMNS]
             for start in range(0, len(encoded), _COLUMNS)]
    return '\n'.join((BEGIN, *lines, END, ''))


def find(text: str) -> tuple[str, ...]:
    """Return the base64 of every whole block in a console's text, in order.

    :raises TooLarge: more text than a console holds
    """
    if len(text) > CONSOLE_MAX_CHARS:
        raise errors.TooLarge('The console text is too long.',
                              limit=CONSOLE_MAX_CHARS)
    return tuple(''.join(body.split()) for body in _BLOCK.findall(text))


def parse(hasher: hashing.Hasher, provider: provider_module.Provider,
          encoded: str) -> ConsoleBlock:
    """Return the block whose base64 :func:`find` returned.

    :raises Malformed: not a block
    :raises BadKey: a key document breaks the rules of its suite
    :raises BadSignature: one of its keys did not sign it for this chain
    """
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise errors.Malformed('The key block is not base64.') from exc
    fields = codec.decode(data, _SCHEMA, BLOCK_MAX_BYTES)
    block = ConsoleBlock(
        fields[1], suite_module.KeyDocument.from_bytes(fields[2]),
        suite_module.KeyDocument.from_bytes(fields[3]), fields[4])
    message = hasher.message(hashing.Tag.CONSOLE, _signed(block))
    for document, signature in ((block.vnf_key, fields[5]),
                                (block.receipt_key, fields[6])):
        if not provider.verify(document, message, signature):
            raise errors.BadSignature('The key block is not signed by the '
                                      'keys it shows.')
    return block


def choose(blocks: Iterable[ConsoleBlock],
           instance_uuid: str) -> ConsoleBlock:
    """Return the one identity that blocks of an instance show.

    The newest block is taken; older ones must show the same keys.

    :raises NotFound: no block of this instance
    :raises BadSignature: blocks of this instance show different keys, so
        one of them was injected
    """
    mine = [block for block in blocks
            if block.instance_uuid == instance_uuid]
    if not mine:
        raise errors.NotFound(
            'The console shows no key block of this instance.',
            instance_uuid=instance_uuid)
    identities = {(block.vnf_key.key_id, block.receipt_key.key_id)
                  for block in mine}
    if len(identities) > 1:
        raise errors.BadSignature(
            'The console shows different keys for one instance.',
            instance_uuid=instance_uuid,
            fingerprints=sorted(vnf.hex() for vnf, _receipt in identities))
    return max(mine, key=lambda block: block.time_ms)
