# SPDX-License-Identifier: Apache-2.0
"""Bytes over the network: clients of the doors and links of nodes."""
