# SPDX-License-Identifier: Apache-2.0
"""Notifications leave in a thread of their own, and stop nobody."""

import importlib
import threading

from kombu import exceptions as kombu_exceptions
from oslo_log import log as logging

from tacker_ledger import conf as conf_module
from tacker_ledger.core import errors
from tacker_ledger import messaging
from tacker_ledger.node import broker
from tacker_ledger.node import notices
from tacker_ledger.tests import base

# after messaging, which sees to it that eventlet is left out
kept = importlib.import_module('oslo_messaging.notify._impl_test')
GROUP = 'oslo_messaging_notifications'


class TestNotifier(base.TestCase):

    def setUp(self):
        super().setUp()
        kept.reset()
        self.addCleanup(kept.reset)
        self.conf = conf_module.make_conf(
            [], groups=(), register=(logging.register_options,
                                     messaging.register_options))

    def notifier(self):
        self.conf.set_override('transport_url', 'fake://')
        self.conf.set_override('driver', ['test'], GROUP)
        return messaging.Notifier(self.conf, 'node-3')

    def test_whether_anything_is_sent(self):
        self.assertFalse(messaging.sends_notifications(self.conf))
        self.conf.set_override('driver', ['log'], GROUP)
        self.assertTrue(messaging.sends_notifications(self.conf))

    def test_notices_arrive_in_order_with_their_version(self):
        notifier = self.notifier()
        notifier.start()
        sink = broker.BrokerSink(notifier)
        for number in range(3):
            sink.tell(notices.Notice('lag.start', number == 2,
                                     {'lag': number}))
        notifier.stop()
        self.assertEqual(
            [('INFO', 0), ('INFO', 1), ('ERROR', 2)],
            [(priority, message['payload']['lag'])
             for _context, message, priority, _retry in kept.NOTIFICATIONS])
        message = kept.NOTIFICATIONS[0][1]
        self.assertEqual(
            ('tacker-ledger-node.node-3', 'vnf_ledger.lag.start', '1.0'),
            (message['publisher_id'], message['event_type'],
             message['payload']['payload_version']))

    def test_a_broker_that_hangs_holds_nobody_up(self):
        notifier = self.notifier()
        free, entered = threading.Event(), threading.Event()
        info = notifier._notifier.info

        def hang(*arguments):
            entered.set()
            free.wait(60)
            info(*arguments)

        notifier._notifier.info = hang
        notifier.start()
        self.addCleanup(free.set)
        with self.assertLogs(messaging.LOG.logger, 'WARNING') as logged:
            notifier.notify('x', {'number': 0})
            self.assertTrue(entered.wait(60))
            for number in range(1, 2_000):
                notifier.notify('x', {'number': number})
            free.set()
            while not notifier._queue.empty():
                threading.Event().wait(0.01)
            notifier.notify('x', {'number': -1})
        # it is said once that they are dropped, and once how many were
        self.assertEqual(2, len(logged.output), logged.output)
        notifier.stop()
        self.assertLess(len(kept.NOTIFICATIONS), 1_100)
        self.assertEqual(-1, kept.NOTIFICATIONS[-1][1]['payload']['number'])

    def test_a_driver_that_fails_ends_nothing(self):
        notifier = self.notifier()

        def fail(*_arguments):
            raise ValueError('a fault')

        notifier._notifier.error = fail
        notifier.start()
        with self.assertLogs(messaging.LOG.logger, 'ERROR'):
            notifier.notify('x', {}, is_error=True)
            notifier.notify('y', {})
            notifier.stop()
        self.assertEqual(['y'], [message['event_type'] for _, message, _, _
                                 in kept.NOTIFICATIONS])

    def test_a_url_that_is_none(self):
        self.conf.set_override('transport_url', 'nothing://x')
        self.assertRaises(errors.BadOption, messaging.Notifier, self.conf,
                          'node-3')

    def test_no_password_is_in_what_is_wrong_with_a_url(self):
        self.conf.set_override('transport_url',
                               'rabbit://user:S/SECRET@host/')
        for use in (messaging.get_transport,
                    lambda conf: messaging.Notifier(conf, 'node-3')):
            error = self.assertRaises(errors.BadOption, use, self.conf)
            self.assertNotIn("'S'", error.message)
            self.assertNotIn('SECRET', error.message)


class TestQueueClient(base.TestCase):
    def test_errors_of_the_drivers_libraries_are_no_fault_of_ours(self):
        class Away:
            def cast(self, *_arguments, **_keywords):
                raise kombu_exceptions.OperationalError('refused')

            call = cast

        client = messaging.QueueClient(None)
        client._clients['transactions'] = Away()
        self.assertFalse(client.put('transactions', {}))
        self.assertFalse(client.hand_over('transactions', {}))
