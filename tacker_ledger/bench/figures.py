# SPDX-License-Identifier: Apache-2.0
"""S0's figures drawn again from what was measured, as SVG.

matplotlib is asked for only here: ``pip install tacker-ledger[bench]``.
"""

from collections.abc import Callable
import io
from typing import Any

from tacker_ledger.core import errors

Data = dict[str, Any]

_INCHES = (6.2, 3.8)


def available() -> None:
    """Raise unless matplotlib is installed.

    :raises BadOption: it is not
    """
    _matplotlib()


def _matplotlib() -> tuple[Any, Any]:
    """Return matplotlib and its module of figures."""
    try:
        import matplotlib
        import matplotlib.figure
    except ImportError:
        raise errors.BadOption(
            'A report needs matplotlib: pip install tacker-ledger[bench]',
            option='--report') from None
    return matplotlib, matplotlib.figure


def draw(found: Data) -> dict[str, str]:
    """Return figure -> SVG text, for every figure that was measured."""
    drawn = {}
    for name, section, part, painter in _FIGURES:
        if found.get(section, {}).get(part):
            drawn[name] = _svg(painter, found)
    return drawn


def _svg(painter: Callable[[Any, Data], None], found: Data) -> str:
    matplotlib, figures = _matplotlib()
    with matplotlib.rc_context({'svg.fonttype': 'none',
                                'font.family': 'sans-serif'}):
        figure = figures.Figure(figsize=_INCHES, layout='constrained')
        axes = figure.add_subplot()
        axes.grid(True, which='both', alpha=0.25)
        painter(axes, found)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
        out = io.StringIO()
        figure.savefig(out, format='svg', metadata={'Date': None})
    text = out.getvalue()
    return text[text.index('<svg'):]


def _reads_by_nodes(axes: Any, found: Data) -> None:
    cores = found['machine']['cores']
    for part, label in (('states', 'state of a pair, proof kept'),
                        ('absent', 'absent key, proof made anew')):
        some = found['reads'][part]
        axes.plot([one['nodes'] for one in some],
                  [one['cpu_seconds_each'] * 1e6 for one in some],
                  marker='o', label=label)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f'nodes (all on {cores} cores)')
    axes.set_ylabel('CPU-us of a node for a proven read')
    axes.set_title('Reads against nodes: processor time, not a rate')


def _reads_by_block(axes: Any, found: Data) -> None:
    some = found['reads']['blocks']
    axes.semilogx([one['size'] for one in some],
                  [one['per_core_second'] for one in some], marker='o')
    axes.set_ylim(bottom=0)
    axes.set_xlabel('configuration data in the block, bytes')
    axes.set_ylabel('reads per core-second of a node')
    axes.set_title('Fig. 6a: configuration of 1 B out of a block')


def _reads_by_size(axes: Any, found: Data) -> None:
    some = found['reads']['sizes']
    axes.semilogx([one['configuration_bytes'] for one in some],
                  [one['per_core_second'] for one in some], marker='o')
    axes.set_ylim(bottom=0)
    axes.set_xlabel('bytes of the configuration that is read')
    axes.set_ylabel('reads per core-second of a node')
    axes.set_title('Fig. 6b: out of a block with 1 MB')


def _writes_by_nodes(axes: Any, found: Data) -> None:
    some = found['writes']['nodes']
    axes.plot([one['nodes'] for one in some],
              [one['cpu_seconds_each'] * 1e6 for one in some], marker='o',
              label='CPU-us a transaction and node')
    axes.plot([one['nodes'] for one in some],
              [one['per_second'] for one in some], marker='s',
              label='committed per second, all nodes on these cores')
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f'nodes (all on {found["machine"]["cores"]} cores)')
    axes.set_title('Fig. 6c: writes against nodes')


def _writes_by_size(axes: Any, found: Data) -> None:
    some = found['writes']['sizes']
    axes.loglog([one['size'] for one in some],
                [one['per_second'] for one in some], marker='o')
    axes.set_xlabel('bytes of the configuration')
    axes.set_ylabel('committed per second, 4 nodes')
    axes.set_title('Fig. 6c: writes against size')


def _delay(axes: Any, found: Data) -> None:
    some = found['consensus']['delays']
    nodes = [one['nodes'] for one in some]
    for place in ('leader', 'last'):
        for name, style in (('median', '-'), ('p95', '--')):
            axes.plot(nodes, [one[place][name] * 1e3 for one in some],
                      style, marker='o', label=f'{name}, {place}')
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f'nodes (all on {found["machine"]["cores"]} cores)')
    axes.set_ylabel('milliseconds')
    axes.set_title('Fig. 7a: delay of a batch')


def _bytes(axes: Any, found: Data) -> None:
    counted = found['consensus']['counted']
    modelled = found['consensus']['simulated']
    for kind in ('prepare', 'commit'):
        axes.loglog([one['nodes'] for one in modelled],
                    [one['phases'][kind] for one in modelled], marker='.',
                    label=f'{kind}, simulated')
    for name in ('data', 'encoded', 'overhead'):
        axes.loglog([one['nodes'] for one in modelled],
                    [one[name] for one in modelled], marker='.',
                    label=f'{name}, simulated')
        axes.loglog([one['nodes'] for one in counted],
                    [one[name] for one in counted], 'k+')
    axes.set_xlabel('nodes (+: counted at real nodes)')
    axes.set_ylabel('bytes before TLS, all nodes together')
    axes.set_title('Fig. 7b: message bytes of one block')


#: (figure, section, part of it, painter)
_FIGURES: tuple[tuple[str, str, str, Callable[[Any, Data], None]], ...] = (
    ('6-nodes', 'reads', 'states', _reads_by_nodes),
    ('6a', 'reads', 'blocks', _reads_by_block),
    ('6b', 'reads', 'sizes', _reads_by_size),
    ('6c', 'writes', 'nodes', _writes_by_nodes),
    ('6c-sizes', 'writes', 'sizes', _writes_by_size),
    ('7a', 'consensus', 'delays', _delay),
    ('7b', 'consensus', 'simulated', _bytes))
