# SPDX-License-Identifier: Apache-2.0
"""The interfaces described in OpenAPI 3.1, served at /v1/openapi.json."""
