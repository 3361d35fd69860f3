# SPDX-License-Identifier: Apache-2.0
"""Makes a running agent out of a bootstrap document and a state directory.

The document counts at the first start only: later the saved state does, and
a document of another chain or another instance is refused, so that a copied
image does not go on with the keys of its original.
"""

from collections.abc import Callable
import dataclasses
import pathlib
from typing import Any

from oslo_log import log as logging
import stevedore
from stevedore import exception as stevedore_exception

from tacker_ledger.core.configuration import bootstrap as document_module
from tacker_ledger.core.configuration import trust as trust_module
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import light_client
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.keystore import base as keystore_module
from tacker_ledger.keystore import file as file_keystore
from tacker_ledger.transport import client as client_module
from tacker_ledger.vnf_client import agent as agent_module
from tacker_ledger.vnf_client import alarms
from tacker_ledger.vnf_client.appliers import base as applier_base
from tacker_ledger.vnf_client import apply as apply_module
from tacker_ledger.vnf_client import evidence
from tacker_ledger.vnf_client import fetch
from tacker_ledger.vnf_client import files
from tacker_ledger.vnf_client import inbox
from tacker_ledger.vnf_client import keys as keys_module
from tacker_ledger.vnf_client import payloads
from tacker_ledger.vnf_client import reporter
from tacker_ledger.vnf_client import resolve
from tacker_ledger.vnf_client import settings as settings_module
from tacker_ledger.vnf_client import state as state_module
from tacker_ledger.vnf_client import timekeeper as timekeeper_module

LOG = logging.getLogger(__name__)

_KEYSTORES = 'tacker_ledger.keystores'


def read_document(path: str) -> document_module.Bootstrap:
    """Return the bootstrap document in a file.

    :raises BadOption: the file cannot be read
    :raises BadDocument: it is no such document
    """
    try:
        with open(path, 'rb') as file:
            text = file.read(document_module.DOCUMENT_MAX_BYTES + 1)
    except OSError as exc:
        raise errors.BadOption(
            f'bootstrap_file: {path}: {exc.strerror}.',
            option='bootstrap_file') from exc
    return document_module.parse(text)


def open_keystore(conf: Any, directory: pathlib.Path,
                  provider: provider_module.Provider
                  ) -> keystore_module.Keystore:
    """Return the keystore that the options name.

    :raises BadOption: there is no such driver, or a wrong passphrase file
    """
    group = conf.vnf_client
    passphrase = (file_keystore.read_passphrase(group.key_passphrase_file)
                  if group.key_passphrase_file else None)
    try:
        driver: Any = stevedore.DriverManager(_KEYSTORES,
                                              group.keystore).driver
    except stevedore_exception.NoMatches as exc:
        raise errors.BadOption(
            f'keystore: there is no driver {group.keystore!r}.',
            option='keystore') from exc
    keystore: keystore_module.Keystore = driver(
        directory / 'keys', passphrase=passphrase, provider=provider)
    return keystore


def from_conf(conf: Any) -> agent_module.Agent:
    """Return the agent that an oslo.config object describes.

    The state directory is locked for as long as the process lives.

    :raises LedgerError: it cannot be; the message names the option
    """
    settings = settings_module.Settings.from_conf(conf)
    document = read_document(conf.vnf_client.bootstrap_file)
    provider = (providers.use(conf.vnf_client.crypto_provider)
                if conf.vnf_client.crypto_provider else providers.default())
    files.make_directory(settings.directory)
    files.lock(settings.directory)
    return build(
        document, settings, provider,
        open_keystore(conf, settings.directory, provider),
        apply_module.load_appliers(conf.vnf_client.appliers, conf),
        timekeeper_module.SystemClocks())


def build(document: document_module.Bootstrap,
          settings: settings_module.Settings,
          provider: provider_module.Provider,
          keystore: keystore_module.Keystore,
          appliers: dict[str, applier_base.Applier],
          clocks: timekeeper_module.Clocks) -> agent_module.Agent:
    """Return an agent made of its parts.

    :raises BadDocument: the document is another instance's or chain's than
        the saved state
    :raises LedgerError: the document or the state is wrong
    """
    directory = files.make_directory(settings.directory)
    state_file = state_module.StateFile(directory)
    saved = state_file.load()
    keys = keys_module.Keys(keystore, provider, settings.suite)
    state = saved or _first_state(document, provider, keys)
    _check_same(document, state)
    light = light_client.LightClient(
        provider, trusted_state.TrustedState.from_bytes(state.trusted))
    h = light.h
    timekeeper = timekeeper_module.Timekeeper(
        clocks, document.floor.time_ms, state.time,
        _bound(settings, light))
    client = client_module.LedgerClient(
        document.nodes, light.trusted.federation,
        ca_pem=document.ca or None, provider=provider,
        timeout_seconds=settings.request_timeout_seconds)
    fetcher = fetch.Fetcher(
        client, light, provider, timekeeper, evidence.Evidence(
            directory / 'evidence', h, provider,
            settings.evidence_max_count))
    store = payloads.PayloadStore(directory / 'payloads', h)
    agent = agent_module.Agent(
        h=h, provider=provider, settings=settings,
        interval_seconds=(settings.interval_seconds
                          or document.interval_seconds),
        keys=keys, fetcher=fetcher,
        inbox=inbox.Inbox(provider, fetcher, keys),
        loader=resolve.Loader(provider, fetcher, keys), store=store,
        machine=apply_module.Machine(directory, appliers, store,
                                     settings.health),
        reporter=reporter.Reporter(h, provider, keys, timekeeper,
                                   settings.receipt_delay_max_seconds),
        timekeeper=timekeeper, alarms=alarms.Alarms(), file=state_file,
        state=state, boot_id=clocks.boot_id())
    if saved is None:
        agent.save(state)
    return agent


def _bound(settings: settings_module.Settings,
           light: light_client.LightClient) -> Callable[[], int]:
    """Return what tells how old a fresh head may be, in milliseconds."""
    def bound_ms() -> int:
        heartbeat_ms = light.trusted.federation.parameters.heartbeat_ms
        return max(settings.fresh_heartbeats * heartbeat_ms,
                   int(settings.fresh_min_seconds * 1000))
    return bound_ms


def _first_state(document: document_module.Bootstrap,
                 provider: provider_module.Provider,
                 keys: keys_module.Keys) -> state_module.AgentState:
    """Return the state of an agent that starts for the first time."""
    trusted = trusted_state.TrustedState.bootstrap(
        provider, document.chain_id, document.federation,
        trusted_state.Floor(*dataclasses.astuple(document.floor)))
    LOG.info('First start; this VNF is %s', keys.own_ids[-1].hex())
    return state_module.AgentState(
        instance_uuid=document.instance_uuid, chain_id=document.chain_id,
        trusted=trusted.to_bytes(),
        time=state_module.SavedTime(document.floor.time_ms),
        trust=trust_module.Trust(
            commanders=tuple(trust_module.Commander(key)
                             for key in document.commanders),
            references=tuple(key.key_id for key in document.references),
            allow_unpinned_references=document.allow_unpinned_references,
            recovery_id=document.recovery_key_id, own_ids=keys.own_ids))


def _check_same(document: document_module.Bootstrap,
                state: state_module.AgentState) -> None:
    if document.chain_id != state.chain_id:
        raise errors.BadDocument(
            'The bootstrap document is of another chain than the saved '
            'state.', member='chain_id')
    if document.instance_uuid != state.instance_uuid:
        raise errors.BadDocument(
            'The bootstrap document is of another instance than the saved '
            'state: an image with the keys of a VNF was copied. Remove the '
            'state directory to start a new VNF.', member='instance_uuid')
