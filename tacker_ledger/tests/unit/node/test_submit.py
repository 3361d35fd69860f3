# SPDX-License-Identifier: Apache-2.0
"""Tests of the façade's values and of its form for threads."""

import asyncio

from tacker_ledger.core import errors
from tacker_ledger.node import submit as submit_module
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.node import test_localsocket

KEYS = test_localsocket.KEYS


class TestSubmitResult(base.TestCase):

    def test_a_refusal_is_an_error_again(self):
        error = errors.VidConflict('no', expected=3)
        result = submit_module.SubmitResult.refused(KEYS[0], error)
        self.assertFalse(result.accepted)
        self.assertEqual(error.to_dict(), result.error().to_dict())
        self.assertIsInstance(result.error(), errors.VidConflict)

    def test_an_acceptance_is_none(self):
        result = submit_module.SubmitResult(KEYS[0])
        self.assertTrue(result.accepted)
        self.assertIsNone(result.error())


class TestBlockingFacade(base.TestCase):

    def test_from_a_thread(self):
        async def run():
            facade = test_localsocket.Facade()
            blocking = submit_module.BlockingFacade(
                facade, asyncio.get_running_loop(), 10)

            def work():
                self.assertEqual(facade.identity, blocking.identity)
                self.assertEqual({'height': 7}, blocking.status())
                blocking.enrol(KEYS[0], 'a')
                self.assertEqual(['a'], blocking.enrolments())
                blocking.unenrol(KEYS[0])
                self.assertRaises(errors.NotFound, blocking.unenrol, KEYS[0])
                self.assertEqual(
                    [None, 'malformed'],
                    [result.code for result in blocking.submit(
                        [b'a', b'bad'])])
                self.assertEqual(
                    ([{'member': 1}], [], [{'kind': 'equivocation'}], None),
                    (blocking.peers(), blocking.usage(),
                     blocking.evidence(), blocking.fate(KEYS[0])))

            await asyncio.to_thread(work)
        asyncio.run(run())

    def test_a_node_that_does_not_answer(self):
        async def run():
            facade = test_localsocket.Facade()
            facade.gate.clear()
            blocking = submit_module.BlockingFacade(
                facade, asyncio.get_running_loop(), 0.01)
            await asyncio.to_thread(
                self.assertRaises, errors.Timeout, blocking.status)
        asyncio.run(run())
