# SPDX-License-Identifier: Apache-2.0
"""What a VNF reports against what the chain proves (protocol 7).

A migrating tenant asks the source for its effective configuration.  A
compromised source may report an old version, leave one out or make one up,
so nothing is taken from the report because the source says so: each entry
is compared with the transactions which the tenant itself, by proof, knows
were addressed to that VNF, and only what the comparison settles becomes the
destination's configuration.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import enum
import hmac

from tacker_ledger.core import errors


class Kind(enum.IntEnum):
    """How report and chain differ in one CID."""

    #: The chain has a newer version for this VNF than the one reported.
    OUTDATED = 1
    #: By the chain it is in effect, the report has it not.
    MISSING = 2
    #: No version of that number was ever meant for this VNF.
    UNKNOWN = 3
    #: The version exists, with another id, content or content key.
    MISMATCH = 4
    #: The report names the CID more than once.
    REPEATED = 5
    #: It was meant for this VNF, but by the chain it is not in effect.
    SURPLUS = 6
    #: Everything is there, in another order than the chain's.
    ORDER = 7

    @property
    def label(self) -> str:
        """The name users meet."""
        return self.name.lower()


class Policy(enum.IntEnum):
    """What becomes of differences; only the tenant chooses."""

    #: Nothing is delivered while there is one.
    STOP = 1
    #: What is in effect by the chain is delivered.
    CHAIN = 2
    #: What is authentic of the report is delivered, old versions too.
    REPORT = 3

    @property
    def label(self) -> str:
        """The name users meet."""
        return self.name.lower()


@dataclasses.dataclass(frozen=True, slots=True)
class Reported:
    """One entry of a state report.

    :param payload_digest: tagged hash ``payload`` of the plaintext
    :param content_key: 32 bytes; None for a public configuration
    """

    cid: bytes
    vid: int
    txid: bytes
    payload_digest: bytes
    content_key: bytes | None = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """One version which the chain proves and the tenant has opened."""

    cid: bytes
    vid: int
    txid: bytes
    payload_digest: bytes
    content_key: bytes | None = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement.

    :param reported_vid: 0 if the report has none
    :param chain_vid: 0 if by the chain none is in effect
    """

    kind: Kind
    cid: bytes
    reported_vid: int
    chain_vid: int


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome: what is settled and what is not.

    :param reported: what is authentic of the report, in its order
    :param expected: what is in effect by the chain, in its order
    """

    reported: tuple[Known, ...]
    expected: tuple[Known, ...]
    differences: tuple[Difference, ...]


def compare(reported: Sequence[Reported], expected: Sequence[Known],
            authentic: Mapping[tuple[bytes, int], Known]) -> Comparison:
    """Return where a report and the chain agree.

    :param reported: the entries of the report, in its order
    :param expected: what is in effect at the VNF if it did as the chain
        says, in the order in which it applies
    :param authentic: by (CID, VID), every version the VNF may ever have
        run: those meant for it, older ones too, and what they refer to
    """
    newest = {known.cid: known for known in expected}
    found: dict[bytes, Known] = {}
    seen: set[bytes] = set()
    differences = []
    for entry in reported:
        chain = newest.get(entry.cid)
        known = authentic.get((entry.cid, entry.vid))
        kind = _judged(entry, known, chain, entry.cid in seen)
        seen.add(entry.cid)
        if known is not None and kind in (None, Kind.OUTDATED, Kind.SURPLUS):
            found[entry.cid] = known
        if kind is not None:
            differences.append(Difference(
                kind, entry.cid, entry.vid, chain.vid if chain else 0))
    differences.extend(
        Difference(Kind.MISSING, known.cid, 0, known.vid)
        for known in expected if known.cid not in seen)
    if not differences:
        differences.extend(_misplaced(list(found.values()), expected))
    return Comparison(tuple(found.values()), tuple(expected),
                      tuple(differences))


def _judged(entry: Reported, known: Known | None, chain: Known | None,
            seen: bool) -> Kind | None:
    if seen:
        return Kind.REPEATED
    if known is None:
        return Kind.UNKNOWN
    if not _same(entry, known):
        return Kind.MISMATCH
    if chain is not None and entry.vid < chain.vid:
        return Kind.OUTDATED
    if chain is None or entry.vid > chain.vid:
        return Kind.SURPLUS
    return None


def _misplaced(found: Sequence[Known], expected: Sequence[Known]
               ) -> list[Difference]:
    """Return the first place where the order differs, if it does."""
    return [Difference(Kind.ORDER, mine.cid, mine.vid, mine.vid)
            for mine, other in zip(found, expected, strict=True)
            if mine.cid != other.cid][:1]


def _same(entry: Reported, known: Known) -> bool:
    if (entry.content_key is None) != (known.content_key is None):
        return False
    return (entry.txid == known.txid
            and entry.payload_digest == known.payload_digest
            and hmac.compare_digest(entry.content_key or b'',
                                    known.content_key or b''))


def resolve(comparison: Comparison, policy: Policy) -> tuple[Known, ...]:
    """Return what is to be delivered, in the order in which it applies.

    :raises ReferenceMismatch: they differ and the policy is to stop
    """
    if comparison.differences and policy is Policy.STOP:
        raise errors.ReferenceMismatch(
            'the source reports another configuration than the chain holds',
            differences=[
                {'kind': item.kind.label, 'cid': item.cid.hex(),
                 'reported_vid': item.reported_vid,
                 'chain_vid': item.chain_vid}
                for item in comparison.differences])
    if policy is Policy.REPORT:
        return comparison.reported
    return comparison.expected
