# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent as a whole, against a simulated federation."""

from tacker_ledger.core.configuration import console_block
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction
from tacker_ledger.tests import agent_case

Outcome = payload.Outcome


class TestConfigurations(agent_case.AgentCase):

    def test_a_configuration_is_applied_and_told(self):
        one = self.author(self.configuration(b'drop tcp'))
        height = self.commit(one)
        self.poll()
        self.assertEqual(b'drop tcp', self.vnf.content())
        (receipt,) = self.receipts()
        self.assertEqual(
            (one.txid, Outcome.APPLIED, '', height,
             ((one.content.cid, 1),)),
            (receipt.about_txid, receipt.outcome, receipt.code,
             receipt.head_height, receipt.effective))
        self.poll()
        self.assertEqual((), self.vnf.state.outbox)
        self.assertEqual([], self.receipts())

    def test_nothing_for_me(self):
        self.assertNothingChanged(self.poll)
        self.assertEqual([], self.receipts())

    def test_a_new_version_replaces_the_old_one(self):
        one = self.author(self.configuration(b'1'))
        self.commit(one)
        self.poll()
        two = self.author(self.configuration(b'2'), vid=2,
                          cid=one.content.cid)
        self.commit(two)
        self.poll()
        self.assertEqual(b'2', self.vnf.content())
        self.assertEqual([(1, 1), (2, 2)], [
            (len(receipt.effective) * receipt.vid, receipt.vid)
            for receipt in self.receipts()])

    def test_only_the_newest_of_many_is_applied(self):
        one = self.author(self.configuration(b'1'))
        cid = one.content.cid
        self.commit(one, self.author(self.configuration(b'2'), vid=2,
                                     cid=cid))
        self.commit(self.author(self.configuration(b'3'), vid=3, cid=cid))
        self.poll()
        self.assertEqual(b'3', self.vnf.content())
        self.assertEqual([3], [one.vid for one in self.receipts()])
        self.assertEqual(1, self.vnf.state.sequence)

    def test_a_template_comes_first(self):
        template = self.template(b'base', target='dns')
        one = self.author(self.configuration(b'own'),
                          apply_before=[self.reference(template)])
        self.commit(template)
        self.commit(one)
        self.poll()
        self.assertEqual((b'own', b'base'),
                         (self.vnf.content(), self.vnf.content('dns')))
        (receipt,) = self.receipts()
        self.assertEqual(((template.content.cid, 1), (one.content.cid, 1)),
                         receipt.effective)

    def test_latest_is_that_of_the_base_transactions_block(self):
        reader = self.author(
            self.configuration(b'1', target='dns'))
        versions = [reader] + [self.author(
            self.configuration(b'%d' % vid, target='dns'), vid=vid,
            cid=reader.content.cid) for vid in (2, 3, 4)]
        base = self.author(self.configuration(b'own'), apply_before=[
            self.reference(reader, vid=False)])
        self.commit(versions[0])
        self.commit(versions[1])
        self.commit(base)
        self.commit(versions[2])
        self.commit(versions[3])
        self.poll()
        # the base brought version 2, the newest word on the CID is 4
        self.assertEqual(b'4', self.vnf.content('dns'))
        plan = self.vnf.state.effective.bases[0].plan
        self.assertEqual([2, 1], [entry.vid for entry in plan])

    def test_an_exact_older_version(self):
        one = self.template(b'1', target='dns')
        self.commit(one)
        self.commit(self.template(b'2', target='dns', vid=2,
                                  cid=one.content.cid))
        base = self.author(self.configuration(b'own'),
                           apply_after=[self.reference(one)])
        self.commit(base)
        self.poll()
        self.assertEqual(b'1', self.vnf.content('dns'))

    def test_a_sealed_reference(self):
        other = self.provider.generate(2)
        hidden = self.authored(self.configuration(b'hidden', target='dns'),
                               to=other.document)
        sealed = payload.SealedReference(
            hidden.transaction.content.cid, 1, hidden.transaction.txid,
            hidden.content_key)
        base = self.author(self.configuration(b'own',
                                              sealed_before=(sealed,)))
        self.commit(hidden.transaction)
        self.commit(base)
        self.poll()
        self.assertEqual(b'hidden', self.vnf.content('dns'))

    def test_withdrawal_restores_what_stood_before(self):
        (self.vnf.root / 'firewall').write_bytes(b'as delivered')
        one = self.author(self.configuration(b'1'))
        self.commit(one)
        self.poll()
        away = self.author(payload.Withdrawal(one.content.cid))
        self.commit(away)
        self.poll()
        self.assertEqual(b'as delivered', self.vnf.content())
        self.assertEqual((), self.vnf.state.effective.entries())
        self.assertEqual(Outcome.WITHDRAWN, self.receipts()[-1].outcome)
        self.assertRefused('reference-missing', self.author(
            payload.Withdrawal(one.content.cid)))

    def test_a_million_bytes(self):
        data = self.provider.random_bytes(1_000_000)
        self.commit(self.author(self.configuration(data), compression=0))
        self.poll()
        self.assertEqual(data, self.vnf.content())


class TestRefusals(agent_case.AgentCase):

    def test_unknown_applier(self):
        self.assertRefused('unknown-applier', self.author(
            self.configuration(applier='netconf')))

    def test_dry_run(self):
        self.assertRefused('dry-run-failed', self.author(
            self.configuration(target='shadow')))
        self.assertEqual(1, len(self.vnf.state.failed))

    def test_payloads_that_are_not_for_a_vnf(self):
        report = payload.StateReport(bytes(32), (), (), 1)
        self.assertRefused('wrong-payload', self.author(report))

    def test_a_reference_that_is_missing(self):
        absent = self.template()
        self.assertRefused('reference-missing', self.author(
            self.configuration(), apply_before=[self.reference(absent)]))

    def test_a_failed_apply_is_reverted_and_not_tried_again(self):
        good = self.author(self.configuration(b'good'))
        self.commit(good)
        self.poll()
        self.receipts()
        bad = self.author(self.configuration(b'bad'), vid=2,
                          cid=good.content.cid)
        self.vnf.applier.failure = errors.ApplyFailed('no room')
        self.commit(bad)
        self.assertNothingChanged(self.poll)
        (receipt,) = self.receipts()
        self.assertEqual((Outcome.REVERTED, 'apply-failed', 'no room'),
                         (receipt.outcome, receipt.code, receipt.detail))
        self.vnf.applier.failure = None
        self.assertNothingChanged(self.poll)
        # nor as a part of something else
        self.assertRefused('version-failed-before', self.author(
            self.configuration(b'x', target='dns'),
            apply_before=[self.reference(bad)]))

    def test_a_health_check_decides(self):
        flag = self.vnf.root / 'healthy'
        flag.touch()
        health = agent_case.settings_module.apply_module.Health(
            ('test', '-e', str(flag)), 10)
        self.vnf = self.restart(health=health)
        self.commit(self.author(self.configuration(b'1')))
        self.poll()
        self.assertEqual(b'1', self.vnf.content())
        self.receipts()
        flag.unlink()
        self.commit(self.author(self.configuration(b'2')))
        self.assertNothingChanged(self.poll)
        (receipt,) = self.receipts()
        self.assertEqual((Outcome.REVERTED, 'health-check-failed'),
                         (receipt.outcome, receipt.code))

    def test_a_revert_that_fails_stops_everything_until_it_succeeds(self):
        path = self.vnf.root / 'firewall'
        path.write_bytes(b'old')
        self.vnf.applier.failure = errors.ApplyFailed('x')
        self.vnf.applier.restore = self._refuse_restore
        self.commit(self.author(self.configuration(b'new')))
        self.poll()
        self.assertIn('revert-failed', self.vnf.agent.alarms.standing())
        self.assertEqual('revert-failed', self.receipts()[-1].code)
        self.vnf.applier.failure = None
        self.commit(self.author(self.configuration(b'next')))
        self.assertRaises(errors.RevertFailed, self.poll)
        self.assertEqual(b'new', path.read_bytes())
        del self.vnf.applier.restore
        self.poll()
        self.assertEqual(b'next', path.read_bytes())
        self.assertEqual((), self.vnf.agent.alarms.standing())

    def _refuse_restore(self, snapshot, change):
        raise errors.RevertFailed('the disk is gone')


class TestRequests(agent_case.AgentCase):

    def test_the_state_is_reported(self):
        template = self.template(b'base', target='dns')
        one = self.authored(self.configuration(b'own'),
                            apply_before=[self.reference(template)])
        self.commit(template)
        self.commit(one.transaction)
        self.poll()
        self.settle()
        self.vnf.applier.observe = lambda: [('firewall', b'seen')]
        asked = self.request()
        self.commit(asked)
        self.poll()
        (answer,) = self.settle()
        self.assertEqual((asked.content.cid, 1),
                         (answer.content.cid, answer.content.vid))
        self.assertEqual(self.vnf.document, answer.sender)
        report = self.opened(answer)
        self.assertEqual(asked.txid, report.request_txid)
        body = payload.encode_payload(self.configuration(b'own'))
        self.assertEqual(
            [(template.content.cid, template.txid, None),
             (one.transaction.content.cid, one.transaction.txid,
              one.content_key)],
            [(entry.cid, entry.txid, entry.content_key)
             for entry in report.effective])
        self.assertEqual(payload.payload_digest(self.h, body),
                         report.effective[1].payload_digest)
        self.assertEqual([payload.Observation('file', 'firewall', b'seen')],
                         list(report.observations))
        self.poll()
        self.assertEqual((), self.vnf.state.outbox)

    def test_each_request_is_answered_once(self):
        first = self.request()
        self.commit(first)
        self.commit(self.request(cid=first.content.cid, vid=2))
        self.poll()
        self.assertEqual({1, 2}, {one.content.vid for one in self.settle()})
        self.poll()
        self.assertEqual([], self.settle())

    def test_an_expired_request_is_not_answered(self):
        self.commit(self.request(lifetime_ms=2000))
        self.commit(elapsed_ms=5000)
        self.poll()
        (receipt,) = self.receipts()
        self.assertEqual('slot-closed', receipt.code)

    def test_an_answer_that_comes_too_late_is_dropped(self):
        self.commit(self.request(lifetime_ms=10_000))
        for door in self.doors:
            door.drops_submissions = True
        self.poll()
        self.assertEqual(1, len(self.vnf.state.outbox))
        self.commit(elapsed_ms=20_000)
        self.poll()
        self.assertEqual((), self.vnf.state.outbox)

    def test_an_applier_that_cannot_see_is_left_out(self):
        def observe():
            raise errors.ApplyFailed('no nft')
        self.vnf.applier.observe = observe
        self.commit(self.request())
        self.poll()
        (answer,) = self.settle()
        self.assertEqual((), self.opened(answer).observations)


class TestGroups(agent_case.AgentCase):

    def setUp(self):
        super().setUp()
        self.group = self.provider.generate(2)

    def join(self, group=None, epoch=1):
        group = group or self.group
        return self.author(payload.GroupKey(
            payload.GroupKey.JOIN, group.document.key_id, epoch,
            group.to_private_bytes()))

    def leave(self, group=None):
        return self.author(payload.GroupKey(
            payload.GroupKey.LEAVE,
            (group or self.group).document.key_id, 1))

    def to_group(self, data, **options):
        return self.author(self.configuration(data),
                           to=self.group.document, **options)

    def test_join_and_obey_in_one_poll(self):
        self.commit(self.join())
        self.commit(self.to_group(b'group'))
        self.poll()
        self.assertEqual(b'group', self.vnf.content())
        self.assertEqual([Outcome.JOINED_GROUP, Outcome.APPLIED],
                         [one.outcome for one in self.receipts()])
        # the key is there after a restart
        self.vnf = self.restart()
        self.commit(self.to_group(b'again'))
        self.poll()
        self.assertEqual(b'again', self.vnf.content())

    def test_what_was_sent_before_the_join_is_not_obeyed_nor_told(self):
        early = self.to_group(b'early')
        self.commit(early)
        self.commit(self.join())
        self.poll()
        self.assertIsNone(self.vnf.content())
        self.assertEqual([Outcome.JOINED_GROUP],
                         [one.outcome for one in self.receipts()])
        late = self.to_group(b'late', vid=2, cid=early.content.cid)
        self.commit(late)
        self.poll()
        self.assertEqual(b'late', self.vnf.content())

    def test_leaving_forgets_the_key_and_keeps_what_is_in_force(self):
        self.commit(self.join())
        self.commit(self.to_group(b'group'))
        self.poll()
        self.commit(self.leave())
        self.poll()
        self.commit(self.to_group(b'later'))
        self.poll()
        self.assertEqual(b'group', self.vnf.content())
        keys = self.vnf.root / 'state' / 'keys'
        self.assertFalse([path for path in keys.iterdir()
                          if path.name.startswith('group-')])

    def test_a_key_that_is_not_the_groups(self):
        other = self.provider.generate(2)
        self.assertRefused('bad-key', self.author(payload.GroupKey(
            payload.GroupKey.JOIN, self.group.document.key_id, 1,
            other.to_private_bytes())))

    def test_an_order_sealed_to_a_group_is_refused(self):
        self.commit(self.join())
        self.poll()
        self.receipts()
        other = self.provider.generate(2)
        self.assertRefused('wrong-payload', self.author(payload.GroupKey(
            payload.GroupKey.JOIN, other.document.key_id, 1,
            other.to_private_bytes()), to=self.group.document))
        self.assertRefused('wrong-payload', self.author(
            self.trust_change(payload.AddCommander(self.stranger.document)),
            to=self.group.document))


class TestKeys(agent_case.AgentCase):

    def test_key_replacement(self):
        old = self.vnf.document
        self.commit(self.author(payload.KeyReplacement(2, 'yearly')))
        self.poll()
        new = self.vnf.document
        self.assertNotEqual(old, new)
        (receipt,) = self.receipts()
        self.assertEqual(Outcome.KEY_REPLACED, receipt.outcome)
        self.assertEqual(new, receipt.announcement.document)
        receipt.announcement.verify(self.provider, self.h, old)
        # what was sealed to the old key is still read, the new one too
        self.commit(self.author(self.configuration(b'old'), to=old))
        self.poll()
        self.assertEqual(b'old', self.vnf.content())
        self.commit(self.author(self.configuration(b'new')))
        self.poll()
        self.assertEqual(b'new', self.vnf.content())
        self.vnf = self.restart()
        self.assertEqual(new, self.vnf.document)

    def test_a_request_to_the_old_key_is_answered_by_it(self):
        old = self.vnf.document
        self.commit(self.author(payload.KeyReplacement(2, 'yearly')))
        self.poll()
        self.settle()
        self.commit(self.request(to=old))
        self.poll()
        (answer,) = self.settle()
        self.assertEqual(old, answer.sender)

    def test_an_unknown_suite(self):
        self.assertRefused('bad-key', self.author(
            payload.KeyReplacement(77, 'x')))

    def test_retired(self):
        group = self.provider.generate(2)
        self.commit(self.author(self.configuration(b'last')))
        self.commit(self.author(payload.GroupKey(
            payload.GroupKey.JOIN, group.document.key_id, 1,
            group.to_private_bytes())))
        self.poll()
        self.receipts()
        self.commit(self.author(self.trust_change(
            payload.RetireVnf(self.vnf.document.key_id, 'migrated'))))
        self.commit(self.author(self.configuration(b'more')),
                    self.author(self.configuration(b'group'),
                                to=group.document), self.request())
        self.assertNothingChanged(self.poll)
        self.assertEqual([Outcome.RETIRED],
                         [one.outcome for one in self.receipts()])
        self.assertEqual(('retired',), self.vnf.agent.alarms.standing())
        self.assertEqual(b'last', self.vnf.content())
        keys = self.vnf.root / 'state' / 'keys'
        self.assertFalse([path for path in keys.iterdir()
                          if path.name.startswith('group-')])
        self.vnf = self.restart()
        self.commit(self.author(self.configuration(b'more')))
        self.assertNothingChanged(self.poll)
        self.assertEqual([], self.receipts())

    def test_another_vnf_is_not_retired(self):
        self.commit(self.author(self.trust_change(
            payload.RetireVnf(bytes(32), 'x'))))
        self.assertNothingChanged(self.poll)
        self.assertIsNone(self.vnf.state.trust.retired)

    def test_a_new_commander_is_obeyed_in_the_same_poll(self):
        self.commit(self.author(self.trust_change(
            payload.AddCommander(self.stranger.document))))
        self.commit(self.author(self.configuration(b'new'),
                                pair=self.stranger))
        self.poll()
        self.assertEqual(b'new', self.vnf.content())

    def test_the_recovery_key_itself_may_send(self):
        self.commit(self.author(self.trust_change(payload.RevokeTenant(
            self.tenant.document.key_id)), pair=self.recovery))
        self.poll()
        self.assertFalse(self.vnf.state.trust.is_trusted_now(
            self.tenant.document.key_id))
        # but it commands nothing
        self.commit(self.author(self.configuration(b'x'),
                                pair=self.recovery))
        self.assertNothingChanged(self.poll)

    def test_rotation_and_what_it_means_for_what_is_in_force(self):
        one = self.author(self.configuration(b'1'))
        cid = one.content.cid
        self.commit(one)
        self.commit(self.author(self.configuration(b'2'), vid=2, cid=cid))
        self.poll()
        self.assertEqual(b'2', self.vnf.content())
        new = self.provider.generate(2)
        continued = self.author(self.configuration(b'new'), pair=new)
        self.commit(self.author(self.trust_change(payload.RotateTenant(
            self.tenant.document.key_id, new.document,
            ((cid, 1, continued.content.cid),)))))
        self.poll()
        # version 2 was beyond the last valid one
        self.assertEqual(b'1', self.vnf.content())
        self.commit(continued)
        self.poll()
        self.assertEqual(b'new', self.vnf.content())
        self.assertEqual([continued.content.cid],
                         [entry.cid for entry in
                          self.vnf.state.effective.entries()])

    def test_what_no_last_valid_version_was_named_for_stays(self):
        self.commit(self.author(self.configuration(b'1')))
        self.poll()
        self.commit(self.author(self.trust_change(
            payload.RevokeTenant(self.tenant.document.key_id))))
        self.assertNothingChanged(self.poll)
        self.assertIn('revoked-in-force', self.vnf.agent.alarms.standing())

    def test_no_version_is_valid(self):
        one = self.author(self.configuration(b'1'))
        self.commit(one)
        self.poll()
        self.commit(self.author(self.trust_change(payload.RevokeTenant(
            self.tenant.document.key_id, ((one.content.cid, 0),)))))
        self.poll()
        self.assertIsNone(self.vnf.content())


class TestDelivery(agent_case.AgentCase):

    def setUp(self):
        super().setUp()
        self.source = self.start()
        self.template_one = self.template(b'base', target='dns')
        self.own = self.authored(
            self.configuration(b'own'), to=self.source.document,
            apply_before=[self.reference(self.template_one)])
        self.commit(self.template_one)
        self.commit(self.own.transaction)
        self.poll(self.source)
        self.settle()
        self.source.applier.observe = lambda: [('firewall', b'learned')]
        asked = self.request(to=self.source.document)
        self.commit(asked)
        self.poll(self.source)
        (self.answer,) = self.settle()
        report = self.opened(self.answer)
        self.entries = tuple(payload.SealedReference(
            entry.cid, entry.vid, entry.txid, entry.content_key)
            for entry in report.effective)

    def delivery(self, entries=None, report=True):
        content_key = agent_case.envelope.unwrap(
            self.tenant, agent_case.envelope.Role.RECIPIENT,
            self.answer.content.wraps)
        about = payload.SealedReference(
            self.answer.content.cid, self.answer.content.vid,
            self.answer.txid, content_key)
        return self.author(payload.Delivery(
            self.entries if entries is None else entries,
            about if report else None))

    def test_the_destination_has_the_sources_configuration(self):
        observed = []
        original = self.vnf.applier.apply

        def apply(change, baseline):
            observed.extend(change.observed)
            original(change, baseline)
        self.vnf.applier.apply = apply
        self.commit(self.delivery())
        self.poll()
        self.assertEqual((b'own', b'base'),
                         (self.vnf.content(), self.vnf.content('dns')))
        self.assertEqual(self.source.state.effective.summary(),
                         self.vnf.state.effective.summary())
        self.assertEqual([('firewall', b'learned')], observed)

    def test_a_later_version_and_a_later_withdrawal_work_there(self):
        self.commit(self.delivery(report=False))
        self.poll()
        cid = self.own.transaction.content.cid
        self.commit(self.author(self.configuration(b'later'), vid=2,
                                cid=cid))
        self.poll()
        self.assertEqual(b'later', self.vnf.content())
        self.commit(self.author(payload.Withdrawal(cid)))
        self.poll()
        self.assertIsNone(self.vnf.content())
        self.assertEqual(b'base', self.vnf.content('dns'))

    def test_a_failing_version_reverts_to_the_whole_set(self):
        self.commit(self.delivery(report=False))
        self.poll()
        self.receipts()
        self.vnf.applier.failure = errors.ApplyFailed('x')
        self.commit(self.author(
            self.configuration(b'bad'), vid=2,
            cid=self.own.transaction.content.cid))
        self.assertNothingChanged(self.poll)
        self.assertEqual(Outcome.REVERTED, self.receipts()[-1].outcome)

    def test_a_wrong_content_key(self):
        wrong = tuple(payload.SealedReference(
            one.cid, one.vid, one.txid, one.content_key and bytes(32))
            for one in self.entries)
        self.assertRefused('wrong-content-key', self.delivery(wrong))

    def test_a_report_that_is_none(self):
        one = self.own.transaction
        about = payload.SealedReference(
            one.content.cid, 1, one.txid, self.own.content_key)
        self.assertRefused('wrong-payload', self.author(
            payload.Delivery((), about)))


class TestTelling(agent_case.AgentCase):

    def test_receipts_wait_a_random_time(self):
        self.vnf = self.restart(receipt_delay_max_seconds=3600.0)
        self.commit(self.author(self.configuration(b'1')))
        self.poll()
        (waiting,) = self.vnf.state.outbox
        self.assertLessEqual(
            waiting.not_before_ms,
            self.vnf.agent.timekeeper.now_ms() + 3_600_000)
        if waiting.not_before_ms > self.vnf.agent.timekeeper.now_ms():
            self.assertEqual([], self.settle())
        for _ in range(70):
            self.commit(elapsed_ms=60_000)
        self.poll()
        self.assertEqual(1, len(self.receipts()))

    def test_receipts_form_a_chain_under_the_receipt_key(self):
        for data in (b'1', b'2', b'3'):
            self.commit(self.author(self.configuration(data)))
        self.poll()
        sent = self.settle()
        self.assertEqual([1, 2, 3], [one.content.vid for one in sent])
        self.assertEqual(1, len({one.content.cid for one in sent}))
        self.assertEqual({self.vnf.agent.keys.receipt.document},
                         {one.sender for one in sent})

    def test_what_a_node_drops_goes_to_another(self):
        self.commit(self.author(self.configuration(b'1')))
        first = self.vnf.agent.fetcher.client.pool.nodes()[0].member
        self.doors[first].drops_submissions = True
        self.poll()
        self.assertEqual([], self.settle())
        self.commit()
        self.poll()
        self.assertEqual(1, len(self.receipts()))

    def test_it_is_told_after_a_restart(self):
        self.commit(self.author(self.configuration(b'1')))
        for door in self.doors:
            door.drops_submissions = True
        self.poll()
        for door in self.doors:
            door.drops_submissions = False
        self.vnf = self.restart()
        self.poll()
        self.assertEqual(1, len(self.receipts()))

    def test_welcome_is_read_and_changes_nothing(self):
        self.commit(self.author(payload.Welcome('hello')))
        self.assertNothingChanged(self.poll)
        self.assertEqual([], self.receipts())


class TestConsole(agent_case.AgentCase):

    def blocks(self):
        text = (self.vnf.root / 'console').read_text()
        return [console_block.parse(self.h, self.provider, one)
                for one in console_block.find(text)]

    def test_at_start_every_so_often_and_with_a_new_key(self):
        self.vnf = self.start(self.vnf.root, self.vnf.clocks,
                              console_interval_seconds=600.0)
        console = self.vnf.service._console
        for _ in range(3):
            console.tick()
        self.assertEqual(1, len(self.blocks()))
        self.commit(elapsed_ms=600_000)
        console.tick()
        self.assertEqual(2, len(self.blocks()))
        block = console_block.choose(self.blocks(), agent_case.UUID)
        self.assertEqual(self.vnf.document, block.vnf_key)
        self.assertEqual(self.vnf.agent.keys.receipt.document,
                         block.receipt_key)
        self.commit(self.author(payload.KeyReplacement(2, 'x')))
        self.poll()
        console.tick()
        self.assertEqual(self.vnf.document, self.blocks()[-1].vnf_key)

    def test_a_terminal_that_is_gone_stops_nothing(self):
        self.vnf = self.start(self.vnf.root, self.vnf.clocks,
                              console='/no/such/terminal')
        self.vnf.service._console.tick()
        self.assertIn('No such file', self.log.output)


class TestForms(agent_case.AgentCase):
    """What an observer could tell."""

    def test_answers_use_what_the_request_states(self):
        asked = self.request()
        self.commit(asked)
        self.poll()
        (answer,) = self.settle()
        self.assertIsInstance(answer.content, transaction.Configuration)
        self.assertEqual(
            (asked.content.compression, asked.content.encryption,
             asked.content.description, self.tenant.document.key_id),
            (answer.content.compression, answer.content.encryption,
             answer.content.description, answer.content.recipient_id))
