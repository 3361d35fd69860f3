# SPDX-License-Identifier: Apache-2.0
"""Options of the doors: ``[door]`` (tenants, VNFs) and ``[operator]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'door', title='Tenant and VNF door',
    help='The HTTP door which tenants and VNFs use. Writers are known by '
         'the signatures of their transactions; reading is open.')

OPTIONS = [
    cfg.HostAddressOpt(
        'host', default='127.0.0.1',
        help='Address to listen on.'),
    cfg.PortOpt(
        'port', default=8977,
        help='Port to listen on.'),
    cfg.BoolOpt(
        'plain_http', default=False,
        help='Serve without TLS. Refused unless host is a loopback '
             'address.'),
    cfg.StrOpt(
        'certificate_file', default='',
        help='TLS certificate (PEM); empty: certificate_file of [node].'),
    cfg.StrOpt(
        'key_file', default='',
        help='TLS private key (PEM); empty: node_key_file of [node].'),
    cfg.IntOpt(
        'waiters_max', default=20_000, min=0,
        help='Bound on clients which wait for a change (long-poll). Above '
             'it the present head is answered at once, with Retry-After.'),
    cfg.IntOpt(
        'waiters_per_address_max', default=2_000, min=0,
        help='The same bound for one client address; many VNFs may stand '
             'behind one.'),
    cfg.IntOpt(
        'wait_max_seconds', default=60, min=1, max=600,
        help='The longest wait a client may ask for.'),
    cfg.FloatOpt(
        'rate_per_address_per_second', default=2_000.0, min=0.001,
        help='Requests per second which one client address may make in the '
             'long run.'),
    cfg.IntOpt(
        'rate_burst_per_address', default=10_000, min=1,
        help='Requests which one client address may make at once after a '
             'quiet time.'),
    cfg.FloatOpt(
        'rate_per_key_per_second', default=200.0, min=0.001,
        help='Submissions per second of one sender key, enrolled or not, '
             'before they reach admission.'),
    cfg.IntOpt(
        'rate_burst_per_key', default=2_000, min=1,
        help='Submissions of one sender key at once after a quiet time.'),
    cfg.ListOpt(
        'trusted_proxies', default=[],
        help='Networks (CIDR) of proxies whose X-Forwarded-For header names '
             'the client. Empty: the header is ignored.'),
    cfg.IntOpt(
        'connections_max', default=30_000, min=1,
        help='Bound on open connections.'),
    cfg.IntOpt(
        'keep_alive_seconds', default=120, min=1, max=3600,
        help='How long an idle connection stays open.'),
    cfg.IntOpt(
        'receive_timeout_seconds', default=30, min=1, max=600,
        help='How long a client may take to send one request body.'),
]

OPERATOR_GROUP = cfg.OptGroup(
    'operator', title='Operator door',
    help='The HTTP door of those who run the node: status, peers, '
         'enrolment, disk use, evidence.')

OPERATOR_OPTIONS = [
    cfg.BoolOpt(
        'enabled', default=True,
        help='Serve the operator door from the node process. Switch it off '
             'where a WSGI server runs it.'),
    cfg.HostAddressOpt(
        'host', default='127.0.0.1',
        help='Address to listen on.'),
    cfg.PortOpt(
        'port', default=8978,
        help='Port to listen on.'),
    cfg.StrOpt(
        'auth_strategy', default='keystone',
        choices=[('keystone', 'tokens, roles and oslo.policy'),
                 ('noauth', 'none: for loopback only')],
        help='How callers are known.'),
    cfg.BoolOpt(
        'plain_http', default=False,
        help='Serve without TLS. Refused unless host is a loopback '
             'address.'),
    cfg.StrOpt(
        'node', default='',
        help='Name of the member which a door under a WSGI server asks by '
             'RPC; empty: any that answers.'),
    cfg.IntOpt(
        'threads', default=4, min=1, max=64,
        help='Requests served at a time.'),
]
