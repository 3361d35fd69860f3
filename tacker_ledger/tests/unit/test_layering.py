# SPDX-License-Identifier: Apache-2.0
"""Imports point inwards only: the table of the architecture as a test.

The walker reads every module as text, so it also sees modules whose
third-party packages are not installed here.
"""

import ast
import collections
from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
import pathlib
import sys

from tacker_ledger.tests import base

PACKAGE = 'tacker_ledger'
ROOT = base.CHECKOUT / PACKAGE

#: What an area of the package may import of ours, itself always included.
#: A name may go deeper than an area (``node.submit``).
MAY_IMPORT = {
    # ring 0 and the leaves
    'core': (),
    'conf': ('core',),
    'policies': ('conf',),
    'version': (),
    # ring 1
    'storage': ('core', 'conf'),
    'keystore': ('core', 'conf'),
    'transport': ('core', 'conf'),
    'bitcoin': ('core', 'conf'),
    'messaging': ('core', 'conf'),
    # ring 2
    'node': ('core', 'storage', 'keystore', 'transport', 'messaging', 'conf'),
    'vnf_client': ('core', 'keystore', 'transport', 'conf'),
    'tenant_client': ('core', 'keystore', 'transport', 'messaging', 'conf'),
    'securelog': ('core', 'storage', 'keystore', 'bitcoin', 'messaging',
                  'transport', 'conf'),
    # ring 3
    'api': ('node.submit', 'node.query', 'messaging', 'policies', 'core',
            'conf'),
    'osc': ('tenant_client', 'securelog.client', 'messaging', 'core', 'conf'),
    'horizon': ('tenant_client', 'securelog.client', 'messaging', 'core',
                'conf'),
    'tacker_driver': ('tenant_client', 'securelog.client', 'messaging',
                      'core', 'conf'),
    # plays the clients of nodes that it starts, and makes their chains
    'bench': ('core', 'conf', 'storage', 'transport', 'node', 'securelog',
              'version'),
    'cmd': ('core', 'conf', 'policies', 'storage', 'keystore', 'transport',
            'bitcoin', 'messaging', 'node', 'vnf_client', 'tenant_client',
            'securelog', 'api', 'osc', 'horizon', 'tacker_driver', 'bench'),
}

#: Ours, but not for this area although the area above it is allowed.
NOT_EVEN = {
    # only the client half of the transport leaves the federation
    'vnf_client': ('transport.peers',),
    'tenant_client': ('transport.peers',),
    'securelog': ('transport.peers',),
    'api': ('core.consensus',),
    # no private key of anybody enters Tacker or Horizon
    'horizon': ('tenant_client.keys',),
    'tacker_driver': ('tenant_client.keys',),
}

#: Module -> what it alone may import beside its area's share.
ONLY_HERE = {
    'messaging': ('tenant_client.steward',),
    'openstack': ('tenant_client.console', 'tenant_client.migration',
                  'tenant_client.sfc'),
    'tackerclient': ('tenant_client.console', 'tenant_client.migration',
                     'tenant_client.sfc'),
}

#: The standard library as far as it neither waits, nor draws, nor asks.
PURE = frozenset((
    '__future__', 'abc', 'base64', 'binascii', 'bisect', 'collections',
    'contextlib', 'copy', 'dataclasses', 'enum', 'functools', 'hashlib',
    'heapq', 'hmac', 'ipaddress', 'itertools', 'json', 'math', 'operator',
    're', 'string', 'struct', 'types', 'typing', 'unicodedata', 'zlib'))
CORE_THIRD_PARTY = frozenset(('cbor2',))
PROVIDERS = 'core.crypto.providers'
PROVIDERS_MAY = frozenset(('Crypto', 'cryptography', 'secrets'))

#: Nowhere in the package.
BANNED = frozenset((
    'eventlet', 'greenlet', 'pickle', 'cPickle', 'dill', 'marshal', 'shelve'))

#: By area: a prefix of a third-party package's name.
BANNED_BY_AREA = {
    'vnf_client': ('sqlalchemy', 'alembic', 'lmdb', 'keystone',
                   'oslo_messaging', 'oslo_db', 'tacker', 'openstack'),
    'storage': ('keystone', 'oslo_messaging', 'openstack', 'tacker'),
    'transport': ('oslo_messaging', 'oslo_db', 'openstack', 'tacker'),
    'keystore': ('oslo_messaging', 'oslo_db', 'openstack', 'tacker'),
    'node': ('openstack', 'tacker', 'keystoneclient'),
}

#: What the image of a VNF holds: requirements.txt, the vnf-client extra and
#: what these install themselves.
IN_A_VNF_IMAGE = frozenset((
    'Crypto', 'cbor2', 'oslo_config', 'oslo_context', 'oslo_i18n', 'oslo_log',
    'oslo_serialization', 'oslo_utils', 'pbr', 'requests', 'stevedore',
    'urllib3'))

#: (module, import) pairs which load late on purpose, with the reason.
LAZY = {
    (PROVIDERS, f'{PACKAGE}.{PROVIDERS}.openssl'):
        'a process loads the one library that it uses',
    (PROVIDERS, f'{PACKAGE}.{PROVIDERS}.pycryptodome'):
        'a process loads the one library that it uses',
    ('osc.plugin', f'{PACKAGE}.osc.sdk'):
        'OpenStackClient loads plugins at every start, whatever is asked',
    ('api.operator', 'keystoneauth1'):
        'a fifth of the time of a start, in vain where Keystone is not asked',
    ('api.operator', 'keystonemiddleware'): 'the same',
    ('bench.figures', 'matplotlib'): 'an extra, for the report alone',
    ('bench.figures', 'matplotlib.figure'): 'the same',
}


@dataclasses.dataclass(frozen=True, slots=True)
class Import:
    """One imported module, absolute, as the source names it."""

    target: str
    line: int
    late: bool

    @property
    def top(self) -> str:
        return self.target.partition('.')[0]


class _Collector(ast.NodeVisitor):
    """Collects imports, those by a call of the import machinery too."""

    def __init__(self, package: str, known: frozenset[str]):
        self.package = package
        self.known = known
        self.depth = 0
        self.found: list[Import] = []

    def _add(self, target: str, node: ast.AST, late: bool = False):
        self.found.append(Import(target, node.lineno, late or self.depth > 0))

    def visit_FunctionDef(self, node):
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_Lambda = visit_FunctionDef

    def visit_Import(self, node):
        for alias in node.names:
            self._add(alias.name, node)

    def visit_ImportFrom(self, node):
        source = node.module or ''
        if node.level:
            parents = self.package.split('.')
            parents = parents[:len(parents) - node.level + 1]
            source = '.'.join(parents + ([source] if source else []))
        for alias in node.names:
            inner = f'{source}.{alias.name}'
            # "from package import module" means the module, unless the name
            # is known to be something inside the package's own file.
            ours = source == PACKAGE or source.startswith(PACKAGE + '.')
            self._add(inner if ours and inner in self.known else source, node)

    def visit_Call(self, node):
        name = ast.unparse(node.func)
        if name in ('__import__', 'importlib.import_module', 'import_module'):
            literal = node.args[0] if node.args else None
            target = getattr(literal, 'value', None)
            self._add(target if isinstance(target, str) else '?', node, True)
        self.generic_visit(node)


def imports_of(module: str, source: str, is_package: bool = False,
               known: Iterable[str] = ()) -> list[Import]:
    """Return what ``source``, the text of ``module``, imports.

    :param module: absolute dotted name of the module
    :param known: names of modules which exist, to tell a module from a
        class in ``from package import name``
    """
    package = module if is_package else module.rpartition('.')[0]
    collector = _Collector(package, frozenset(known))
    collector.visit(ast.parse(source))
    return collector.found


def _inside(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + '.')


def _own_violation(inner: str, target: str) -> str | None:
    area = inner.partition('.')[0]
    goal = target.removeprefix(PACKAGE).lstrip('.')
    goal_area = goal.partition('.')[0]
    if goal_area in ('', 'version'):
        return None if area != 'core' or not goal else 'core imports nothing'
    if goal_area == 'tests':
        return 'the product does not import its tests'
    if goal_area == area:
        return None
    if goal_area == 'cmd':
        return 'nobody imports cmd'
    if not any(_inside(goal, allowed) for allowed in MAY_IMPORT[area]):
        return f'{area} may not import {goal}'
    if any(_inside(goal, barred) for barred in NOT_EVEN.get(area, ())):
        return f'{area} may not import {goal}'
    if area == 'tenant_client' and goal_area == 'messaging' and not any(
            _inside(inner, only) for only in ONLY_HERE['messaging']):
        return 'only the steward of tenant_client speaks RPC'
    return None


def _foreign_violation(inner: str, found: Import) -> str | None:
    area = inner.partition('.')[0]
    top = found.top
    if top in BANNED:
        return f'{top} is used nowhere'
    if area == 'core':
        allowed = PURE | CORE_THIRD_PARTY
        if _inside(inner, PROVIDERS):
            allowed |= PROVIDERS_MAY
        return None if top in allowed else f'core is pure, {top} is not'
    for prefix in BANNED_BY_AREA.get(area, ()):
        if top.startswith(prefix):
            return f'{area} may not import {top}'
    if area == 'tenant_client' and top in ONLY_HERE and not any(
            _inside(inner, only) for only in ONLY_HERE[top]):
        return f'only {", ".join(ONLY_HERE[top])} may import {top}'
    return None


def violations(module: str, found: Iterable[Import]) -> Iterator[str]:
    """Yield one sentence for every import of ``module`` against the table."""
    inner = module.removeprefix(PACKAGE).lstrip('.')
    area = inner.partition('.')[0]
    if inner and area not in MAY_IMPORT:
        yield f'{module}: {area} has no row in the table'
        return
    for item in found:
        if item.target == '?':
            problem = 'imports a computed name: use stevedore'
        elif item.late and (inner, item.target) not in LAZY:
            problem = f'imports {item.target} late'
        elif item.top == PACKAGE and inner:
            problem = _own_violation(inner, item.target)
        elif item.top == PACKAGE:
            problem = 'the top package imports nothing of ours'
        else:
            problem = _foreign_violation(inner, item)
        if problem:
            yield f'{module}:{item.line}: {problem}'


def reachable(graph: dict[str, list[Import]],
              roots: Iterable[str]) -> dict[str, str]:
    """Return every module of ours loaded by ``roots`` and by whom first.

    A module loads the packages around it as well. What is listed as LAZY is
    loaded only where it is installed, so it does not count.
    """
    by: dict[str, str] = {}
    todo = collections.deque((root, 'the root') for root in roots)
    while todo:
        name, parent = todo.popleft()
        if name in by or name not in graph:
            continue
        by[name] = parent
        around = name.split('.')
        for depth in range(1, len(around)):
            todo.append(('.'.join(around[:depth]), name))
        inner = name.removeprefix(PACKAGE + '.')
        for item in graph[name]:
            if item.top == PACKAGE and (inner, item.target) not in LAZY:
                todo.append((item.target, name))
    return by


def foreign_in(graph: dict[str, list[Import]],
               roots: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (module, third-party package) for all that ``roots`` load."""
    for name in reachable(graph, roots):
        for item in graph[name]:
            if (item.top != PACKAGE
                    and item.top not in sys.stdlib_module_names):
                yield name, item.top


def _module_name(path: pathlib.Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def read_tree() -> dict[str, list[Import]]:
    """Return the imports of every module of the product by its name."""
    paths = [path for path in sorted(ROOT.rglob('*.py'))
             if path.relative_to(ROOT).parts[0] != 'tests']
    known = frozenset(_module_name(path) for path in paths)
    return {
        _module_name(path): imports_of(
            _module_name(path), path.read_text(encoding='utf-8'),
            path.name == '__init__.py', known)
        for path in paths}


#: Imports the walker must object to, as (module, text).
FORBIDDEN = (
    ('core.hashing', 'import time'),
    ('core.hashing', 'import os.path'),
    ('core.hashing', 'from random import Random'),
    ('core.hashing', 'import secrets'),
    ('core.hashing', 'import cryptography.x509'),
    ('core.hashing', 'from oslo_log import log'),
    ('core.hashing', 'from tacker_ledger import version'),
    ('core.hashing', 'from tacker_ledger.conf import opts'),
    ('core.hashing', 'from ..conf import opts'),
    ('storage.chain', 'from tacker_ledger.transport import x'),
    ('node.sync', 'from tacker_ledger import vnf_client'),
    ('node.sync', 'from tacker_ledger.vnf_client import state'),
    ('vnf_client.state', 'import sqlalchemy'),
    ('vnf_client.state', 'from keystoneauth1 import session'),
    ('vnf_client.state', 'from tacker_ledger.node import pool'),
    ('vnf_client.state', 'import tacker_ledger.transport.peers'),
    ('tenant_client.keys', 'import openstack'),
    ('tenant_client.keys', 'from tacker_ledger import messaging'),
    ('tenant_client.sfc', 'from tacker_ledger.node import query'),
    ('api.door', 'from tacker_ledger.storage import chain'),
    ('api.door', 'from tacker_ledger.node import pool'),
    ('api.door', 'import tacker_ledger.core.consensus.replica'),
    ('osc.plugin', 'import tacker_ledger.node.query'),
    ('horizon.panel', 'import tacker_ledger.tenant_client.keys'),
    ('osc.plugin', 'from tacker_ledger.cmd import node'),
    ('conf.opts', 'from tacker_ledger.node import pool'),
    ('node.pool', 'import eventlet'),
    ('node.pool', 'import pickle'),
    ('node.pool', 'from tacker_ledger.tests import base'),
    ('node.pool', 'def f():\n    import json'),
    ('node.pool', 'async def f():\n    import json'),
    ('node.pool', 'x = __import__("json")'),
    ('node.pool', 'import importlib\nimportlib.import_module(name)'),
    ('', 'from tacker_ledger import version'),
    ('cellar.wine', 'import json'),
)

#: Imports it must let pass.
ALLOWED = (
    ('core.hashing', 'import hashlib'),
    ('core.hashing', 'import cbor2'),
    ('core.merkle', 'from . import hashing'),
    ('core.merkle', 'from tacker_ledger.core import hashing'),
    ('core.crypto.providers.openssl',
     'import secrets\nfrom cryptography import x509'),
    ('conf.opts', 'from tacker_ledger.core import limits'),
    ('node.sync', 'from tacker_ledger.storage import chain'),
    ('node.sync', 'import asyncio\nimport lmdb'),
    ('vnf_client.state', 'from tacker_ledger.transport.client import C'),
    ('tenant_client.sfc', 'import openstack'),
    ('tenant_client.steward', 'from tacker_ledger import messaging'),
    ('api.door', 'from tacker_ledger.node import query'),
    ('cmd.node', 'import tacker_ledger.node.service'),
    ('cmd.node', 'from tacker_ledger import version'),
)


class TestTree(base.TestCase):
    """The modules of the checkout."""

    def setUp(self):
        super().setUp()
        self.graph = read_tree()

    def test_the_walker_sees_the_tree(self):
        self.assertIn(f'{PACKAGE}.version', self.graph)
        self.assertEqual(
            ['pbr.version'],
            [item.target for item in self.graph[f'{PACKAGE}.version']])

    def test_imports_point_inwards(self):
        found = [text for module, imports in self.graph.items()
                 for text in violations(module, imports)]
        self.assertEqual([], found)

    def test_the_agent_runs_in_a_vnf_image(self):
        roots = [name for name in self.graph
                 if _inside(name, f'{PACKAGE}.vnf_client')
                 or name == f'{PACKAGE}.cmd.vnf_client']
        heavy = [pair for pair in foreign_in(self.graph, roots)
                 if pair[1] not in IN_A_VNF_IMAGE]
        self.assertEqual([], heavy)

    def test_no_exception_outlives_its_reason(self):
        used = {(name.removeprefix(PACKAGE + '.'), item.target)
                for name, imports in self.graph.items()
                for item in imports if item.late}
        self.assertEqual(set(), set(LAZY) - used)


class TestWalker(base.TestCase):
    """The walker catches what it is there to catch."""

    KNOWN = tuple(f'{PACKAGE}.{name}' for name in (
        'cmd.node', 'conf.opts', 'core.hashing', 'messaging', 'node.pool',
        'node.query', 'storage.chain', 'tests.base', 'transport.client',
        'version', 'vnf_client', 'vnf_client.state'))

    def check(self, inner: str, source: str) -> list[str]:
        module = f'{PACKAGE}.{inner}' if inner else PACKAGE
        return list(violations(
            module, imports_of(module, source, known=self.KNOWN)))

    def test_forbidden(self):
        missed = [case for case in FORBIDDEN if not self.check(*case)]
        self.assertEqual([], missed)

    def test_allowed(self):
        barred = [self.check(*case) for case in ALLOWED if self.check(*case)]
        self.assertEqual([], barred)

    def test_what_a_root_loads(self):
        graph = {
            f'{PACKAGE}': [],
            f'{PACKAGE}.a': [Import(f'{PACKAGE}.b.c', 1, False)],
            f'{PACKAGE}.b': [Import('sqlalchemy.orm', 1, False)],
            f'{PACKAGE}.b.c': [Import('os', 1, False)],
            f'{PACKAGE}.d': [Import('lmdb', 1, False)],
        }
        self.assertEqual(
            [(f'{PACKAGE}.b', 'sqlalchemy')],
            list(foreign_in(graph, [f'{PACKAGE}.a'])))
