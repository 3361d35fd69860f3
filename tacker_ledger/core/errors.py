# SPDX-License-Identifier: Apache-2.0
"""One tree of errors; each has a stable code which users meet.

The CLI prints the code, the API answers with it, the log carries it and a
client turns it back into the class.  Codes are kebab-case and never change
their meaning.  A family is a base class without a code of its own: catch
it, do not raise it.  Mistakes of a programmer are assertions, not these.
"""

import re
from typing import Any

_CODE = re.compile(r'[a-z][a-z0-9]*(-[a-z0-9]+)*\Z')
_CODE_MAX_CHARS = 64
_MESSAGE_MAX_CHARS = 4096


class LedgerError(Exception):
    """The root of the tree; raised itself only for an internal fault.

    :param message: one sentence for a person, without secrets
    :param details: values that JSON can carry, without secrets: what was
        expected, what was found, where
    """

    #: Stable name of the condition.
    code: str = 'internal'
    #: Status an HTTP door answers with.
    http_status: int = 500

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __repr__(self) -> str:
        extra = ''.join(f', {k}={v!r}' for k, v in self.details.items())
        return f'{type(self).__name__}({self.message!r}{extra})'

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"code", "message", "details"}`` for JSON."""
        return {'code': self.code, 'message': self.message,
                'details': dict(self.details)}


class FormatError(LedgerError):
    """The bytes or the values do not have the form the protocol asks for."""
    http_status = 400


class Malformed(FormatError):
    """The encoding breaks the canonical form or the schema."""
    code = 'malformed'


class TooLarge(FormatError):
    """A size or a count is over its limit."""
    code = 'too-large'
    http_status = 413


class UnsupportedVersion(FormatError):
    """The format has a version this release does not know."""
    code = 'unsupported-version'


class BadKey(FormatError):
    """A key document or private key breaks the rules of its suite."""
    code = 'bad-key'


class BadOption(FormatError):
    """A setting or an argument has a value that is not allowed."""
    code = 'bad-option'


class BadDocument(FormatError):
    """A document is well-formed but contradicts itself."""
    code = 'bad-document'


class AuthenticityError(LedgerError):
    """Well-formed, but not by whom, for whom or over what it claims."""
    http_status = 400


class BadSignature(AuthenticityError):
    """The signature does not verify under the key named."""
    code = 'bad-signature'


class BadHash(AuthenticityError):
    """A digest does not match what it stands for."""
    code = 'bad-hash'


class Undecryptable(AuthenticityError):
    """A wrap or a ciphertext does not open under this key."""
    code = 'undecryptable'


class WrongContentKey(AuthenticityError):
    """The content key is not the one the sender committed to."""
    code = 'wrong-content-key'


class WrongFederation(AuthenticityError):
    """Signed for another chain or another federation."""
    code = 'wrong-federation'


class ConflictError(LedgerError):
    """Valid by itself, but the chain's state does not allow it."""
    http_status = 409


class Duplicate(ConflictError):
    """The chain holds this very transaction already."""
    code = 'duplicate'


class VidConflict(ConflictError):
    """The VID is not the next one of its CID."""
    code = 'vid-conflict'


class NotOwner(ConflictError):
    """The CID belongs to another sender."""
    code = 'not-owner'


class CidNotCertified(ConflictError):
    """A first transaction does not hash to the CID it names."""
    code = 'cid-not-certified'


class WrongKind(ConflictError):
    """The CID is of the other kind (configuration or slot)."""
    code = 'wrong-kind'


class SlotsFull(ConflictError):
    """The CID has as many open requests as it may have."""
    code = 'slots-full'


class SlotClosed(ConflictError):
    """The request was answered, has expired or never was."""
    code = 'slot-closed'


class WrongAnswerer(ConflictError):
    """Only the recipient of a request may answer it."""
    code = 'wrong-answerer'


class WrongAnswerForm(ConflictError):
    """The answer is not in the form the request asked for."""
    code = 'wrong-answer-form'


class TimestampFuture(ConflictError):
    """The timestamp lies too far after the header time."""
    code = 'timestamp-future'


class BadExpiry(ConflictError):
    """The expiry has passed or lies too far ahead."""
    code = 'bad-expiry'


class FederationConflict(ConflictError):
    """The federation document does not follow the one in force."""
    code = 'federation-conflict'


class AnchorConflict(ConflictError):
    """Another transaction has spent what this anchor would spend."""
    code = 'anchor-conflict'


class AdmissionError(LedgerError):
    """The door did not let a request through."""
    http_status = 403


class NotAdmitted(AdmissionError):
    """The sender may not write to this ledger."""
    code = 'not-admitted'


class RateLimited(AdmissionError):
    """The sender has used up its rate."""
    code = 'rate-limited'
    http_status = 429


class Busy(AdmissionError):
    """The node has no room for the request now."""
    code = 'busy'
    http_status = 503


class NoQuorum(AdmissionError):
    """Too few nodes agree at present to commit anything."""
    code = 'no-quorum'
    http_status = 503


class ShuttingDown(AdmissionError):
    """The service is stopping."""
    code = 'shutting-down'
    http_status = 503


class StorageFailed(AdmissionError):
    """The node could not make the data durable."""
    code = 'storage-failed'
    http_status = 503


class NotFound(AdmissionError):
    """There is no such object."""
    code = 'not-found'
    http_status = 404


class Pruned(AdmissionError):
    """This node does not hold what is asked for any more; an archive does.

    The details hold ``first_body``, the height from which on it holds all.
    """
    code = 'pruned'
    http_status = 410


class Forbidden(AdmissionError):
    """The policy does not allow the caller this action."""
    code = 'forbidden'


class Unauthenticated(AdmissionError):
    """The caller has not shown who it is."""
    code = 'unauthenticated'
    http_status = 401


class ProofError(LedgerError):
    """A node's answer does not prove what it says."""
    http_status = 502


class BadCertificate(ProofError):
    """The certificate does not certify its header."""
    code = 'bad-certificate'


class BadProof(ProofError):
    """The proof does not lead to the certified root."""
    code = 'bad-proof'


class BadBlock(ProofError):
    """The block is not what its header says."""
    code = 'bad-block'


class StaleHead(ProofError):
    """The certified head is older than the bound on freshness."""
    code = 'stale-head'


class HeadRollback(ProofError):
    """The head is lower than one that was certified before."""
    code = 'head-rollback'


class ForkedChain(ProofError):
    """Two certified blocks of one height differ."""
    code = 'forked-chain'


class BadAnswer(ProofError):
    """The answer's signature or envelope is wrong."""
    code = 'bad-answer'


class HistoryIncomplete(ProofError):
    """The transactions shown do not fold to the proven head."""
    code = 'history-incomplete'


class UnknownFederation(ProofError):
    """The federation document named cannot be traced to a known one."""
    code = 'unknown-federation'


class FederationExpired(ProofError):
    """The federation document in force has expired."""
    code = 'federation-expired'


class NotAnAnchor(ProofError):
    """A transaction does not publish exactly one hash as anchors do."""
    code = 'not-an-anchor'


class BadAnchorChain(ProofError):
    """The anchors do not follow each other from the output agreed on."""
    code = 'bad-anchor-chain'


class DecisionError(LedgerError):
    """A VNF declines to apply, or cannot apply, what it was sent."""
    http_status = 422


class NotForMe(DecisionError):
    """The transaction is addressed to another key."""
    code = 'not-for-me'


class UnknownSender(DecisionError):
    """The sender is not among the keys this VNF obeys."""
    code = 'unknown-sender'


class NonceRepeated(DecisionError):
    """The nonce was used before by this sender."""
    code = 'nonce-repeated'


class VidOrder(DecisionError):
    """The VID does not follow the last one applied."""
    code = 'vid-order'


class ReferenceMismatch(DecisionError):
    """A referenced transaction is not the one pinned."""
    code = 'reference-mismatch'


class ReferenceNotAllowed(DecisionError):
    """A reference leads to a sender who is not trusted for it."""
    code = 'reference-not-allowed'


class ReferenceMissing(DecisionError):
    """A referenced transaction is not on the chain."""
    code = 'reference-missing'


class PlanCycle(DecisionError):
    """The references form a cycle."""
    code = 'plan-cycle'


class PlanTooLarge(DecisionError):
    """The plan has too many transactions or too many bytes."""
    code = 'plan-too-large'


class KeyRevoked(DecisionError):
    """The sending key has been revoked or replaced."""
    code = 'key-revoked'


class VersionFailedBefore(DecisionError):
    """This version was tried here before and failed."""
    code = 'version-failed-before'


class ClockSuspect(DecisionError):
    """Agent time and wall clock disagree; nothing new is applied."""
    code = 'clock-suspect'


class WrongPayload(DecisionError):
    """The payload is of a kind that does not belong here."""
    code = 'wrong-payload'


class UnknownApplier(DecisionError):
    """No applier of that name is installed."""
    code = 'unknown-applier'


class DryRunFailed(DecisionError):
    """The dry run rejected a configuration."""
    code = 'dry-run-failed'


class ApplyFailed(DecisionError):
    """Applying a configuration failed; the change was reverted."""
    code = 'apply-failed'


class HealthCheckFailed(DecisionError):
    """The health check failed; the change was reverted."""
    code = 'health-check-failed'


class RevertFailed(DecisionError):
    """Neither the new nor the old configuration is wholly in force."""
    code = 'revert-failed'


class UnavailableError(LedgerError):
    """What is needed to answer cannot be reached or read."""
    http_status = 503


class NoNode(UnavailableError):
    """No node gave an acceptable answer."""
    code = 'no-node'


class Timeout(UnavailableError):
    """No answer came in time."""
    code = 'timeout'
    http_status = 504


class CorruptStore(UnavailableError):
    """Data on disk is damaged."""
    code = 'corrupt-store'
    http_status = 500


class BitcoinFailed(UnavailableError):
    """The Bitcoin node did not do what it was asked for.

    :param reason: stable name of what happened; kept in the details
    """
    code = 'bitcoin-failed'
    REASONS = frozenset((
        'unreachable', 'timeout', 'warming-up', 'unauthorized',
        'wrong-network', 'no-wallet', 'wallet-empty', 'fee-too-high',
        'rejected', 'inputs-spent', 'not-found', 'bad-answer'))

    def __init__(self, message: str, reason: str = '',
                 **details: Any) -> None:
        if reason:
            assert reason in self.REASONS
            details['reason'] = reason
        super().__init__(message, **details)

    @property
    def reason(self) -> str:
        """Which of :attr:`REASONS`; empty if a service told none."""
        told = self.details.get('reason')
        return told if told in self.REASONS else ''

    @property
    def passing(self) -> bool:
        """Whether the same call may succeed later, with nothing changed."""
        return self.reason in ('unreachable', 'timeout', 'warming-up')


def _coded(cls: type[LedgerError]) -> dict[str, type[LedgerError]]:
    """Return the classes at and below ``cls`` that have their own code."""
    found = {cls.code: cls} if 'code' in vars(cls) else {}
    for child in cls.__subclasses__():
        for code, owner in _coded(child).items():
            if found.setdefault(code, owner) is not owner:
                raise AssertionError(f'two errors share the code {code}')
    return found


#: Every code and its class.
ALL_CODES: dict[str, type[LedgerError]] = _coded(LedgerError)


def from_dict(data: object) -> LedgerError:
    """Return the error that a service described with :meth:`to_dict`.

    Never raises: the description comes from the network.  A code that this
    release does not know is kept on a plain :class:`LedgerError`; a
    description without a usable code becomes ``internal``.

    :param data: what the JSON held
    """
    fields = data if isinstance(data, dict) else {}
    code = fields.get('code')
    message = fields.get('message')
    details = fields.get('details')
    if not isinstance(message, str):
        message = 'the service gave no message'
    if not isinstance(details, dict):
        details = {}
    error = LedgerError.__new__(LedgerError)
    if isinstance(code, str) and code in ALL_CODES:
        error = ALL_CODES[code].__new__(ALL_CODES[code])
    elif (isinstance(code, str) and len(code) <= _CODE_MAX_CHARS
            and _CODE.match(code)):
        error.code = code
    # Not by keyword: a hostile key such as "message" would clash.
    LedgerError.__init__(error, message[:_MESSAGE_MAX_CHARS])
    error.details = {str(key): value for key, value in details.items()}
    return error
