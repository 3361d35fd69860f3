# SPDX-License-Identifier: Apache-2.0
"""The programs; everything may be imported here, nobody imports it."""
