# SPDX-License-Identifier: Apache-2.0
"""Looks after a node: tells its story in the log, and to who subscribed.

What happens at once (views, evidence) is told by the part it happens to;
what lasts (doubt, lag, no quorum, a date that comes near) is looked at once
a second, and told when it begins and when it ends.  Each thing is one line,
says what the node does next, and is bounded in how often it is said.
"""

import asyncio
import time
from typing import Any
from typing import TYPE_CHECKING

from oslo_log import log as logging

from tacker_ledger.core.consensus import evidence as evidence_module
from tacker_ledger.core import errors
from tacker_ledger.node import conditions
from tacker_ledger.node import credentials
from tacker_ledger.node import expiries as expiries_module
from tacker_ledger.node import notices
from tacker_ledger.node import status
from tacker_ledger.node import submit
from tacker_ledger.storage import store as store_module
from tacker_ledger.transport import quiet

if TYPE_CHECKING:
    from tacker_ledger.node import service

LOG = logging.getLogger(__name__)

_INTERVAL_SECONDS = 1.0
_EXPIRIES_SECONDS = 600.0
_LINE_SECONDS = 5.0
_EVIDENCE_SECONDS = 60.0
_EVIDENCE_SHOWN_MAX_COUNT = 10

#: code -> (log it as, what the node does while it lasts); the others are
#: logged by the parts that find them.
_LINES = {
    conditions.NO_QUORUM: (
        logging.ERROR, 'it goes on dialling them'),
    conditions.CATCHING_UP: (
        logging.INFO, 'it fetches certified blocks from the others'),
    conditions.LAG: (
        logging.WARNING, 'it fetches certified blocks from the others'),
    conditions.EXPIRY: (
        logging.WARNING, 'it goes on until then: renew it in time'),
    conditions.INDEX: (
        logging.ERROR, 'it tries again with each block'),
}
#: Notified with priority ERROR.
_GRAVE = frozenset((
    conditions.STORAGE_FAILED, conditions.HALTED, conditions.DOUBT,
    conditions.RIVAL, conditions.NO_QUORUM))
#: Begins and ends with the process, which says so itself.
_UNTOLD = frozenset((conditions.STARTING, conditions.STOPPING))


class Watch:
    """What is going on in one node.

    :param node: the node; its parts are looked at, never changed
    :param told: where notifications go
    """

    def __init__(self, node: 'service.Node', told: notices.Sink) -> None:
        self._node = node
        self._told = told
        self._task: asyncio.Task[None] | None = None
        #: code -> (the condition as it is now, when it began)
        self._held: dict[str, tuple[conditions.Condition, int]] = {}
        self._began = time.monotonic()
        self._quiet = quiet.Quiet(_LINE_SECONDS)
        self._quiet_evidence = quiet.Quiet(_EVIDENCE_SECONDS)
        self._evidence: list[dict[str, Any]] = []
        self._expiries_at = 0.0
        #: When the view was left whose change is not over yet.
        self._left_at: float | None = None
        #: How many views were entered after a change.
        self.views_changed = 0
        self.expiries: list[expiries_module.Expiry] = []
        self.first_body = 0

    # Life

    def start(self) -> None:
        """Read what is kept, and look from now on.

        :raises CorruptStore: kept evidence is damaged
        """
        self._evidence = [describe_evidence(raw)
                          for raw in self._node.store.evidence()]
        self._node.heads.subscribe(self._block)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def uptime_ms(self) -> int:
        """Return how long ago the process was put together."""
        return int((time.monotonic() - self._began) * 1000)

    async def _run(self) -> None:
        while True:
            try:
                self.tick()
            except Exception:  # a fault here must not end the watch
                LOG.exception('The watch could not look at everything')
            await asyncio.sleep(_INTERVAL_SECONDS)

    # What lasts

    def look(self) -> list[tuple[conditions.Condition, int]]:
        """Return what is not as it should be, and since when."""
        now_ms = self._node.now_ms()
        return [
            (one, self._held[one.code][1] if one.code in self._held
             else now_ms) for one in self._conditions(now_ms)]

    def _conditions(self, now_ms: int) -> list[conditions.Condition]:
        return conditions.of_node(self._node, status.heard(self._node),
                                  self.expiries, now_ms)

    def tick(self) -> None:
        """Look, and tell what has begun and what has ended."""
        now = time.monotonic()
        if not self.expiries or now - self._expiries_at > _EXPIRIES_SECONDS:
            self._expiries_at = now
            self.expiries = self._read_expiries()
        store = self._node.store
        with store.env.read() as txn:
            self.first_body = store.chain.first_body(txn)
        now_ms = self._node.now_ms()
        found = {one.code: one for one in self._conditions(now_ms)}
        if conditions.STARTING in found or conditions.STOPPING in found:
            # neither quorum nor place can be there yet, or any more
            found.pop(conditions.NO_QUORUM, None)
        else:
            for code in [code for code in self._held if code not in found]:
                self._ended(*self._held.pop(code), now_ms)
        for code, one in found.items():
            before = self._held.get(code)
            self._held[code] = one, now_ms if before is None else before[1]
            if before is None:
                self._begun(one)

    def ongoing(self) -> dict[str, tuple[conditions.Condition, int]]:
        """Return what a node that follows in this process has to end."""
        return {code: held for code, held in self._held.items()
                if code == conditions.STORAGE_FAILED}

    def resume(self, ongoing: dict[str, tuple[conditions.Condition, int]]
               ) -> None:
        """Take over what the node before in this process has begun."""
        self._held.update(ongoing)

    def _read_expiries(self) -> list[expiries_module.Expiry]:
        federation = self._node.application.federation
        files: list[tuple[str, int]] = []
        try:
            files = credentials.Credentials(
                self._node.conf, self._node.identity).ends_ms(federation)
        except errors.LedgerError as error:
            if self._quiet.say('expiries') is not None:
                LOG.warning('It is not known when the certificates expire: '
                            '%s', error.message)
        return expiries_module.of(files, federation)

    def _begun(self, one: conditions.Condition) -> None:
        if one.code in _UNTOLD:
            return
        silent = self._quiet.say((one.code, 'begins'))
        if silent is not None and one.code in _LINES:
            level, does = _LINES[one.code]
            LOG.log(level, 'At height %s, %s begins: %s; %s%s', self._height,
                    one.code, one.message, does, quiet.also(silent))
        self._tell(one.code.replace('-', '_') + '.start', one.code in _GRAVE,
                   code=one.code, message=one.message, details=one.details)

    def _ended(self, one: conditions.Condition, since_ms: int,
               now_ms: int) -> None:
        if one.code in _UNTOLD:
            return
        lasted_ms = now_ms - since_ms
        silent = self._quiet.say((one.code, 'ends'))
        if silent is not None and one.code != conditions.DOUBT:
            LOG.info('At height %s, %s ends after %.1f s%s%s', self._height,
                     one.code, lasted_ms / 1000,
                     '; this node votes' if one.stops_voting
                     and self._node.voting.may_vote() else '',
                     quiet.also(silent))
        self._tell(one.code.replace('-', '_') + '.end', False,
                   code=one.code, message=one.message, lasted_ms=lasted_ms)

    # What happens

    def view_changed(self, height: int, view: int, leader: int,
                     active: bool, reason: str) -> None:
        """A view was left, or entered."""
        name = conditions.name_of(self._node, leader)
        if active:
            self.views_changed += 1
            line = ('Height %s: view %s begins, led by %s: %s; {} proposes '
                    'next%s').format('this node' if leader
                                     == self._node.member else 'its leader')
        else:
            if self._left_at is None:
                self._left_at = time.monotonic()
            line = ('Height %s: asks for view %s, led by %s: %s; votes in no '
                    'lower view of this height%s')
        silent = self._quiet.say(('view', active, view))
        if silent is not None:
            LOG.warning(line, height, view, name, reason,
                        quiet.also(silent))
        self._tell('view_change.' + ('end' if active else 'start'), False,
                   height=height, view=view, leader=leader, leader_name=name,
                   reason=reason)

    async def _block(self, event: submit.HeadEvent) -> None:
        """The first block after a change of view ends it."""
        if self._left_at is not None:
            LOG.warning(
                'Height %s is committed, view %s led by %s works: %.2f s '
                'after this node gave up the view before', event.height,
                self._node.consensus.engine.view, conditions.name_of(
                    self._node, self._node.leader()),
                time.monotonic() - self._left_at)
            self._left_at = None

    def evidence(self, record: bytes) -> None:
        """A member was convicted."""
        one = describe_evidence(record)
        if (len(self._evidence) >= store_module.EVIDENCE_MAX_COUNT
                or one in self._evidence):
            return
        self._evidence.append(one)
        # it can lie in every view: who has heard of it need not hear all
        silent = self._quiet_evidence.say(one['member'])
        if silent is None:
            return
        name = conditions.name_of(self._node, one['member'])
        LOG.error('Height %s, view %s: %s signed two different votes; the '
                  'proof is kept as evidence number %s: have its operator '
                  'explain, or the member removed%s', one['height'],
                  one['view'], name, len(self._evidence), quiet.also(silent))
        self._tell('evidence.create', True, name=name, more=silent, **one)

    def evidence_summary(self) -> dict[str, Any]:
        """Return ``count``, and of the newest ones whom they convict."""
        return {'count': len(self._evidence), 'newest': [
            {name: one[name] for name in ('kind', 'member', 'height', 'view')}
            for one in self._evidence[-_EVIDENCE_SHOWN_MAX_COUNT:]]}

    def evidence_records(self) -> list[dict[str, Any]]:
        """Return all of it, the newest last."""
        return [dict(one) for one in self._evidence]

    # Telling

    @property
    def _height(self) -> int:
        return self._node.application.head.height

    def _tell(self, event: str, is_error: bool, **payload: Any) -> None:
        node = self._node
        federation = node.application.federation
        self._told.tell(notices.Notice(event, is_error, {
            'chain_id': node.query.chain_id.hex(),
            'reporter': node.identity.name, 'reporter_member': node.member,
            'instance': node.identity.instance.hex(),
            'epoch': federation.epoch, 'at_height': self._height,
            'time_ms': node.now_ms(), **payload}))


def describe_evidence(raw: bytes) -> dict[str, Any]:
    """Return a kept proof as JSON takes it.

    :raises CorruptStore: it is none
    """
    try:
        record = evidence_module.Equivocation.from_bytes(raw)
    except errors.FormatError as error:
        raise errors.CorruptStore('Kept evidence is damaged.') from error
    return {'kind': 'equivocation', 'member': record.member,
            'height': record.height, 'view': record.view,
            'federation': record.federation.hex(), 'messages': [raw.hex()]}
