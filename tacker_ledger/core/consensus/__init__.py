# SPDX-License-Identifier: Apache-2.0
"""PBFT as a pure state machine (S0, section II.A and Fig. 1).

``replica`` is the machine: an event and the time go in, effects come out in
the order in which they have to happen.  It owns no socket, disk, clock,
thread or randomness; a driver (the node, or a simulation in the tests)
executes the effects and reports what became of them.

``quorum`` says how many votes decide, ``messages`` what travels between
nodes, ``effects`` what the machine asks for, ``message_log`` what it has
heard about the height in flight, ``view_change`` what a change of leader is
made of, ``evidence`` what proves that a member voted for two blocks.

The theory of operation is in the specification (consensus messages).
"""
