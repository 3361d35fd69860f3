# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""Every tag with its message and hash."""

from typing import Any

from tacker_ledger.core import hashing
from tacker_ledger.tests import vectors

NAME = 'tagged-hashes'

_PARTS = ((), (b'abc',), (bytes(32), b'the last part may be of any length'))


def make() -> dict[str, Any]:
    """Return messages and hashes of each tag."""
    chain_id = vectors.fixed_bytes('chain id', 32)
    hasher = hashing.hasher(chain_id)
    return {
        'chain_id': chain_id,
        'vectors': [
            {'tag': tag.label, 'chain_bound': tag.chain_bound,
             'parts': parts,
             'message': hasher.message(tag, *parts),
             'hash': hasher.hash(tag, *parts)}
            for tag in hashing.Tag for parts in _PARTS],
        'inner_node': {
            'left': vectors.fixed_bytes('left', 32),
            'right': vectors.fixed_bytes('right', 32),
            'node': hashing.inner_node(vectors.fixed_bytes('left', 32),
                                       vectors.fixed_bytes('right', 32)),
        },
    }
