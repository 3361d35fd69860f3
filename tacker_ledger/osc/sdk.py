# SPDX-License-Identifier: Apache-2.0
"""The service ``vnf-ledger`` for openstacksdk.

::

    connection.add_service(sdk.VnfLedger('vnf-ledger'))
    connection.vnf_ledger.create_enrolment(key_id=..., label=...)
    with connection.vnf_ledger.tenant() as tenant: ...

The proxy's own calls go to a node's operator door, found in the catalogue.
:meth:`Proxy.tenant` needs no cloud and no catalogue.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import os
from typing import Any

from keystoneauth1 import noauth
from keystoneauth1 import session as keystone_session
from openstack import exceptions
from openstack import proxy
from openstack import resource
from openstack import service_description

from tacker_ledger.tenant_client import client as client_module

SERVICE_TYPE = 'vnf-ledger'
#: What is only shown to people need not be of a certain version.
_LATEST = 'latest'


class Enrolment(resource.Resource):
    """A key that may write to the ledger."""

    base_path = '/v1/enrolments'
    resources_key = 'enrolments'
    allow_create = True
    allow_list = True
    allow_delete = True

    #: Key id in hex.
    key_id = resource.Body('key_id', alternate_id=True)
    #: For people.
    label = resource.Body('label')
    #: Index of the member that enrolled it.
    member = resource.Body('member', type=int)


class Peer(resource.Resource):
    """Another member, as the node sees it."""

    base_path = '/v1/peers'
    resources_key = 'peers'
    allow_list = True

    name = resource.Body('name', alternate_id=True)
    member = resource.Body('member', type=int)
    address = resource.Body('address')
    is_up = resource.Body('up', type=bool)
    #: Newest block it says it has.
    height = resource.Body('height', type=int)
    #: View of its newest message; since 1.1.
    view = resource.Body('view', type=int)
    #: 16 bytes in hex, drawn by its process; None while it is not up.
    instance = resource.Body('instance')
    #: Something came so long ago; since 1.1.
    heard_ms = resource.Body('heard_ms', type=int)
    queued_bytes = resource.Body('queued_bytes', type=int)
    #: Frames for which there was no room.
    dropped = resource.Body('dropped', type=int)
    last_error = resource.Body('last_error')


class Proxy(proxy.Proxy):
    """Calls of the operator door, and the way to the tenant client."""

    #: The door has one version; asking for it would cost a request.
    skip_discovery = True
    api_version = '1'

    def create_enrolment(self, **attributes: Any) -> Enrolment:
        """Let a key write; told to all members.

        :param attributes: ``key_id`` in hex and ``label``
        """
        return self._create(Enrolment, **attributes)

    def enrolments(self) -> Iterator[Enrolment]:
        """Return the keys that may write."""
        return self._list(Enrolment)

    def delete_enrolment(self, enrolment: str | Enrolment,
                         ignore_missing: bool = True) -> None:
        """Take an enrolment back.

        :param enrolment: an enrolment or its key id in hex
        """
        self._delete(Enrolment, enrolment, ignore_missing=ignore_missing)

    def peers(self) -> Iterator[Peer]:
        """Return the other members as the node sees them."""
        return self._list(Peer, microversion=_LATEST)

    def node_status(self) -> dict[str, Any]:
        """Return how the node does."""
        return self._asked('/v1/status')

    def evidence(self) -> list[dict[str, Any]]:
        """Return the proofs of members' faults that the node keeps."""
        found = self._asked('/v1/evidence').get('evidence')
        return [one for one in found if isinstance(one, dict)] if isinstance(
            found, list) else []

    def _asked(self, path: str) -> dict[str, Any]:
        response = self.get(path, microversion=_LATEST)
        exceptions.raise_from_response(response)
        found = response.json()
        return found if isinstance(found, dict) else {}

    def tenant(self, directory: str | os.PathLike[str] | None = None,
               nodes: Sequence[str] = ()) -> client_module.TenantClient:
        """Return the tenant client of a directory (a context manager).

        :param directory: None for the environment's, else the default
        :param nodes: ``URL`` or ``MEMBER=URL`` instead of the profile's
        :raises BadOption: the directory has no profile
        """
        return client_module.TenantClient.open(directory, nodes)


class VnfLedger(service_description.ServiceDescription):
    """How openstacksdk finds the service."""

    supported_versions = {'1': Proxy}


def make_proxy(connection: Any = None) -> Proxy:
    """Return the proxy, with a connection to a cloud or without.

    :param connection: an ``openstack.connection.Connection``; None: only
        :meth:`Proxy.tenant` can be used
    """
    if connection is None:
        return Proxy(keystone_session.Session(auth=noauth.NoAuth()),
                     service_type=SERVICE_TYPE)
    connection.add_service(VnfLedger(SERVICE_TYPE))
    made: Proxy = connection.vnf_ledger
    return made
