# SPDX-License-Identifier: Apache-2.0
"""What is true: formats, cryptography and rules, without any effect.

Nothing in here opens a file or a socket, reads a clock, starts a thread or
draws a random number (the cryptographic providers alone do the last, when
asked for a key or a wrap).  Time, nonces and stored state are arguments, so
a node, a VNF, a tenant and an auditor reach the same answer from the same
bytes, and a test can replay any of them.
"""
