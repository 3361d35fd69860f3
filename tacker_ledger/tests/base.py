# SPDX-License-Identifier: Apache-2.0
"""What every test case of the project starts from."""

import logging
import os
import pathlib

import fixtures
import hypothesis
import testtools

# Properties are searched without a deadline and however slowly examples are
# made: a busy machine is not a fault. A failure prints the blob that
# reproduces it.
hypothesis.settings.register_profile(
    'tacker_ledger', deadline=None, print_blob=True,
    suppress_health_check=(hypothesis.HealthCheck.too_slow,))
hypothesis.settings.load_profile('tacker_ledger')

#: The root of the checkout the tests run from.
CHECKOUT = pathlib.Path(__file__).resolve().parents[2]

#: Variables which would make a test depend on who runs it.
_PERSONAL_PREFIXES = ('OS_',)
_KEPT = ('OS_TEST_TIMEOUT', 'OS_TEST_PATH', 'OS_DEBUG')


def in_ci() -> bool:
    """Return whether a missing part is a failure instead of a skip."""
    return os.environ.get('CI', '').lower() in ('1', 'true', 'yes')


class TestCase(testtools.TestCase):
    """A test with a time limit, its own temporary files and captured logs.

    ``OS_TEST_TIMEOUT`` is the limit in seconds for one test; a class which
    needs longer raises ``TIMEOUT_SCALE``.
    """

    TIMEOUT_SCALE = 1

    def setUp(self):
        super().setUp()
        limit_seconds = int(os.environ.get('OS_TEST_TIMEOUT', '60'))
        if limit_seconds > 0:
            self.useFixture(fixtures.Timeout(
                limit_seconds * self.TIMEOUT_SCALE, gentle=True))
        self.useFixture(fixtures.NestedTempfile())
        for name in list(os.environ):
            if name.startswith(_PERSONAL_PREFIXES) and name not in _KEPT:
                self.useFixture(fixtures.EnvironmentVariable(name))
        self.log = self.useFixture(fixtures.FakeLogger(
            level=logging.DEBUG if os.environ.get('OS_DEBUG')
            else logging.INFO,
            format='%(asctime)s %(levelname)s [%(name)s] %(message)s'))

    def make_directory(self) -> pathlib.Path:
        """Return a new directory which goes away with the test."""
        return pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def skip_missing(self, part: str, reason: str = ''):
        """End this test because the machine lacks a part it needs.

        :param part: the name of what is missing, for example ``nftables``
        :param reason: how that was noticed
        """
        message = f'missing part: {part}' + (f' ({reason})' if reason else '')
        if in_ci():
            self.fail(message + '; nothing may be missing in CI')
        self.skipTest(message)

    def require_part(self, name: str) -> dict:
        """Return how to reach a real part, started when it is not up.

        :param name: a name in ``parts.BY_NAME``
        """
        # here, since parts stands on this module
        from tacker_ledger.tests import parts
        try:
            return parts.BY_NAME[name]()
        except parts.Missing as exc:
            self.skip_missing(exc.part, exc.reason)
