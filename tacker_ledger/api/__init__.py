# SPDX-License-Identifier: Apache-2.0
"""The doors: one for tenants and VNFs (ASGI), one for operators (WSGI)."""
