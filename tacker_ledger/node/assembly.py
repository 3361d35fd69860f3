# SPDX-License-Identifier: Apache-2.0
"""What a node is put together from, made as its configuration says."""

import ssl
from typing import Any

from stevedore import driver
from stevedore import exception as stevedore_exceptions

from tacker_ledger import conf as conf_module
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import state_map
from tacker_ledger.node import identity as identity_module
from tacker_ledger.storage import store as store_module
from tacker_ledger.transport import link
from tacker_ledger.transport import peers

ENGINES = 'tacker_ledger.engines'
ADMISSIONS = 'tacker_ledger.admission'


class _StoredMap(state_map.StateMap):
    """The map whose array the store itself brings in step with a block."""

    def commit(self, overlay: state_map.Overlay) -> None:
        """Do nothing: the writer's thread has done it."""


def application(store: store_module.LedgerStore,
                provider: provider_module.Provider,
                pool: application_module.Pool
                ) -> application_module.Application:
    """Return the ledger over a store, as its newest block left it."""
    return application_module.Application(
        store.h, provider, view=store.state,
        tree=_StoredMap(store.h, store.nodes, store.state),
        federation=store.federation(), head=store.head(), pool=pool)


def check_place(conf: Any, identity: identity_module.NodeIdentity,
                ledger: application_module.LedgerApplication) -> None:
    """Raise unless this release can take part at the next height.

    :raises BadOption: the federation uses another engine
    :raises UnsupportedVersion: rules in force are not known here
    """
    federation = ledger.federation
    federation.rules_at(ledger.head.height + 1)
    if federation.document.engine != conf.node.engine:
        raise conf_module.bad('engine', 'node', 'the federation uses '
                              f'{federation.document.engine}')


def check_keys(conf: Any, provider: provider_module.Provider,
               identity: identity_module.NodeIdentity,
               federation: federation_module.Federation) -> None:
    """Raise if this node is a member by name, but not by its keys.

    :param federation: in force at the start
    :raises BadOption: nor does the newest document known name its keys
    """
    named = [member for document in (federation, identity.newest)
             if document is not None for member in document.members
             if member.name == identity.name]
    answer_keys = [provider.ed25519_public(seed)
                   for seed in identity_module.answer_seeds(conf)]
    for option, is_ours in (
            ('vote_key_file', [member.vote_key in identity.vote_keys
                               for member in named]),
            ('answer_key_file', [member.answer_key in answer_keys
                                 for member in named])):
        if named and not any(is_ours):
            raise conf_module.bad(
                option, 'node', f'not the key of {identity.name} in the '
                f'federation of epoch {federation.epoch}; if a later '
                'document names it, set newest_federation_document')


def load_driver(namespace: str, conf: Any, option: str,
                *arguments: Any) -> Any:
    """Return the driver that an option of ``[node]`` names, made.

    :raises BadOption: there is none of that name
    """
    name = conf.node[option]
    try:
        return driver.DriverManager(namespace, name, invoke_on_load=True,
                                    invoke_args=arguments).driver
    except stevedore_exceptions.NoMatches:
        raise conf_module.bad(
            option, 'node',
            f'{name!r} is not installed in {namespace}') from None


def hub(conf: Any, handler: link.Handler, node_key: bytes,
        server: ssl.SSLContext, client: ssl.SSLContext) -> peers.PeerHub:
    """Return the links to the other members, none of them up.

    :param node_key: the own one
    :param server: context for those who dial us
    :param client: context for those we dial
    """
    options = conf.node
    return peers.PeerHub(
        node_key, handler, server, client, peers.Settings(
            options.peer_queue_max_bytes, options.ping_interval_seconds,
            options.reconnect_max_seconds))
