# SPDX-License-Identifier: Apache-2.0
"""Tagged digests: every hash and signature names its purpose and its chain.

A tagged message is::

    u8 length of name | name | chain id | parts

``name`` is ``tacker-ledger/1/`` and the tag in ASCII; ``chain id`` are 32
bytes, there if and only if the tag is bound to a chain.  The leading length
makes names prefix-free, so no message under one tag is a message under
another, and a signature made for one chain means nothing on a second one.

Parts are concatenated without lengths.  That is unambiguous because a tag
has one sequence of parts, all of fixed length except at most the last.

A tagged hash is SHA-256 (FIPS 180-4) of the tagged message.
"""

import enum
import functools
import hashlib

DIGEST_BYTES = 32
CHAIN_ID_BYTES = 32

_NAMESPACE = 'tacker-ledger/1/'


class Tag(enum.Enum):
    """What a hash or a signature is for.

    ``label`` is the text in the name, ``chain_bound`` tells whether the
    chain id is part of the message.
    """

    TRANSACTION = ('transaction', True)
    TRANSACTION_SIGNATURE = ('transaction-signature', True)
    CID = ('cid', True)
    CONTENT_KEY = ('content-key', True)
    PAYLOAD = ('payload', True)
    BLOCK = ('block', True)
    BLOCK_TRANSACTION = ('block-transaction', True)
    STATE_KEY = ('state-key', True)
    STATE_LEAF = ('state-leaf', True)
    HISTORY = ('history', True)
    ANSWER_FORM = ('answer-form', True)
    PRE_PREPARE = ('pre-prepare', True)
    PREPARE = ('prepare', True)
    COMMIT = ('commit', True)
    VIEW_CHANGE = ('view-change', True)
    NEW_VIEW = ('new-view', True)
    ANSWER = ('answer', True)
    REQUEST = ('request', True)
    FEDERATION = ('federation', True)
    FEDERATION_ISSUE = ('federation-issue', True)
    FEDERATION_APPROVAL = ('federation-approval', True)
    KEY_ANNOUNCEMENT = ('key-announcement', True)
    CONSOLE = ('console', True)
    HELLO = ('hello', True)
    VOTE_STATE = ('vote-state', True)
    RECOVERY = ('recovery', True)
    CHECKPOINT_RECORD = ('checkpoint-record', True)
    #: Of the genesis federation document: its digest is the chain id.
    GENESIS = ('genesis', False)
    #: Of a key document: a key is the same key on every chain.
    KEY = ('key', False)
    # Of secure logs, which stand by themselves.
    LOG_TEXT = ('log-text', False)
    LOG_EVOLVE = ('log-evolve', False)
    LOG_SEAL = ('log-seal', False)
    LOG_TAGS = ('log-tags', False)
    LOG_PREVIOUS = ('log-previous', False)
    LOG_OPENING = ('log-opening', False)
    LOG_OPENING_SIGNATURE = ('log-opening-signature', False)
    LOG_CHECKPOINT = ('log-checkpoint', False)
    LOG_CHECKPOINT_SIGNATURE = ('log-checkpoint-signature', False)
    LOG_REDACTION = ('log-redaction', False)
    LOG_RETENTION = ('log-retention', False)
    #: First bytes of what is anchored: a checkpoint, the ledger's head, the
    #: end of the chain of anchors that came before.
    ANCHOR_CHECKPOINT = ('anchor-checkpoint', False)
    ANCHOR_LEDGER = ('anchor-ledger', False)
    ANCHOR_REBASE = ('anchor-rebase', False)
    #: Of the several checkpoints of one log in one anchor.
    ANCHOR_LOG = ('anchor-log', False)

    def __init__(self, label: str, chain_bound: bool) -> None:
        self.label = label
        self.chain_bound = chain_bound
        name = (_NAMESPACE + label).encode('ascii')
        self.prefix = bytes([len(name)]) + name
        #: Position in the enumeration: cheaper to look up than a member.
        self.index = len(type(self).__members__)


class Hasher:
    """Tagged hashes and messages of one chain.

    SHA-256 states with each prefix absorbed are kept, so a hash costs one
    copy of a state.  Use :func:`hasher` to share one object per chain.

    :param chain_id: 32 bytes, or None where no chain is known yet; then
        only tags without a chain can be used
    """

    __slots__ = ('chain_id', '_prefixes', '_states')

    def __init__(self, chain_id: bytes | None = None) -> None:
        assert chain_id is None or len(chain_id) == CHAIN_ID_BYTES
        self.chain_id = chain_id
        self._prefixes = [_prefix(tag, chain_id) for tag in Tag]
        self._states = [hashlib.sha256(prefix or b'')
                        for prefix in self._prefixes]

    def hash(self, tag: Tag, *parts: bytes) -> bytes:
        """Return the tagged hash of ``parts``, 32 bytes."""
        index = tag.index
        assert self._prefixes[index] is not None, f'{tag} needs a chain'
        state = self._states[index].copy()
        for part in parts:
            state.update(part)
        return state.digest()

    def message(self, tag: Tag, *parts: bytes) -> bytes:
        """Return the tagged message of ``parts``: what a signature covers."""
        prefix = self._prefixes[tag.index]
        assert prefix is not None, f'{tag} needs a chain'
        return b''.join((prefix, *parts))


def _prefix(tag: Tag, chain_id: bytes | None) -> bytes | None:
    """Return what stands before the parts; None if a chain id is missing."""
    if not tag.chain_bound:
        return tag.prefix
    return None if chain_id is None else tag.prefix + chain_id


@functools.lru_cache(maxsize=64)
def hasher(chain_id: bytes | None = None) -> Hasher:
    """Return the shared :class:`Hasher` of a chain."""
    return Hasher(chain_id)


def tagged_hash(tag: Tag, *parts: bytes,
                chain_id: bytes | None = None) -> bytes:
    """Return SHA-256 of :func:`tagged_message`, 32 bytes."""
    return hasher(chain_id).hash(tag, *parts)


def tagged_message(tag: Tag, *parts: bytes,
                   chain_id: bytes | None = None) -> bytes:
    """Return the framed bytes that a hash or a signature covers.

    :param tag: the purpose
    :param parts: the content; all but the last of fixed length
    :param chain_id: 32 bytes; a tag bound to a chain needs it, another
        tag ignores it
    """
    return hasher(chain_id).message(tag, *parts)


def inner_node(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 | left | right), the node over two digests.

    The form of RFC 6962 section 2.1, untagged on purpose: stock
    verifiers of anchors can compute it.  It cannot be a tagged hash,
    whose message starts with the length of a name, never with 1.
    """
    return hashlib.sha256(b'\x01' + left + right).digest()
