# SPDX-License-Identifier: Apache-2.0
"""The door for those who run the node: status, peers, enrolment.

A WSGI application: Falcon under oslo.middleware and keystonemiddleware,
each action judged by oslo.policy.  It runs in threads of the node's process
or under a WSGI server (:mod:`~.operator_wsgi`), where it reaches the node
by RPC; both back ends have the same methods.
"""

from collections.abc import Callable
import json
from typing import Any
from typing import Protocol

import falcon
from oslo_context import context as oslo_context
from oslo_log import log as logging
from oslo_middleware import healthcheck
from oslo_middleware import http_proxy_to_wsgi
from oslo_middleware import request_id
from oslo_middleware import sizelimit
from oslo_policy import policy

from tacker_ledger.api import errors as api_errors
from tacker_ledger.api import microversion
from tacker_ledger.api import noauth
from tacker_ledger.api import parameters
from tacker_ledger.api.schemas import operator_openapi
from tacker_ledger.api import shown
from tacker_ledger import conf as conf_module
from tacker_ledger.core import errors
from tacker_ledger.policies import enforcer as enforcer_module
from tacker_ledger.policies import enrolments as enrolment_rules
from tacker_ledger.policies import node as node_rules

LOG = logging.getLogger(__name__)

_KEY_ID_BYTES = 32
LABEL_MAX_CHARS = 255
BODY_MAX_BYTES = 16 * 1024
USAGE_MAX_COUNT = 10_000


class Backend(Protocol):
    """A node, called from a thread: ``BlockingFacade`` or ``NodeClient``."""

    def status(self) -> dict[str, Any]: ...

    def peers(self) -> list[dict[str, Any]]: ...

    def usage(self) -> list[dict[str, Any]]: ...

    def evidence(self) -> list[dict[str, Any]]: ...

    def enrolments(self) -> list[dict[str, Any]]: ...

    def enrol(self, key_id: bytes, label: str = '') -> dict[str, Any]: ...

    def unenrol(self, key_id: bytes) -> None: ...


class _Resource:
    def __init__(self, backend: Backend, enforcer: policy.Enforcer) -> None:
        self.backend = backend
        self._enforcer = enforcer

    def allow(self, req: Any, rule: str) -> None:
        """Let a caller go on.

        :raises Forbidden: the policy does not
        """
        context = oslo_context.RequestContext.from_environ(req.env)
        try:
            self._enforcer.authorize(rule, {}, context.to_policy_values(),
                                     do_raise=True)
        except (policy.PolicyNotAuthorized, policy.InvalidScope) as error:
            raise errors.Forbidden(f'The policy does not allow {rule}.',
                                   rule=rule) from error


class Versions(_Resource):
    """Which versions are served; open, for the catalogue's sake."""

    def on_get(self, req: Any, resp: Any) -> None:
        """Answer with the version document."""
        _write(resp, microversion.document(req.prefix))


class Description(_Resource):
    """The interface in OpenAPI 3.1."""

    def on_get(self, req: Any, resp: Any) -> None:
        """Answer with the document."""
        _write(resp, operator_openapi.document())


class Status(_Resource):
    """How the node does."""

    def on_get(self, req: Any, resp: Any) -> None:
        """Answer with the node's status."""
        self.allow(req, node_rules.STATUS)
        _write(resp, shown.status(self.backend.status(),
                                  req.context.version, to_operator=True))


class Peers(_Resource):
    """The other members as this node sees them."""

    def on_get(self, req: Any, resp: Any) -> None:
        """Answer with one record per member."""
        self.allow(req, node_rules.PEERS)
        _write(resp, {'peers': shown.peers(self.backend.peers(),
                                           req.context.version)})


class Usage(_Resource):
    """Disk use per sending key, the largest first."""

    def on_get(self, req: Any, resp: Any) -> None:
        """Answer with at most ``limit`` records."""
        self.allow(req, node_rules.USAGE)
        asked = parameters.parse(req.query_string.encode(), ('limit',))
        limit = asked.integer('limit', 1000, low=1, high=USAGE_MAX_COUNT)
        _write(resp, {'usage': self.backend.usage()[:limit]})


class Evidence(_Resource):
    """Kept proofs of members' faults."""

    def on_get(self, req: Any, resp: Any) -> None:
        """Answer with the proofs, the newest last."""
        self.allow(req, node_rules.EVIDENCE)
        _write(resp, {'evidence': shown.evidence(self.backend.evidence(),
                                                 req.context.version)})


class Enrolments(_Resource):
    """The keys that may write."""

    def on_get(self, req: Any, resp: Any) -> None:
        """Answer with the enrolled keys."""
        self.allow(req, enrolment_rules.LIST)
        _write(resp, {'enrolments': self.backend.enrolments()})

    def on_post(self, req: Any, resp: Any) -> None:
        """Enrol a key."""
        self.allow(req, enrolment_rules.CREATE)
        key_id, label = _enrolment(_body(req))
        made = self.backend.enrol(key_id, label)
        LOG.info('Enrolled key %s', key_id.hex())
        _write(resp, made, 201)
        resp.location = f'{req.prefix}/v1/enrolments/{key_id.hex()}'


class Enrolment(_Resource):
    """One enrolled key."""

    def on_delete(self, req: Any, resp: Any, key_id: str) -> None:
        """Take the enrolment back."""
        self.allow(req, enrolment_rules.DELETE)
        parsed = parameters.from_hex('key id', key_id, _KEY_ID_BYTES)
        self.backend.unenrol(parsed)
        LOG.info('Took back the enrolment of key %s', key_id)
        resp.status = 204


ROUTES: tuple[tuple[str, type[_Resource]], ...] = (
    ('/', Versions),
    ('/v1/openapi.json', Description),
    ('/v1/status', Status),
    ('/v1/peers', Peers),
    ('/v1/usage', Usage),
    ('/v1/evidence', Evidence),
    ('/v1/enrolments', Enrolments),
    ('/v1/enrolments/{key_id}', Enrolment),
)
#: What may be asked without a token.
OPEN_PATHS = frozenset(('/', '/v1/openapi.json'))


def _write(resp: Any, data: Any, status: int = 200) -> None:
    resp.status = status
    resp.content_type = 'application/json'
    resp.set_header('Cache-Control', 'no-store')
    resp.data = json.dumps(data).encode()


def _body(req: Any) -> dict[str, Any]:
    # A page of another origin cannot send this type unasked.
    if (req.content_type or '').partition(';')[0].strip().lower() \
            != 'application/json':
        raise falcon.HTTPUnsupportedMediaType(
            description='The body has to be application/json.')
    data = req.bounded_stream.read(BODY_MAX_BYTES + 1)
    if len(data) > BODY_MAX_BYTES:
        raise errors.TooLarge('The body is too large.', limit=BODY_MAX_BYTES)
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise errors.Malformed('The body is no JSON.') from error
    if not isinstance(parsed, dict):
        raise errors.Malformed('The body is no JSON object.')
    return parsed


def _enrolment(body: dict[str, Any]) -> tuple[bytes, str]:
    if unknown := body.keys() - {'key_id', 'label'}:
        raise errors.BadOption(f'There is no member {min(unknown)!r:.80}.',
                               known=['key_id', 'label'])
    key_id, label = body.get('key_id'), body.get('label', '')
    if not isinstance(key_id, str):
        raise errors.BadOption('Member key_id has to be text.',
                               option='key_id')
    if (not isinstance(label, str) or len(label) > LABEL_MAX_CHARS
            or not label.isprintable()):
        raise errors.BadOption(
            f'Member label has to be text of at most {LABEL_MAX_CHARS} '
            'printable characters.', option='label')
    return parameters.from_hex('key_id', key_id, _KEY_ID_BYTES), label


class _Entrance:
    """Middleware of Falcon: who is known, and in which version."""

    def process_request(self, req: Any, resp: Any) -> None:
        req.context.version = microversion.negotiate(
            req.get_header(microversion.HEADER), resp)
        if req.path not in OPEN_PATHS and \
                req.env.get('HTTP_X_IDENTITY_STATUS') != 'Confirmed':
            raise errors.Unauthenticated('A valid token is needed.')


def _on_ledger_error(_req: Any, resp: Any, error: errors.LedgerError,
                     _params: Any) -> None:
    api_errors.write(resp, error)


def _on_http_error(_req: Any, resp: Any, error: falcon.HTTPError,
                   _params: Any) -> None:
    api_errors.write_http(resp, error)


def _on_fault(req: Any, resp: Any, error: Exception, _params: Any) -> None:
    api_errors.write_unexpected(resp, error, req.method, req.path)


def make_routes(conf: Any, backend: Backend) -> falcon.App:
    """Return the bare application, which believes what it is told of callers.

    Something that establishes who they are has to stand before it.

    :param conf: with group ``oslo_policy``
    """
    enforcer = enforcer_module.make_enforcer(conf)
    enforcer.load_rules()
    app = falcon.App(middleware=[_Entrance()])
    app.add_error_handler(Exception, _on_fault)
    app.add_error_handler(falcon.HTTPError, _on_http_error)
    app.add_error_handler(errors.LedgerError, _on_ledger_error)
    for template, resource in ROUTES:
        app.add_route(template, resource(backend, enforcer))
    return app


def make_application(conf: Any, backend: Backend) -> Callable[..., Any]:
    """Return the WSGI application with all that stands before it.

    :param conf: with groups ``operator``, ``keystone_authtoken`` (for the
        strategy keystone), ``oslo_policy`` and ``oslo_middleware``
    :raises BadOption: an option is missing; the message names it
    """
    app = make_routes(conf, backend)
    if conf.operator.auth_strategy == 'noauth':
        wrapped: Any = noauth.NoAuth(app)
    else:
        wrapped = _with_keystone(conf, app)
    for middleware in (sizelimit.RequestBodySizeLimiter,
                       http_proxy_to_wsgi.HTTPProxyToWSGI):
        wrapped = middleware(wrapped, conf)
    made: Callable[..., Any] = request_id.RequestId(
        _Healthchecked(wrapped, healthcheck.Healthcheck(None, conf)), conf)
    return made


class _Healthchecked:
    """WSGI middleware: a path for load balancers, which have no token."""

    PATH = '/healthcheck'

    def __init__(self, application: Any, check: Any) -> None:
        self._application = application
        self._check = check

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        chosen = (self._check if environ.get('PATH_INFO') == self.PATH
                  else self._application)
        return chosen(environ, start_response)


def _with_keystone(conf: Any, app: Any) -> Any:
    # Whether a token is needed is decided above: the version document is
    # for everybody, and a refusal has the form of all our errors.
    # Imported here because it takes a fifth of a start's time, and whoever
    # authenticates otherwise has no use for it.
    from keystoneauth1 import exceptions as keystone_exceptions
    from keystonemiddleware import auth_token
    group = 'keystone_authtoken'
    try:
        authenticated = auth_token.AuthProtocol(
            app, {'oslo_config_config': conf, 'delay_auth_decision': True})
    except keystone_exceptions.MissingRequiredOptions as error:
        raise conf_module.missing(
            ', '.join(option.name for option in error.options), group
        ) from error
    except keystone_exceptions.NoMatchingPlugin as error:
        raise conf_module.bad('auth_type', group, str(error)) from error
    options = conf.keystone_authtoken
    if not options.auth_type and not options.auth_section:
        raise conf_module.missing('auth_type', group)
    return authenticated
