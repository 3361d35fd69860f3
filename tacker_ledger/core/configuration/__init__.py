# SPDX-License-Identifier: Apache-2.0
"""What a VNF may believe and do (S0 section III.A), as pure decisions.

``bootstrap`` is what it is told at birth, ``console_block`` how it shows its
keys, ``clock`` what time it takes it to be, ``trust`` whom it obeys and
since when, ``acceptance`` the checks of one transaction, ``plan`` the order
in which a configuration and what it refers to are applied.
"""
