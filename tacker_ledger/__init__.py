# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""A ledger for the configuration and migration of network functions.

``core`` decides what is true and does nothing else; the adapters around it
(``storage``, ``keystore``, ``transport``, ``messaging``) touch the world; the
services (``node``, ``vnf_client``, ``tenant_client``) put the two together;
``api``, ``osc`` and ``cmd`` are the front ends.  Imports point inwards only.
"""
