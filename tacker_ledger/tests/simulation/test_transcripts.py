# SPDX-License-Identifier: Apache-2.0
"""The courses of the protocol that are written down are the real ones."""

from tacker_ledger.tests import base
from tacker_ledger.tests.simulation import transcript


class TestTranscripts(base.TestCase):
    """Each file says what happens."""

    def test_every_transcript(self):
        paths = sorted(transcript.DIRECTORY.glob('*.txt'))
        self.assertIn('normal_case.txt', [path.name for path in paths])
        for path in paths:
            with self.subTest(path.name):
                script, expected = transcript.split(
                    path.read_text(encoding='utf-8'))
                self.assertEqual(expected, transcript.Transcript().run(
                    script))

    def test_a_transcript_can_be_written_anew(self):
        source = transcript.DIRECTORY / 'alone.txt'
        path = self.make_directory() / 'alone.txt'
        script, _expected = transcript.split(
            source.read_text(encoding='utf-8'))
        path.write_text(script + '----\nwhatever\n', encoding='utf-8')
        self.assertEqual(0, transcript.main([str(path)]))
        self.assertEqual(source.read_text(encoding='utf-8'),
                         path.read_text(encoding='utf-8'))
