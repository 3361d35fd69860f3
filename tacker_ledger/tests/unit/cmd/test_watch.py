# SPDX-License-Identifier: Apache-2.0
"""Exit statuses of tacker-ledger-watch."""

import contextlib
import io

import fixtures

from tacker_ledger.cmd import watch
from tacker_ledger.storage import anchor_verdicts
from tacker_ledger.tests import base


class TestEnded(base.TestCase):
    def setUp(self):
        super().setUp()
        directory = self.make_directory()
        self.file = directory / 'anchors.conf'
        self.file.write_text(
            '[database]\n'
            f'connection = sqlite:///{directory}/anchors.sqlite\n')
        self.useFixture(fixtures.MockPatch(
            'tacker_ledger.cmd.watch.signal.signal'))

    def watch(self, pages):
        """Return the status after pages, then a signal."""
        def page(verdicts, after):
            if not pages:
                raise watch._Ended
            return pages.pop(0)

        self.useFixture(fixtures.MockPatchObject(
            anchor_verdicts.Verdicts, 'all_messages', page))
        with contextlib.redirect_stdout(io.StringIO()):
            return watch.main(['--config-file', str(self.file), '--all'])

    def test_what_was_printed_before_a_signal_counts(self):
        self.assertEqual(3, self.watch([[(1, {'verdict': 'altered'})]]))

    def test_nothing_before_a_signal_is_not_validated(self):
        self.assertEqual(watch.EXIT_NOTHING, self.watch([]))
