# SPDX-License-Identifier: Apache-2.0
"""What S0 states about its prototype, by figure, in our words.

S0's text gives few numbers and its plots none that can be read exactly, so
these are its statements, each with the section that makes it.
"""

#: figure -> what S0 says (section IV, on Intel i7-4770 3.4 GHz machines,
#: one blockchain module each, Python 2.7, RSA-2048 PSS)
STATED: dict[str, tuple[str, ...]] = {
    '6a': ('Reads per second grow linearly with the number of modules.',
           ('Blocks of up to 1 kB cost no significant performance; larger '
            'ones do, increasingly.')),
    '6b': (('The block\'s size dominates the time of a read up to '
            'transactions of 100 kB; for larger ones the network does.'),),
    '6c': (('Writes per second are stable and do not scale with the number '
            'of modules: the leader\'s capacity is the bottleneck.'),
           ('From 10 B to 100 kB the rate falls slightly and linearly; at '
            '1 MB the memory of the process limits it.')),
    '7a': (('A batch of 100 transactions of 400 B: the delay grows slowly '
            'with the number of nodes and stays under 2 s for ten.'),),
    '7b': ('Pre-prepare and prepare grow linearly, commit quadratically.',
           ('The overhead is not noticeable up to 188 nodes, where it equals '
            'the configuration data.'))}

#: Seconds: the bound that S0 states for ten nodes.
DELAY_SECONDS = 2.0
#: Nodes at which S0's overhead equals its data.
EQUAL_NODES = 188
