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
"""What is true: formats, cryptography and rules, without any effect.

Nothing in here opens a file or a socket, reads a clock, starts a thread or
draws a random number (the cryptographic providers alone do the last, when
asked for a key or a wrap).  Time, nonces and stored state are arguments, so
a node, a VNF, a tenant and an auditor reach the same answer from the same
bytes, and a test can replay any of them.
"""
