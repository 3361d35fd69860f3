# SPDX-License-Identifier: Apache-2.0
"""Tests of tacker_ledger.securelog.masking, with lines as Tacker's logs."""

from tacker_ledger.core import errors
from tacker_ledger.securelog import masking
from tacker_ledger.tests import base

SECRET = 'S3cr3tValue'

#: As DEBUG lines of Tacker and of the clients it uses print them.
LINES = (
    ("Request body: {'vim': {'auth_url': 'http://127.0.0.1/identity', "
     "'type': 'openstack', 'auth_cred': {'username': 'nfv_user', "
     f"'password': '{SECRET}', 'user_domain_name': 'Default'}}}}}}"),
    ('REQ: curl -g -i -X GET http://127.0.0.1/v2.1 -H "X-Auth-Token: '
     f'{SECRET}"'),
    f"{{'auth_cred': {{'bearer_token': '{SECRET}', 'ssl_ca_cert': 'None'}}}}",
    ('{"vimConnectionInfo": {"vim1": {"accessInfo": {"username": '
     f'"nfv_user", "password": "{SECRET}", "project": "nfv"}}}}}}}}'),
    f'<adminPass>{SECRET}</adminPass>',
    f'transport_url = rabbit://stackrabbit:{SECRET}@10.0.0.1:5672/',
    f'connection: mysql+pymysql://tacker:{SECRET}@127.0.0.1/tacker?charset',
    f"headers: {{'Authorization': 'Bearer {SECRET}', 'Accept': '*/*'}}",
    f'Authorization: Basic {SECRET}==',
    f"'client_secret': '{SECRET}', 'grant_type': 'client_credentials'",
    (f'ssh_key: -----BEGIN RSA PRIVATE KEY-----\n{SECRET}\nabc\n'
     '-----END RSA PRIVATE KEY-----'),
    f'-----BEGIN PRIVATE KEY-----\\n{SECRET} and it was cut',
)


class TestMasking(base.TestCase):
    """Secrets go, the rest stays."""

    def test_tackers_lines(self):
        mask = masking.Masker()
        for line in LINES:
            self.assertIn(SECRET, line)
            self.assertNotIn(SECRET, mask(line), line)

    def test_what_is_around_stays(self):
        mask = masking.Masker()
        self.assertEqual(
            'rabbit://stackrabbit:***@10.0.0.1:5672/',
            mask(f'rabbit://stackrabbit:{SECRET}@10.0.0.1:5672/'))
        for line in ('VNF 7d5a is ACTIVE', 'GET http://127.0.0.1:9890/vnflcm',
                     'http://[::1]:80/a@b', 'line\nbreak'):
            self.assertEqual(line, mask(line))

    def test_patterns_of_ones_own(self):
        mask = masking.Masker((r'community=(?P<secret>\S+)',
                               r'(?:pin=(?P<secret>\d+)|none)'))
        self.assertEqual('snmp community=*** pin=*** none x',
                         mask('snmp community=public pin=1234 none x'))

    def test_patterns_that_cannot_be(self):
        for pattern in ('(', 'community=(.*)'):
            self.assertRaises(errors.BadOption, masking.Masker, (pattern,))
