# SPDX-License-Identifier: Apache-2.0
"""Reading a VNF's keys off its console (S0 section III.A).

Anything inside a guest can print, so a block proves possession of the keys
it shows and nothing more.  What protects the tenant is: every valid block
of the instance must show the same keys, the fingerprint is shown for
comparison, and a key that is known is never replaced unasked.
"""

from collections.abc import Iterable

from tacker_ledger.core.configuration import console_block
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing

TEXT_MAX_BYTES = console_block.CONSOLE_MAX_CHARS


def read(h: hashing.Hasher, provider: provider_module.Provider,
         texts: Iterable[str], instance_uuid: str = ''
         ) -> console_block.ConsoleBlock:
    """Return the newest valid block in the texts of one console.

    Blocks that are cut, damaged or made for another chain are passed over.

    :param texts: the console as read once, or several times
    :param instance_uuid: of the instance; empty if the texts show only one
    :raises NotFound: no valid block of the instance
    :raises BadSignature: blocks of the instance show different keys
    :raises BadOption: blocks of several instances and none was named
    :raises TooLarge: more text than a console holds
    """
    blocks: list[console_block.ConsoleBlock] = []
    passed_over: list[str] = []
    for text in texts:
        for encoded in console_block.find(text):
            try:
                blocks.append(console_block.parse(h, provider, encoded))
            except errors.LedgerError as error:
                passed_over.append(error.code)
    if not instance_uuid:
        instances = sorted({block.instance_uuid for block in blocks})
        if len(instances) > 1:
            raise errors.BadOption(
                'The console shows several instances: name one.',
                instances=instances)
        instance_uuid = instances[0] if instances else ''
    try:
        return console_block.choose(blocks, instance_uuid)
    except errors.NotFound as error:
        error.details['passed_over'] = passed_over
        raise
