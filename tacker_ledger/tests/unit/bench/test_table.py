# SPDX-License-Identifier: Apache-2.0
"""The table and the page show what was measured and nothing else."""

import json
import re

from tacker_ledger.bench import report
from tacker_ledger.bench import table
from tacker_ledger.tests import base

LIMIT = {'verify': 23e-6, 'hash': 2e-6, 'insert': 10e-6, 'sign': 30e-6,
         'transaction': 35e-6, 'client_signing': 450e-6}
FOUND = {'machine': {'cores': 2, 'processor': 'a <fast> one', 'system': 's',
                     'python': '3', 'version': '1', 'time': 'now'},
         'quick': False, 'limit': LIMIT}


def times(median, p95):
    return {'count': 20, 'median': median, 'p95': p95, 'maximum': p95}


def delays(nodes, p95):
    return {'nodes': nodes, 'batch': 100, 'size': 400, 'batches': 20,
            'blocks': 20, 'leader': times(0.1, p95), 'last': times(0.1, p95)}


def written(nodes, per_second, cpu):
    return {'nodes': nodes, 'size': 400, 'seconds': 60.0,
            'per_second': per_second, 'cpu_seconds_each': cpu}


def read(nodes, cpu):
    return {'nodes': nodes, 'kind': 'state', 'size': 400,
            'cpu_seconds_each': cpu, 'per_core_second': 1 / cpu}


def started(count, seconds, costs, anonymous=100e6):
    memory = {'anonymous': anonymous, 'mapped': 1e6}
    return {'transactions': count, 'seconds': seconds, 'memory': memory,
            'unclean_seconds': seconds, 'unclean_memory': memory,
            'costs': [{'transactions': at, 'cpu_seconds': cpu,
                       'index_cpu_seconds': 0.0} for at, cpu in costs]}


class TestRows(base.TestCase):

    def rows(self, **sections):
        return {row.figure: row
                for row in table.rows({**FOUND, **sections})}

    def test_nothing_measured_nothing_shown(self):
        self.assertEqual({}, self.rows())

    def test_only_the_targets_own_size_is_judged(self):
        rows = self.rows(consensus={
            'delays': [delays(4, 9.0), delays(10, 0.25), delays(10, 0.26)],
            'counted': [], 'simulated': []})
        self.assertEqual({None, False}, {row.holds for row in rows.values()})
        (ten,) = self.rows(consensus={
            'delays': [delays(10, 0.25)], 'counted': [], 'simulated': []}
            ).values()
        self.assertTrue(ten.holds)
        # 10 x 100 transactions at 35 us on two cores: 17.5 of 250 ms
        self.assertAlmostEqual(0.07, ten.of_limit)

    def test_writes(self):
        rows = self.rows(writes={'nodes': [written(4, 2000.0, 150e-6),
                                           written(1, 10.0, 1.0)],
                                 'sizes': []})
        self.assertEqual(
            [True, True, None, None], [row.holds for row in rows.values()])
        rate, cost, *_ = rows.values()
        self.assertAlmostEqual(2000 * 4 * 35e-6 / 2, rate.of_limit)
        self.assertAlmostEqual(35 / 150, cost.of_limit)
        missed = self.rows(writes={'nodes': [written(4, 1999.0, 151e-6)],
                                   'sizes': []})
        self.assertEqual({False}, {row.holds for row in missed.values()})

    def test_reads_are_constant_or_not(self):
        for last, holds in ((160e-6, True), (200e-6, False)):
            rows = self.rows(reads={'states': [read(1, 150e-6),
                                               read(10, last)]})
            self.assertIs(holds, rows['CPU a read over all numbers of nodes'
                                      ].holds)

    def test_growth_is_compared_with_the_logarithm(self):
        for cost, holds in ((149e-6, True), (151e-6, False)):
            rows = self.rows(startup=started(
                10 ** 6, 59.0, [(10 ** 4, 100e-6), (10 ** 6, cost)]))
            self.assertIs(holds, rows['cost a transaction, 10^4 to 1000000'
                                      ].holds)
            self.assertTrue(rows['start on 1000000 transactions'].holds)
        short = self.rows(startup=started(2000, 99.0, [(1000, 1e-4)]))
        self.assertEqual({None}, {row.holds for row in short.values()})

    def test_text(self):
        made = table.rows({**FOUND, 'writes': {
            'nodes': [written(4, 1.0, 100e-6)], 'sizes': []}})
        lines = table.text(made).splitlines()
        self.assertEqual(3, len(lines))
        self.assertIn('MISSED', lines[1])
        self.assertIn('holds', lines[2])


class TestPage(base.TestCase):

    def page(self, found):
        directory = self.make_directory() / 'report'
        path = report.write(found, str(directory))
        self.assertEqual(found, json.loads(
            (directory / report.DATA).read_text()))
        return path.read_text()

    def test_it_needs_nothing_else(self):
        page = self.page({
            **FOUND, 'consensus': {'delays': [delays(4, 0.2)], 'counted': [],
                                   'simulated': []}})
        self.assertNotRegex(page, r'(src|href)="(?!#)')
        self.assertNotIn('<script', page)
        self.assertNotIn('@import', page)
        self.assertIn('a &lt;fast&gt; one', page)

    def test_a_figure_stands_beside_what_s0_states(self):
        page = self.page({
            **FOUND, 'consensus': {'delays': [delays(4, 0.2),
                                              delays(10, 0.3)],
                                   'counted': [], 'simulated': []}})
        self.assertEqual(1, page.count('<svg'))
        self.assertIn('stays under 2 s for ten', page)
        self.assertNotIn('quadratically', page)

    def test_a_quick_run_says_so(self):
        self.assertIn('quick run', self.page({**FOUND, 'quick': True}))
        self.assertEqual([], re.findall('<svg', self.page(FOUND)))
