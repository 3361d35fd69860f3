# SPDX-License-Identifier: Apache-2.0
"""One HTML page that needs nothing else: table, figures, S0's statements."""

import html
import json
import pathlib
from typing import Any

from tacker_ledger.bench import figures
from tacker_ledger.bench import stated
from tacker_ledger.bench import table
from tacker_ledger.core import errors

PAGE = 'benchmark.html'
DATA = 'benchmark.json'

_STYLE = '''
body { font: 15px/1.45 sans-serif; margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #ddd; padding: .3rem .7rem;
  text-align: left; vertical-align: top; }
.holds { color: #17692f; } .missed { color: #a3141f; font-weight: bold; }
.figure { display: flex; flex-wrap: wrap; gap: 1.5rem;
  align-items: flex-start; margin: 1.5rem 0; }
.figure svg { max-width: 100%; height: auto; }
.stated { max-width: 24rem; } pre { overflow-x: auto; background: #f6f6f6;
  padding: 1rem; font-size: 12px; }
'''
_MARKS = {True: ('holds', 'holds'), False: ('missed', 'missed'),
          None: ('', '')}


def write(found: dict[str, Any], directory: str) -> pathlib.Path:
    """Write the page and its data; return where the page is.

    :raises BadOption: matplotlib is missing, or the place cannot be used
    """
    figures.available()
    page = pathlib.Path(directory) / PAGE
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(_page(found))
        (page.parent / DATA).write_text(json.dumps(found, indent=1))
    except OSError as error:
        raise errors.BadOption(f'{directory}: {error.strerror}',
                               option='--report') from error
    return page


def _page(found: dict[str, Any]) -> str:
    machine = found['machine']
    body = [
        '<h1>tacker-ledger benchmark</h1>',
        _paragraph(
            f'{machine["time"]}, version {machine["version"]}: '
            f'{machine["cores"]} cores ({machine["processor"]}), system '
            f'{machine["system"]}, Python {machine["python"]}. All nodes ran '
            'on this one machine as processes of their own, over TLS, with '
            'durable writes, and every node checked every signature. '
            'Clients ran apart and their cost is not in a node\'s.'),
        _paragraph(_limit(found['limit'])),
        _table(table.rows(found))]
    if found['quick']:
        body.insert(1, _paragraph('This was a quick run: it shows that the '
                                  'benchmark works, not what nodes can do.'))
    for name, svg in figures.draw(found).items():
        said = stated.STATED.get(name.partition('-')[0], ())
        items = ''.join(f'<li>{html.escape(one)}</li>' for one in said)
        aside = (f'<div class="stated"><h3>S0 states</h3><ul>{items}</ul>'
                 '</div>' if items else '')
        body.append(f'<div class="figure"><div>{svg}</div>{aside}</div>')
    body.append('<details><summary>All measured values</summary><pre>'
                + html.escape(json.dumps(found, indent=1))
                + '</pre></details>')
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<title>tacker-ledger benchmark</title>'
            f'<style>{_STYLE}</style></head><body>'
            + '\n'.join(body) + '</body></html>\n')


def _paragraph(text: str) -> str:
    return f'<p>{html.escape(text)}</p>'


def _limit(limit: dict[str, Any]) -> str:
    return (
        'The machine\'s limit, measured in the same run: '
        f'{limit["transaction"] * 1e6:.1f} us of one core for a transaction '
        f'(checking its signature {limit["verify"] * 1e6:.1f}, hashing it '
        f'{limit["hash"] * 1e6:.1f}, inserting it '
        f'{limit["insert"] * 1e6:.1f}), {limit["sign"] * 1e6:.1f} us for '
        'signing an answer. Signing a transaction costs a client '
        f'{limit["client_signing"] * 1e6:.0f} us.')


def _table(made: list[table.Row]) -> str:
    lines = [('<table><tr><th>figure</th><th>measured</th><th>target</th>'
              '<th></th><th>of the limit</th></tr>')]
    for row in made:
        kind, mark = _MARKS[row.holds]
        share = '' if row.of_limit is None else f'{row.of_limit:.0%}'
        lines.append(
            f'<tr><td>{html.escape(row.figure)}</td>'
            f'<td>{html.escape(row.measured)}</td>'
            f'<td>{html.escape(row.target)}</td>'
            f'<td class="{kind}">{mark}</td><td>{share}</td></tr>')
    return '\n'.join([*lines, '</table>'])
