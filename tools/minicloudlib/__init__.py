# SPDX-License-Identifier: Apache-2.0
"""Real services on loopback for tests: no systemd, no containers.

A part (``part.Part``) is one service with its configuration, its data and
its processes.  ``registry`` lists the parts; ``cli`` is the command.  Only
the standard library is needed, so any Python of the machine will do.
"""
