# SPDX-License-Identifier: Apache-2.0
"""The tenant client: everything a tenant does, from one object.

::

    with client.TenantClient.open() as tenant:
        key = tenant.keys.choose(None)
        vnf = tenant.vnfs.find('firewall')
        tenant.configurations.create(
            key, vnf.key, applier='nftables', target='inet filter',
            data=rules, name='edge-rules')

Every read is proven, every write can be waited for with its proof, and
every failure is one error of :mod:`tacker_ledger.core.errors`.
"""

from collections.abc import Sequence
import os
from types import TracebackType
from typing import Self

from tacker_ledger.tenant_client import audit
from tacker_ledger.tenant_client import blocks
from tacker_ledger.tenant_client import configurations
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import groups
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys
from tacker_ledger.tenant_client import ledger
from tacker_ledger.tenant_client import migration
from tacker_ledger.tenant_client import migration_steps
from tacker_ledger.tenant_client import profile as profile_module
from tacker_ledger.tenant_client import receipts
from tacker_ledger.tenant_client import requests
from tacker_ledger.tenant_client import sender
from tacker_ledger.tenant_client import store as store_module
from tacker_ledger.tenant_client import templates
from tacker_ledger.tenant_client import vnfs


class TenantClient:
    """One tenant's directory, keys and view of one chain.

    Not for several threads at once; several processes may share the
    directory.

    :param store: the directory
    :param profile: which chain, which nodes
    """

    def __init__(self, store: store_module.Store,
                 profile: profile_module.Profile) -> None:
        self.store = store
        self.profile = profile
        self.keys = keys.KeyRing(
            store, profile_module.open_keystore(store, profile),
            profile.provider)
        self.inventory = inventory.Inventory(store)
        self.ledger = ledger.Ledger(profile, store)
        self.context = context = context_module.Context(
            store, profile, self.keys, self.inventory, self.ledger,
            sender.Sender(self.ledger, profile.commit_timeout_seconds))
        self.groups = groups.Groups(context)
        self.receipts = receipts.Receipts(context)
        self.vnfs = vnfs.Vnfs(context, self.groups, self.receipts)
        self.templates = templates.Templates(context)
        self.configurations = configurations.Configurations(
            context, self.templates)
        self.requests = requests.Requests(context)
        self.migrations = migration.Migrations(
            context, migration_steps.Steps(context, self.requests,
                                           self.receipts, self.vnfs))
        self.audit = audit.Audit(context)
        self.blocks = blocks.Blocks(self.ledger)

    @classmethod
    def open(cls, directory: str | os.PathLike[str] | None = None,
             nodes: Sequence[str] = ()) -> Self:
        """Return the client of a directory that has a profile.

        :param directory: None for the environment's, else the default
        :param nodes: ``URL`` or ``MEMBER=URL`` instead of the profile's
        :raises BadOption: there is no profile, or an option cannot be
        """
        store = store_module.Store(
            directory or profile_module.default_directory())
        return cls(store, profile_module.load(store, nodes))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Keep what was proven and give the sockets back."""
        self.ledger.close()
