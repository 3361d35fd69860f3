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
    #: The chain has a version for this VNF, the report has none.
    MISSING = 2
    #: No version of that number was meant for this VNF.
    UNKNOWN = 3
    #: The version exists, with another id, content or content key.
    MISMATCH = 4
    #: The report names the CID more than once.
    REPEATED = 5

    @property
    def label(self) -> str:
        """The name users meet."""
        return self.name.lower()


class Policy(enum.IntEnum):
    """What becomes of differences; only the tenant chooses."""

    #: Nothing is delivered while there is one.
    STOP = 1
    #: The newest versions on the chain are delivered.
    CHAIN = 2
    #: Authentic versions are delivered as reported, old ones too.
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
    """One version which the chain proves and the tenant has opened.

    :param place: (height, index) of its transaction
    """

    cid: bytes
    vid: int
    txid: bytes
    payload_digest: bytes
    content_key: bytes | None = dataclasses.field(repr=False)
    place: tuple[int, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement.

    :param reported_vid: 0 if the report has none
    :param chain_vid: 0 if the chain has none for this VNF
    """

    kind: Kind
    cid: bytes
    reported_vid: int
    chain_vid: int


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome: what is settled and what is not.

    :param confirmed: authentic and as new as the chain says
    :param outdated: authentic, but the chain has newer ones
    :param expected: the newest versions on the chain for this VNF
    """

    confirmed: tuple[Known, ...]
    outdated: tuple[Known, ...]
    expected: tuple[Known, ...]
    differences: tuple[Difference, ...]


def compare(reported: Sequence[Reported], expected: Sequence[Known],
            authentic: Mapping[tuple[bytes, int], Known]) -> Comparison:
    """Return where a report and the chain agree.

    :param reported: the entries of the report
    :param expected: the newest version of each configuration which the
        tenant addressed to the VNF or a group of it and has not withdrawn
    :param authentic: by (CID, VID), every version the VNF may rightly run:
        those meant for it, older ones too, and what they refer to
    """
    newest = {known.cid: known for known in expected}
    confirmed, outdated, differences = [], [], []
    seen: set[bytes] = set()
    for entry in reported:
        chain = newest.get(entry.cid)
        chain_vid = chain.vid if chain else 0
        known = authentic.get((entry.cid, entry.vid))
        if entry.cid in seen:
            kind = Kind.REPEATED
        elif known is None:
            kind = Kind.UNKNOWN
        elif not _same(entry, known):
            kind = Kind.MISMATCH
        elif entry.vid < chain_vid:
            kind = Kind.OUTDATED
            outdated.append(known)
        else:
            confirmed.append(known)
            seen.add(entry.cid)
            continue
        seen.add(entry.cid)
        differences.append(
            Difference(kind, entry.cid, entry.vid, chain_vid))
    differences.extend(
        Difference(Kind.MISSING, known.cid, 0, known.vid)
        for known in expected if known.cid not in seen)
    return Comparison(tuple(confirmed), tuple(outdated), tuple(expected),
                      tuple(differences))


def _same(entry: Reported, known: Known) -> bool:
    if (entry.content_key is None) != (known.content_key is None):
        return False
    return (entry.txid == known.txid
            and entry.payload_digest == known.payload_digest
            and hmac.compare_digest(entry.content_key or b'',
                                    known.content_key or b''))


def resolve(comparison: Comparison, policy: Policy) -> tuple[Known, ...]:
    """Return what is to be delivered, in the order of the chain.

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
    chosen = {known.cid: known for known in comparison.confirmed}
    if policy is Policy.CHAIN:
        chosen.update((known.cid, known) for known in comparison.expected)
    elif policy is Policy.REPORT:
        for known in comparison.outdated:
            chosen.setdefault(known.cid, known)
    return tuple(sorted(chosen.values(), key=lambda known: known.place))
