# SPDX-License-Identifier: Apache-2.0
"""Keys, signatures, wraps and the sealed envelope.

``suite`` says what a key is, ``rsa2048`` and ``ed25519`` hold the rules of
one suite each, ``providers`` do the arithmetic with one library each, and
``envelope`` seals a payload for its readers.
"""
