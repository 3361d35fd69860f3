# SPDX-License-Identifier: Apache-2.0
"""House rules as tests: what a reviewer should not have to look for.

Each rule is a function from a path and a text to sentences about faults;
each has a bad example below, so that no rule can rot into one that passes
whatever it reads.
"""

import ast
from collections.abc import Callable
from collections.abc import Iterator
import pathlib
import re
import statistics
import subprocess

from tacker_ledger.tests import base

MODULE_LINES = 500
MEDIAN_LINES = 150
FUNCTION_LINES = 70

#: Where a person reads standard output.
MAY_PRINT = ('tacker_ledger/cmd/', 'tacker_ledger/osc/')

#: Modules which may touch the process-wide configuration object: programs,
#: and the enforcer which oslo.policy's own tools load by name.
MAY_USE_GLOBAL_CONF = ('tacker_ledger/cmd/', 'tacker_ledger/policies/')

_SHELLS = frozenset((
    'os.system', 'os.popen', 'subprocess.getoutput',
    'subprocess.getstatusoutput', 'asyncio.create_subprocess_shell'))
_EVALUATORS = frozenset(('eval', 'exec', 'compile'))
_PICKLES = frozenset(('pickle', 'cPickle', '_pickle', 'dill', 'shelve'))

#: Downloads go through what the machine is told to use, never a named host.
REGISTRY_HOST = re.compile(
    r'\b(?:pypi\.(?:org|python\.org)|files\.pythonhosted\.org'
    r'|(?:[a-z]+\.)?debian\.org/debian|deb\.debian\.org|archive\.ubuntu\.com'
    r'|registry\.(?:npmjs\.org|yarnpkg\.com)|proxy\.golang\.org'
    r'|(?:docker|ghcr|quay|gcr)\.io|index\.crates\.io|conda\.anaconda\.org'
    r'|huggingface\.co)\b')

#: Somebody's own directories.
MACHINE_PATH = re.compile(
    r'(?<![\w.$}-])/(?:[r]oot|[w]ork|[h]ome/[a-z]\w*|[U]sers/\w+'
    r'|opt/[w]heels)(?:/|\b)')

_TEXT_SUFFIXES = frozenset((
    '', '.cfg', '.conf', '.css', '.html', '.in', '.ini', '.js', '.json',
    '.md', '.mako', '.po', '.pot', '.proto', '.py', '.rst', '.service', '.sh',
    '.sql', '.svg', '.template', '.toml', '.txt', '.yaml', '.yml'))


def length(path: str, text: str) -> Iterator[str]:
    """No module outgrows a reader."""
    lines = text.count('\n')
    if lines > MODULE_LINES:
        yield f'{path}: {lines} lines, the bound is {MODULE_LINES}'


def function_length(path: str, text: str) -> Iterator[str]:
    """No function outgrows a screen."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield (f'{path}:{node.lineno}: {node.name} has {lines} '
                       f'lines, the bound is {FUNCTION_LINES}')


def docstring(path: str, text: str) -> Iterator[str]:
    """Every module says what it is for."""
    if not (ast.get_docstring(ast.parse(text)) or '').strip():
        yield f'{path}: no docstring'


def no_shell(path: str, text: str) -> Iterator[str]:
    """No text is run as a command line or as code."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in _SHELLS or name in _EVALUATORS:
            yield f'{path}:{node.lineno}: {name}()'
        for keyword in node.keywords:
            off = (isinstance(keyword.value, ast.Constant)
                   and keyword.value.value is False)
            if keyword.arg == 'shell' and not off:
                yield f'{path}:{node.lineno}: shell='


def no_pickle(path: str, text: str) -> Iterator[str]:
    """No bytes from elsewhere become objects unparsed."""
    for node in ast.walk(ast.parse(text)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or '']
        if any(name.partition('.')[0] in _PICKLES for name in names):
            yield f'{path}:{node.lineno}: pickle'


def no_bare_except(path: str, text: str) -> Iterator[str]:
    """Nobody swallows what they did not expect."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f'{path}:{node.lineno}: bare except'


def no_print(path: str, text: str) -> Iterator[str]:
    """Services log; only commands print."""
    if path.startswith(MAY_PRINT):
        return
    for node in ast.walk(ast.parse(text)):
        if (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                and node.func.id == 'print'):
            yield f'{path}:{node.lineno}: print()'


def no_global_conf(path: str, text: str) -> Iterator[str]:
    """Libraries are handed their configuration."""
    if path.startswith(MAY_USE_GLOBAL_CONF):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == 'cfg.CONF':
            yield f'{path}:{node.lineno}: cfg.CONF'


def no_registry_host(path: str, text: str) -> Iterator[str]:
    """No package registry is named."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := REGISTRY_HOST.search(line):
            yield f'{path}:{number}: {found[0]}'


def no_machine_path(path: str, text: str) -> Iterator[str]:
    """Nothing depends on one machine's directories."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := MACHINE_PATH.search(line):
            yield f'{path}:{number}: {found[0]}'


#: A rule and a text it must object to, when found in a module of the node.
PRODUCT_RULES: tuple[tuple[Callable, str], ...] = (
    (length, 'x = 1\n' * 501),
    (function_length, 'def f():\n' + '    x = 1\n' * 70),
    (docstring, '# only a comment\n'),
    (no_print, 'print("hello")\n'),
    (no_global_conf, 'from oslo_config import cfg\nX = cfg.CONF.debug\n'),
)
PYTHON_RULES: tuple[tuple[Callable, str], ...] = (
    (no_shell, 'subprocess.run("ls", shell=True)\n'),
    (no_shell, 'subprocess.run("ls", shell=flag)\n'),
    (no_shell, 'os.system("ls")\n'),
    (no_shell, 'eval("1")\n'),
    (no_pickle, 'import pickle\n'),
    (no_pickle, 'from pickle import loads\n'),
    (no_bare_except, 'try:\n    x\nexcept:\n    raise\n'),
)
TEXT_RULES: tuple[tuple[Callable, str], ...] = (
    (no_registry_host, 'index-url = https://{}/simple\n'.format(
        '.'.join(('pypi', 'org')))),
    (no_registry_host, 'image: {}/library/debian\n'.format(
        '.'.join(('docker', 'io')))),
    (no_machine_path, 'cd /{}/main\n'.format('work')),
    (no_machine_path, 'key = "/{}/.ssh/id"\n'.format('root')),
    (no_machine_path, '/{}/alice/src\n'.format('home')),
)
#: What the rules for texts must let pass.
INNOCENT = (
    'https://docs.openstack.org/tacker/latest/\n'
    'a framework/work queue, doc/source/user, $HOME/work\n'
    'https://example.org/root/cause and /var/lib/tacker-ledger\n')


def tracked() -> list[pathlib.Path]:
    """Return the files of the project, those about to be added too."""
    listed = subprocess.run(
        ['git', 'ls-files', '-z', '--cached', '--others',
         '--exclude-standard'],
        cwd=base.CHECKOUT, capture_output=True, check=True).stdout
    paths = (base.CHECKOUT / name
             for name in listed.decode().split('\0') if name)
    return sorted(path for path in paths if path.is_file())


def faults(rules, paths: list[pathlib.Path]) -> list[str]:
    """Return what the rules find in the files."""
    found = []
    for path in paths:
        name = str(path.relative_to(base.CHECKOUT))
        text = path.read_text(encoding='utf-8')
        for rule in dict.fromkeys(rule for rule, _bad in rules):
            found.extend(rule(name, text))
    return found


class TestRepository(base.TestCase):
    """The files of the checkout."""

    def setUp(self):
        super().setUp()
        try:
            self.files = tracked()
        except (OSError, subprocess.CalledProcessError) as exc:
            self.skip_missing('git', str(exc))
        package = base.CHECKOUT / 'tacker_ledger'
        self.modules = [path for path in self.files if path.suffix == '.py'
                        and path.is_relative_to(package)]
        self.product = [path for path in self.modules
                        if not path.is_relative_to(package / 'tests')]

    def test_the_lists_are_not_empty(self):
        self.assertIn(base.CHECKOUT / 'setup.cfg', self.files)
        self.assertIn(base.CHECKOUT / 'tacker_ledger' / 'version.py',
                      self.product)
        self.assertIn(pathlib.Path(__file__).resolve(), self.modules)

    def test_product(self):
        self.assertEqual([], faults(PRODUCT_RULES, self.product))

    def test_modules_are_short_as_a_rule(self):
        lengths = [len(path.read_text(encoding='utf-8').splitlines())
                   for path in self.product]
        self.assertLessEqual(statistics.median(lengths), MEDIAN_LINES)

    def test_python(self):
        self.assertEqual([], faults(PYTHON_RULES, self.modules))

    def test_tests_say_what_they_test(self):
        tests = [path for path in self.modules if path not in self.product]
        self.assertEqual([], faults([(docstring, '')], tests))

    def test_texts(self):
        texts = [path for path in self.files
                 if path.suffix in _TEXT_SUFFIXES]
        self.assertEqual([], faults(TEXT_RULES, texts))


class TestRules(base.TestCase):
    """Every rule can fail."""

    PATH = 'tacker_ledger/node/example.py'

    def test_each_rule_objects_to_its_bad_example(self):
        passed = [(rule.__name__, bad) for rule, bad in
                  PRODUCT_RULES + PYTHON_RULES + TEXT_RULES
                  if not list(rule(self.PATH, bad))]
        self.assertEqual([], passed)

    def test_no_rule_objects_to_a_good_module(self):
        good = ('"""A module."""\n\nimport subprocess\n\n\n'
                'def run(x):\n'
                '    try:\n'
                '        return subprocess.run([x], shell=False)\n'
                '    except OSError:\n'
                '        return None\n')
        found = [text for rule, _bad in PRODUCT_RULES + PYTHON_RULES
                 for text in rule(self.PATH, good)]
        self.assertEqual([], found)

    def test_texts_may_name_other_hosts_and_paths(self):
        found = [text for rule, _bad in TEXT_RULES
                 for text in rule('doc/x.rst', INNOCENT)]
        self.assertEqual([], found)

    def test_commands_may_print(self):
        self.assertEqual(
            [], list(no_print('tacker_ledger/cmd/node.py', 'print(1)\n')))
