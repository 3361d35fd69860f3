# SPDX-License-Identifier: Apache-2.0
"""One payload of every kind, and what hypothesis draws them from."""

from hypothesis import strategies as st

from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import payload_public
from tacker_ledger.tests.unit.core.ledger import samples
from tacker_ledger.tests import vectors

CID = vectors.fixed_bytes('cid', 16)
OTHER_CID = vectors.fixed_bytes('other cid', 16)
TXID = vectors.fixed_bytes('txid', 32)
KEY_ID = vectors.fixed_bytes('key id', 32)
CONTENT_KEY = vectors.fixed_bytes('content key', 32)
_DOCUMENT = samples.VNF.document

REFERENCE = payload.SealedReference(CID, 3, TXID, CONTENT_KEY)
BARE_REFERENCE = payload.SealedReference(OTHER_CID, 1, TXID)
ROTATION = payload.RotateTenant(
    KEY_ID, _DOCUMENT, ((CID, 4, OTHER_CID), (OTHER_CID, 0, CID)))
REVOCATION = payload.RevokeTenant(KEY_ID, ((CID, 0), (OTHER_CID, 9)))


def trust_change(change):
    """Return a change signed by the recovery key of the tests."""
    return payload.TrustChange.signed_by(
        samples.H, samples.STRANGER, change)


PRIVATE = (
    payload.Configuration('nftables', 'inet filter', b'drop',
                          (REFERENCE, BARE_REFERENCE), (REFERENCE,)),
    payload.Configuration('', '', b''),
    payload.GroupKey(payload.GroupKey.JOIN, KEY_ID, 1, b'private'),
    payload.GroupKey(payload.GroupKey.LEAVE, KEY_ID, 2),
    payload.TrustChange(payload.RetireVnf(KEY_ID, 'migrated')),
    trust_change(ROTATION),
    trust_change(REVOCATION),
    trust_change(payload.AddCommander(_DOCUMENT)),
    payload.KeyReplacement(2, 'order 7'),
    payload.Receipt(TXID, CID, 3, payload.Outcome.APPLIED, '', '', 12,
                    ((CID, 3), (OTHER_CID, 1))),
    payload.Receipt(
        TXID, CID, 3, payload.Outcome.KEY_REPLACED, '', 'new key', 0, (),
        payload.Announcement.signed_by(samples.H, samples.VNF,
                                       samples.STRANGER.document)),
    payload.StateReport(
        TXID, (payload.EffectiveEntry(CID, 3, TXID, KEY_ID, CONTENT_KEY),
               payload.EffectiveEntry(OTHER_CID, 1, TXID, KEY_ID)),
        (payload.Observation('nftables', 'inet filter', b'{}'),),
        samples.NOW_MS),
    payload.Withdrawal(CID),
    payload.Welcome('hello'),
    payload.Delivery((REFERENCE, BARE_REFERENCE), REFERENCE),
    payload.Delivery(()),
)
PUBLIC = (
    payload.Template('file', '/etc/x', b'x = 1', 'a vendor', '1.2'),
    payload.TemplateWithdrawal(CID, 1, 3, 'CVE'),
    payload.FederationDocument(b'a signed document'),
    payload.LogCheckpoint(bytes(16), b'a record'),
    payload.Digest('sha256', bytes(32), 10, 'application/zip', 'a.csar'),
    payload.Digest('sha512', bytes(64), 2 ** 64 - 1, '', ''),
)
ALL = PRIVATE + PUBLIC

_cids = st.binary(min_size=16, max_size=16)
_digests = st.binary(min_size=32, max_size=32)
_vids = st.integers(1, 2 ** 32 - 1)
_uints = st.integers(0, 2 ** 64 - 1)


def _text(size):
    # At most four bytes in UTF-8 for one character.
    return st.text(max_size=size // 4)


_references = st.builds(payload.SealedReference, _cids, _vids, _digests,
                        st.none() | _digests)
_lists = st.lists(_references, max_size=4).map(tuple)
_ranges = st.tuples(_vids, _vids).map(sorted)
_algorithms = st.sampled_from(
    sorted(payload_public.DIGEST_BYTES_BY_ALGORITHM.items()))

#: Payloads of all kinds.
DRAWN = st.one_of(
    st.sampled_from(ALL),
    st.builds(payload.Configuration, _text(64), _text(256), st.binary(),
              _lists, _lists),
    st.builds(payload.Template, _text(64), _text(256), st.binary(),
              _text(256), _text(64)),
    st.builds(payload.Receipt, _digests, _cids, _vids,
              st.sampled_from(payload.Outcome), _text(64), _text(1024),
              _uints,
              st.lists(st.tuples(_cids, _vids), max_size=4).map(tuple)),
    st.builds(
        payload.StateReport, _digests,
        st.lists(st.builds(payload.EffectiveEntry, _cids, _vids, _digests,
                           _digests, st.none() | _digests),
                 max_size=4).map(tuple),
        st.lists(st.builds(payload.Observation, _text(64), _text(256),
                           st.binary()), max_size=3).map(tuple),
        _uints),
    st.builds(payload.Delivery, _lists, st.none() | _references),
    st.builds(lambda cid, span, reason: payload.TemplateWithdrawal(
        cid, *span, reason), _cids, _ranges, _text(256)),
    _algorithms.flatmap(lambda pair: st.builds(
        payload.Digest, st.just(pair[0]),
        st.binary(min_size=pair[1], max_size=pair[1]), _uints, _text(128),
        _text(256))),
)
