# SPDX-License-Identifier: Apache-2.0
"""Members run out of something: disk, index, time for all that is offered.
"""

import http.client
import threading
import time

from tacker_ledger.core import codec
from tacker_ledger.core.ledger import answer as answer_module
from tacker_ledger.storage import index as index_module
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional.faults import case
from tacker_ledger.tests.functional.faults import load as load_module

SMALL = 3
#: Room for the state map, 64 MiB at once, and some minutes of chain.
DISK_MIB = 96
POOL_MAX_TRANSACTIONS = 2000
#: Threads which offer as fast as they are answered.
CROWD = 10
_BATCH = 100


class TestResources(case.FaultsCase):
    MEMBERS = {'disk_mib': {SMALL: DISK_MIB}}

    # S19

    def fill(self):
        """Leave no room on the small disk; return the file that takes it."""
        ballast = self.members.data(SMALL) / 'ballast'
        with open(ballast, 'wb', buffering=0) as file:
            for size in (65536, 4096):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    pass
        return ballast

    def test_s19_disk_full(self):
        """S19: it votes no more, reads go on, and it recovers by itself."""
        self.assert_progress()
        pid = self.members.pid(SMALL)
        ballast = self.fill()
        self.addCleanup(ballast.unlink, missing_ok=True)
        others = self.honest()[:SMALL]
        author = authors.Author(self.h)
        last = []

        def write_on() -> bool:
            # until its file has to grow
            written = [author.template(2000) for _ in range(20)]
            self.members.submit(0, *(one.submission for one in written))
            last[:] = [one.txid for one in written]
            return not self.members.votes(SMALL)
        self.members.wait_until(write_on, case.SOON_SECONDS,
                                'the full node votes no more')
        self.members.wait_committed(last, others)
        status, _headers, _body = load_module.get(self.members, SMALL,
                                                  '/v1/head')
        self.assertEqual(200, status)
        found = load_module.status_at_door(self.members, SMALL)
        self.assertFalse(found['healthy'])
        refused, = self.members.submit(
            SMALL, author.template().submission)
        self.assertEqual('storage-failed', refused.code)
        self.assert_progress(others)
        self.assertEqual(pid, self.members.pid(SMALL))
        ballast.unlink()
        self.members.wait_voting([SMALL])
        self.members.wait_committed(last)
        self.assert_progress()
        # and its vote counts: a quorum needs it now
        self.members.pause(others[1])
        self.assert_progress([index for index in range(4)
                              if index != others[1]])

    # S20

    def content(self, index: int, height: int) -> list:
        return [row for row in index_module.Index(
            f'sqlite:///{self.members.data(index)}/index.sqlite').content()
            if row[1][0] <= height]

    def test_s20_index_lost(self):
        """S20: built again, the same."""
        self.assert_progress()
        self.members.stop(1)
        for path in self.members.data(1).glob('index.sqlite*'):
            path.unlink()
        self.members.start(1)
        self.assert_progress()
        height = min(self.members.heights())
        self.members.wait_until(
            lambda: all(self.members.status(index)['index_height'] >= height
                        for index in range(4)),
            case.SOON_SECONDS, 'the index is there')
        wanted = self.content(0, height)
        self.assertTrue(wanted)
        self.assertEqual(wanted, self.content(1, height))


class TestOverload(case.FaultsCase):
    OPTIONS = {'node': {'pool_max_transactions': POOL_MAX_TRANSACTIONS},
               'door': {'rate_per_key_per_second': 100_000,
                        'rate_burst_per_key': 100_000}}

    def offer(self, index: int, over: threading.Event, answers: list,
              accepted: set[bytes]) -> None:
        """Offer batches at one door, as fast as it answers."""
        author = authors.Author(self.h)
        host, _, port = self.members.url(index).rpartition(
            '//')[2].rpartition(':')
        with self.members.at_client():
            door = http.client.HTTPSConnection(
                host, int(port), timeout=60, context=self.members.context())
            while not over.is_set():
                written = [author.template(200) for _ in range(_BATCH)]
                door.request('POST', '/v1/transactions', codec.encode(tuple(
                    one.submission for one in written)),
                    {'Content-Type': 'application/cbor',
                     'Accept': 'application/cbor, application/json'})
                answer = door.getresponse()
                body = answer.read()
                answers.append((answer.status,
                                answer.headers.get('Retry-After')))
                if answer.status == 202:
                    accepted.update(
                        one.txid for one, code in zip(
                            written, _codes(body), strict=True)
                        if code is None)
            door.close()

    def test_s23_ten_times_the_load(self):
        """S23: told to come again, latency bounded, leaders stay."""
        self.members.wait_voting()
        view = max(map(self.view, range(4)))
        height = self.members.height(0)
        over, answers, accepted = threading.Event(), [], set()
        threads = [threading.Thread(target=self.offer, args=(
            number % 4, over, answers, accepted), daemon=True)
            for number in range(CROWD)]
        for thread in threads:
            thread.start()
        try:
            self.members.wait_until(
                lambda: sum(status == 503 for status, _ in answers) >= 20,
                case.SOON_SECONDS, 'doors say that they are busy')
        finally:
            over.set()
            for thread in threads:
                thread.join(60)
        self.assertTrue(all(int(again) >= 1 for status, again in answers
                            if status == 503))
        self.assertLessEqual({status for status, _ in answers}, {202, 503})
        # every door's pool is bounded, so is what waits
        self.assertLessEqual(max(
            self.members.status(index)['pool']['transactions']
            for index in range(4)), POOL_MAX_TRANSACTIONS)
        began = time.monotonic()
        self.members.wait_until(
            lambda: all(self.members.status(index)['pool']['transactions']
                        == 0 for index in range(4)), case.SOON_SECONDS,
            'what waited is decided')
        took_seconds = time.monotonic() - began
        # a full pool may give one writer's place to another's, and says so
        reader = self.members.reader(0)
        kept = [txid for txid in accepted if reader.place(txid)]
        self.assertGreater(len(kept), 0)
        self.assert_progress()
        # no honest leader is accused of what it had no room for; a busy
        # machine may be too slow for one, not for one after the other
        for index in range(4):
            self.assertNotIn('leader is at fault', self.members.log(index))
        blocks = self.members.height(0) - height
        changes = max(map(self.view, range(4))) - view
        self.assertLessEqual(changes, 1)
        self.measured(
            f'{len(answers)} batches of {_BATCH} offered by {CROWD} '
            f'writers, {sum(status == 503 for status, _ in answers)} told '
            f'to come again, {len(accepted)} transactions accepted, '
            f'{len(kept)} of them committed, the last of them '
            f'{took_seconds:.1f} s after the end; {blocks} blocks, '
            f'{changes} view changes')


def _codes(body: bytes) -> list[str | None]:
    """Return the codes in a door's answer to a batch."""
    return [code for _txid, code, _message in answer_module.read_submission(
        answer_module.Answer.from_bytes(body).body)]
