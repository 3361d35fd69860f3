# SPDX-License-Identifier: Apache-2.0
"""Attack: whoever stole the log signing key writes the past anew.

The rewritten logs here are really signed with the stolen key: publicly
nothing is wrong with them.
"""

import dataclasses

from tacker_ledger.core.securelog import checkpoint
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import session as session_module
from tacker_ledger.tests.attacks import log_case


class StolenLogSigningKey(log_case.LogCase):

    def _again(self, lines: list[bytes], first: int, text: bytes
               ) -> list[bytes]:
        """Write the log anew from line ``first`` on.

        Like the host itself after the fact: signing key, public key of the
        auditor, every disclosed K; secrets A of the session are gone, so
        others are drawn.
        """
        parsed = [records.parse_line(one) for one in lines]
        session = self._session(parsed[0])
        made = [session.opening.to_line()]
        session.sent()
        for index, one in enumerate(parsed[1:], 1):
            if isinstance(one, records.Checkpoint):
                if one.reason == records.REASON_CLOSE:
                    data = session.close(one.time_ms)
                else:
                    data = session.checkpoint(one.time_ms, one.reason,
                                              self.target.random())
            else:
                data = session.line(text if index == first else one.text,
                                    self.target.random(16))
            session.sent()
            made.append(data)
        return made

    def _session(self, opening: records.Opening) -> session_module.Session:
        """Return a new session in the place of another, with its key."""
        keys = self.target.keys
        seal = self.target.random()
        return session_module.Session.open(
            session_module.Head(
                opening.log_id, opening.writer, opening.slot,
                opening.boot_id, opening.time_ms, opening.name,
                opening.signing_key_id, opening.auditor_key_id,
                opening.manifest_previous, opening.previous),
            session_module.Secrets(
                self.target.random(), self.target.random(), seal,
                keys.provider.wrap(keys.auditor.document, seal)),
            keys.signing.sign, keys.provider)

    def test_whole_session_rewritten(self):
        trusted = {place: digest for place, digest
                   in self.target.anchors.items() if place[1]}
        lines = self._again(self.target.lines(), 9, b'forged')
        self.target.put(lines)
        self.target.manifest = lines[0]
        # all of it is the thief's: not even the auditor's key tells
        self.expect('intact')
        self.expect('intact', auditor=True)
        report = self.expect('altered', 'contradicted', trusted=trusted)
        found = self.first(report, 'contradicted')
        self.assertEqual((0, 1), (found.before, found.after))

    def test_from_a_block_on(self):
        # The opening is known from outside (it is anchored), so the thief
        # goes on from checkpoint 1; the secret sealed there is lost to him.
        lines = self.target.lines()
        rewritten = self._from(lines, 7)
        self.target.put(rewritten)
        self.expect('intact')
        report = self.expect('altered', 'false-tag', auditor=True)
        found = self.first(report, 'false-tag')
        self.assertEqual(('a.log', 8, 7, 1, 2),
                         (found.file, found.line, found.sequence,
                          found.before, found.after))
        report = self.expect('altered', 'contradicted',
                             trusted=self.target.anchors)
        self.assertEqual(
            2, self.first(report, 'contradicted').after)

    def test_from_a_block_on_with_the_checkpoint_before_sealed_anew(self):
        # ... and he seals a secret of his own into checkpoint 1, signed.
        self.target.put(self._from(self.target.lines(), 7, reseal=True))
        self.expect('intact')
        report = self.expect('altered', 'false-tag', auditor=True)
        self.assertEqual(6, self.first(report, 'false-tag').sequence)

    def _from(self, lines: list[bytes], first: int, reseal: bool = False
              ) -> list[bytes]:
        """Rewrite what follows the checkpoint on line ``first - 1``."""
        parsed = [records.parse_line(one) for one in lines]
        before = parsed[first - 1]
        assert isinstance(before, records.Checkpoint)
        key = self._disclosed(parsed, first)
        session = self._session(parsed[0])
        made = lines[:first]
        evolving = self.target.random()
        if reseal:
            before = self._resealed(before, evolving, key)
            made[first - 1] = before.to_line()
        inner, outer = entry.hmac_states(key)
        state = list(session._state)
        block = state[3]._replace(
            number=before.number + 1, first=first, key=key, inner=inner,
            outer=outer, tags=[],
            previous=records.record_digest(before.to_bytes()))
        session._state = (first, before.chained, evolving, block, b'',
                          *state[5:])
        for one in parsed[first:]:
            if isinstance(one, records.Line):
                data = session.line(b'forged ' + one.text, one.salt)
            elif one.reason == records.REASON_CLOSE:
                data = session.close(one.time_ms)
            else:
                data = session.checkpoint(
                    one.time_ms, one.reason, self.target.random(),
                    self._agreement() if reseal else None)
            session.sent()
            made.append(data)
        return made

    def _disclosed(self, parsed, first: int) -> bytes:
        return next(one.key for one in parsed[first:]
                    if isinstance(one, records.Checkpoint))

    def _agreement(self) -> tuple[bytes, bytes]:
        keys = self.target.keys
        secret = self.target.random()
        return secret, keys.provider.wrap(keys.auditor.document, secret)

    def _resealed(self, record: records.Checkpoint, evolving: bytes,
                  key: bytes) -> records.Checkpoint:
        """Return checkpoint 1 with another secret in it, signed."""
        keys = self.target.keys
        secret, wrap = self._agreement()
        seal_key, _ = checkpoint.ratchet(secret)
        made = dataclasses.replace(
            record, wrap=wrap, sealed=checkpoint.seal(
                keys.provider, seal_key, key, evolving,
                (record.log_id, record.writer, record.sequence)))
        return dataclasses.replace(
            made, signature=keys.signing.sign(made.message()))

    def test_forged_without_the_key(self):
        # the same with a key of the thief's own
        thief = log_case.Keys()
        whole = self.target.keys
        self.target.keys = thief
        lines = self._from(self.target.lines(), 7)
        self.target.keys = whole
        self.target.put(lines)
        report = self.expect('altered', 'false-signature')
        self.assertEqual(12, self.first(report, 'false-signature').sequence)
