# SPDX-License-Identifier: Apache-2.0
"""One round: how the height in flight is decided.

A round hears proposals, votes and view changes, casts this member's own, and
ends with a certified block.  After each event :meth:`Round.progress` looks
at what has been heard and does all that is due, so nothing depends on the
order of arrival.
"""

from collections.abc import Sequence

from tacker_ledger.core.consensus import ballots
from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import message_log
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import outbox
from tacker_ledger.core.consensus import view_change
from tacker_ledger.core.consensus import views as views_module
from tacker_ledger.core.consensus import vote_log
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module

_PROPOSE = messages.PrePrepare.KIND
_PREPARE = messages.Prepare.KIND
_COMMIT = messages.Commit.KIND
_AHEAD_VIEWS = 4  # votes of views further ahead of ours are not kept


class Round:
    """The decision about the height after the ledger's head.

    :param ledger: judges blocks; stands still during a round
    :param signers: of vote keys; the one that the federation names is used,
        none makes an observer
    :param verifier: of votes
    :param out: where effects go
    :param view: in which it begins
    :param clock_skew_ms: how far a fresh proposal may be ahead
    """

    def __init__(self, ledger: application.LedgerApplication,
                 signers: Sequence[ballots.VoteSigner],
                 verifier: certificate_module.Verifier, out: outbox.Outbox,
                 view: int, clock_skew_ms: int) -> None:
        self._ledger = ledger
        self._out = out
        self._clock_skew_ms = clock_skew_ms
        self.federation = ledger.federation
        self.height = ledger.head.height + 1
        #: What we have said.
        self.own = ballots.Ballots(ledger.h, self.federation, self.height,
                                   signers, out)
        #: Our index, None for an observer.
        self.member = self.own.member
        self.log = message_log.MessageLog(
            ledger.h, verifier, self.federation, self.height)
        self.views = views_module.Views(
            ledger.h, verifier, self.federation, self.height,
            ledger.head.digest, view)
        #: What we saw prepared at this height, if anything.
        self.prepared: messages.PreparedCertificate | None = None
        #: The block is decided and on its way to the disk.
        self.appending = False
        #: Why the leader of the present view has to go, if it has.
        self.fault = ''
        self._outcomes: dict[bytes, application.Outcome] = {}
        self._refused: set[bytes] = set()
        self._doubted: set[bytes] = set()

    @property
    def view(self) -> int:
        """The present view: we are in it, or have asked for it."""
        return self.views.view

    @property
    def leader(self) -> int:
        """Index of the member who leads the present view."""
        return self.views.leader

    @property
    def in_flight(self) -> bool:
        """Whether a decision is under way in the present view."""
        return _PROPOSE in self.own.said or self.log.busy(self.views.view)

    def newest(self, member: int) -> vote_log.Showable | None:
        """Return the newest message of a member at this height, or None."""
        vote = self.log.newest(member)
        change = self.views.wanted_by(member)
        opened = self.views.new_view
        if opened is not None and opened.member != member:
            opened = None
        if change is None and opened is None:
            return vote  # as ever
        found = [one for one in (vote, change, opened) if one is not None]
        return max(found, key=vote_log.place)

    def unheard(self) -> list[int]:
        """Return the members of whom :meth:`newest` returns nothing."""
        heard = self.log.voters_for_known(self.views.view)
        return [member for member in range(self.federation.size)
                if member not in heard and self.newest(member) is None]

    # Hearing

    def hear(self, message: messages.AnyVote) -> bool:
        """Take another member's proposal or vote for this height.

        :returns: whether something may follow from it: most votes come
            before there are enough, or after
        """
        here = self.views.view
        if isinstance(message, messages.PrePrepare):
            if message.view == here:
                self._hear_proposal(message)
            return True
        view = message.view
        prepares = message.KIND == _PREPARE
        if view > here + _AHEAD_VIEWS or (prepares and (
                view < here or message.member == view_change.leader_of(
                    view, self.federation.size))):
            return False
        if not self.log.add_vote(message):
            return False
        done = self.appending or (prepares and view == here
                                  and _COMMIT in self.own.said)
        return self.log.convicts if done else self.log.decides(message)

    def _hear_proposal(self, message: messages.PrePrepare) -> None:
        held = self.log.proposal(message.view)
        if message.member != self.leader or (
                held is not None
                and held.message.signature == message.signature):
            return
        try:
            if not self.log.is_signed(message):
                return
            block = self._ledger.read_block(message.block)
            if block.header.height != message.height:
                raise errors.BadBlock('a block of another height')
        except errors.LedgerError as exc:
            self._refuse_leader(exc)
            return
        self.log.add_proposal(message, block, trusted=True)

    def hear_body(self, message: messages.Body, member: int) -> None:
        """Take a block that was asked for."""
        wanted = self.wanted()
        if wanted is None:
            return
        try:
            block = self._ledger.read_block(message.block)
        except errors.LedgerError as exc:
            self._out.refuse(member, self.height, self.view, exc)
            return
        # another one answers what was asked for before
        if (block.header.height == self.height
                and block.digest.startswith(wanted[0])):
            self.log.add_block(block)

    def wanted(self) -> tuple[bytes, list[int]] | None:
        """Return the prefix of a block to ask for, and who has it."""
        header = self.views.required
        if header is not None and self.member == self.views.leader:
            digest = block_module.header_digest(self._ledger.h, header)
            if digest not in self.log.blocks:
                return (digest[:messages.PREFIX_BYTES],
                        self.views.holders(self.member))
        return self.log.wanted()

    def persisted(self, record_id: int) -> bool:
        """Send and count the message that a write has bound.

        :returns: whether it was a write of this round
        """
        own = self.own.persisted(record_id)
        if own is None:
            return False
        match own.message:
            case messages.PrePrepare() as proposal:
                body = self.log.blocks.get(own.digest)
                if body is not None:
                    self.log.add_proposal(proposal, body, trusted=True)
            case messages.ViewChange() as change:
                self.views.add_change(change, trusted=True)
            case messages.NewView():
                pass
            case vote:
                self.log.add_vote(vote, trusted=own.digest)
        return True

    def restore(self, records: Sequence[messages.Message]) -> None:
        """Take what the vote log holds about this height.

        :raises CorruptStore: a vote of ours without its proposal
        """
        mine: list[messages.AnyVote] = []
        for record in records:
            match record:
                case messages.ViewChange():
                    self._restore_change(record)
                case messages.NewView():
                    self._restore_new_view(record)
                case messages.PrePrepare():
                    self.log.add_proposal(
                        record, self._ledger.read_block(record.block))
                case messages.Prepare() | messages.Commit():
                    if record.member != self.member:
                        self.log.add_vote(record)
            if (isinstance(record, messages.AnyVote)
                    and record.member == self.member):
                mine.append(record)
                if self.views.may_enter(record.view):
                    self.views.enter_first(record.view)
                    self.own.begin_view()
        for vote in mine:
            self._restore_vote(vote)

    def _restore_new_view(self, record: messages.NewView) -> None:
        if self.views.may_enter(record.view):
            self.views.enter(record)
            self.own.begin_view()
            if record.member == self.member:
                self.own.restore(record, b'')

    def _restore_change(self, record: messages.ViewChange) -> None:
        if record.member != self.member:
            self.views.add_change(record)
            return
        if record.view > self.view:
            self.views.leave(record.view)
            self.own.begin_view()
            self.own.restore(record, b'')
        self.views.add_change(record, trusted=True)
        self._hold(record.prepared)

    def _restore_vote(self, vote: messages.AnyVote) -> None:
        proposal = self.log.proposal(vote.view)
        if proposal is None:
            raise errors.CorruptStore(
                'the vote log lacks the proposal we voted for',
                height=self.height, view=vote.view)
        if not isinstance(vote, messages.PrePrepare):
            self.log.add_vote(vote, trusted=proposal.digest)
        if isinstance(vote, messages.Commit):
            found = self.log.prepares(vote.view, proposal.digest)
            if found is not None:
                self._hold(self._prepared(vote.view, proposal.digest, *found))
        if vote.view == self.view and self.views.active:
            self.own.restore(vote, proposal.digest)

    def _hold(self, prepared: messages.PreparedCertificate | None) -> None:
        if prepared is not None and (
                self.prepared is None
                or self.prepared.view <= prepared.view):
            self.prepared = prepared

    # Deciding

    def progress(self, now_ms: int, may_vote: bool) -> None:
        """Do all that has become possible.

        :raises LedgerError: a quorum certified a block that is not valid
            here, or our own store cannot be read: nothing may go on
        """
        if self.appending:
            return
        if self.log.may_certify:
            self._append()
        if not may_vote or self.appending or self.member is None:
            return
        if not self.views.active:
            self._open()
        if self.views.active:
            said = self.own.said
            if self.views.required is not None:
                self._propose_again()
            if _PREPARE not in said and _PROPOSE not in said:
                self._prepare(now_ms)
            elif _COMMIT not in said:
                self._commit()

    def _append(self) -> None:
        for view in self.log.commit_views():
            for digest in self.log.blocks:
                votes = self.log.commits(view, digest)
                if votes is not None:
                    self._decide(view, digest, votes)
                    return

    def _decide(self, view: int, digest: bytes,
                votes: Sequence[messages.ShortVote]) -> None:
        outcome = self._judge(digest)
        certificate = certificate_module.Certificate.of(
            view, ((vote.member, vote.signature) for vote in votes))
        self.appending = True
        self._out.put(effects.Append(outcome, certificate.to_bytes(), view))

    def _prepare(self, now_ms: int) -> None:
        """Validate the leader's proposal and vote for it."""
        proposal = self.log.proposal(self.views.view)
        if proposal is None or proposal.digest in self._refused:
            return
        required = self.views.required
        header = self.log.blocks[proposal.digest].header
        if required is None and (
                header.timestamp_ms > now_ms + self._clock_skew_ms):
            self._doubt(proposal.digest, header, now_ms)
            return
        try:
            if proposal.message.new_view != self.views.new_view_digest:
                raise errors.BadBlock('proposed after another new view')
            if required is None:
                if header.proposer != self.leader:
                    raise errors.BadBlock(
                        'proposed in another member\'s name')
            elif self.log.blocks[proposal.digest].header_bytes != required:
                raise errors.BadBlock('not what was prepared before')
            self._judge(proposal.digest)
        except errors.UnavailableError:
            raise  # our own store, not the leader's block
        except errors.LedgerError as exc:
            self._refused.add(proposal.digest)
            self._refuse_leader(exc)
            return
        relied: tuple[messages.Message, ...] = (proposal.message,)
        if self.views.new_view is not None:
            relied = (self.views.new_view, proposal.message)
        self._vote(messages.Prepare, proposal.digest, relied)

    def _commit(self) -> None:
        """Vote to commit what a quorum, we among it, has prepared."""
        own = self.own.get(_PROPOSE) or self.own.get(_PREPARE)
        if own is None or not own.durable:
            return
        found = self.log.prepares(self.view, own.digest)
        if found is None:
            return
        self._hold(self._prepared(self.view, own.digest, *found))
        self._vote(messages.Commit, own.digest,
                   [vote for vote in found[0] if vote.member != self.member])

    def _prepared(self, view: int, digest: bytes,
                  votes: Sequence[messages.ShortVote], proposed: bytes
                  ) -> messages.PreparedCertificate:
        signatures = [(vote.member, vote.signature) for vote in votes]
        signatures.append((view_change.leader_of(
            view, self.federation.size), proposed))
        return messages.PreparedCertificate(
            view, self.log.blocks[digest].header_bytes,
            tuple(sorted(signatures)))

    def _judge(self, digest: bytes) -> application.Outcome:
        outcome = self._outcomes.get(digest)
        if outcome is None:
            outcome = self._ledger.validate(self.log.blocks[digest])
            self._outcomes[digest] = outcome
        return outcome

    def _doubt(self, digest: bytes, header: block_module.Header,
               now_ms: int) -> None:
        """Put a proposal off: our clock is wrong, or the leader's."""
        if digest not in self._doubted:
            self._doubted.add(digest)
            self._out.refuse(
                self.leader, self.height, self.view,
                errors.TimestampFuture('the proposal is ahead of our clock',
                                       header_ms=header.timestamp_ms,
                                       clock_ms=now_ms))

    def _refuse_leader(self, error: errors.LedgerError) -> None:
        self._out.refuse(self.leader, self.height, self.view, error)
        self.fault = f'its proposal is no good, {error.code}'

    # Changing the view

    def leave(self, view: int) -> None:
        """Ask for a later view; nothing is voted before it any more."""
        assert self.member is not None
        self.views.leave(view)
        self._begin_view()
        head = self._ledger.head
        self.own.bind(self.own.signed(messages.ViewChange(
            self.height, view, self.member,
            messages.head_pair(head.header, head.certificate), self.prepared,
            bytes(messages.SIGNATURE_BYTES))), b'')

    def hear_change(self, message: messages.ViewChange) -> None:
        """Take another member's view change.

        :raises LedgerError: it does not count
        """
        if self.views.add_change(message) and message.prepared is not None:
            self.log.add_prepared(message.prepared)

    def enter(self, message: messages.NewView) -> None:
        """Enter the view that a new view opens.

        :raises LedgerError: it is not entitled to begin
        """
        for change in self.views.check(message):
            if change.prepared is not None:
                self.log.add_prepared(change.prepared)
        self.views.enter(message)
        self._begin_view()

    def enter_first(self, view: int) -> None:
        """Enter a view that the certificate of the block before names."""
        self.views.enter_first(view)
        self._begin_view()

    def _begin_view(self) -> None:
        self.own.begin_view()
        self.fault = ''
        keep = None
        if self.prepared is not None:
            keep = block_module.header_digest(self._ledger.h,
                                              self.prepared.header)
        self.log.retire(self.view, keep)

    def _open(self) -> None:
        """Open the view that a quorum asks us to lead."""
        if self.member != self.leader:
            return
        changes = self.views.quorum()
        if changes is None:
            return
        message = self.own.signed(messages.NewView(
            self.height, self.view, self.member,
            tuple(map(messages.encode, changes)),
            view_change.select(changes), bytes(messages.SIGNATURE_BYTES)))
        assert isinstance(message, messages.NewView)
        self.views.enter(message)
        self._begin_view()
        self._out.view_changed(self.height, self.view, self.leader,
                               f'{len(changes)} members ask for it',
                               active=True)
        self.own.bind(message, b'')

    def _propose_again(self) -> None:
        """Propose what an earlier view prepared, as it is."""
        header = self.views.required
        if (header is None or self.member != self.leader
                or _PROPOSE in self.own.said):
            return
        digest = block_module.header_digest(self._ledger.h, header)
        body = self.log.blocks.get(digest)
        if body is None:
            return  # asked for
        self._judge(digest)
        self._send_proposal(body)

    # Voting

    def may_propose(self) -> bool:
        """Return whether we lead and what we propose is up to us."""
        return (self.member == self.views.leader and self.views.active
                and not self.appending and self.views.required is None
                and _PROPOSE not in self.own.said)

    def propose(self, now_ms: int, *, allow_empty: bool) -> bool:
        """Propose a block; return whether there was one to propose.

        :raises LedgerError: our own store cannot be read
        """
        assert self.may_propose() and self.member is not None
        outcome = self._ledger.propose(now_ms, self.member,
                                       allow_empty=allow_empty)
        if outcome is None:
            return False
        self._outcomes[outcome.block.digest] = outcome
        self._send_proposal(outcome.block)
        return True

    def _send_proposal(self, block: block_module.Block) -> None:
        assert self.member is not None
        self.log.add_block(block)
        self.own.bind(messages.PrePrepare(
            self.height, self.view, self.member, block.to_bytes(),
            self.own.sign_vote(_PROPOSE, self.view, block.digest),
            self.views.new_view_digest), block.digest)

    def _vote(self, kind: type[messages.Prepare | messages.Commit],
              digest: bytes, relied: Sequence[messages.Message]) -> None:
        assert self.member is not None
        vote = kind(self.height, self.view, self.member,
                    digest[:messages.PREFIX_BYTES],
                    self.own.sign_vote(kind.KIND, self.view, digest))
        self.own.bind(vote, digest, relied)

    def send_own(self, to: int | None) -> bool:
        """Send our durable messages again.

        :param to: a member, None for all others
        :returns: whether each of these was sent something
        """
        return self.own.send_again(to, [
            member for member in range(self.federation.size)
            if not self.log.heard(self.view, member)])
