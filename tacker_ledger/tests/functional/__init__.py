# SPDX-License-Identifier: Apache-2.0
"""Tests through real parts: processes, brokers, databases, Keystone."""
