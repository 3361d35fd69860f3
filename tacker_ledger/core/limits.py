# SPDX-License-Identifier: Apache-2.0
"""Every bound of the protocol, its unit last in the name.

A decoder never allocates past these; a node, a VNF and an auditor refuse
the same things because they read the same numbers.  Changing one of them
changes what is valid, hence the protocol version.
"""

_KIB = 1024
_MIB = 1024 * _KIB
_DAY_MS = 24 * 60 * 60 * 1000

# Encoding

#: How deep arrays may nest; the document itself is depth 1.
NESTING_MAX_DEPTH = 16
#: Data items in one encoded document, arrays included.
ITEMS_MAX_COUNT = 200_000

# Transactions

#: The configuration field as it travels: sealed, padded, compressed.
#: S0 asks for 10^6 bytes of configuration; padding adds up to 12 %.
CONFIGURATION_MAX_BYTES = 1_310_720
#: A whole transaction: the configuration and every field around it.
TRANSACTION_MAX_BYTES = CONFIGURATION_MAX_BYTES + 16 * _KIB
#: A payload after decompression.
INFLATED_MAX_BYTES = 4 * _MIB
#: The smallest padded payload: small configurations all look alike.
PADDED_MIN_BYTES = 512
#: The free description of a transaction, in UTF-8.
DESCRIPTION_MAX_BYTES = 256
#: Entries of each of *apply before* and *apply after*.
REFERENCES_MAX_COUNT = 64
#: Wraps of the content key in one transaction, dummies included.
WRAP_COUNT = 4
#: An encoded key document.
KEY_DOCUMENT_MAX_BYTES = 1024
#: Open requests of one slot CID.
SLOTS_OPEN_MAX_COUNT = 16
#: How long a request may stay open, in header time.
SLOT_LIFETIME_MAX_MS = 7 * _DAY_MS
#: How far a transaction's timestamp may lie after the header's.
TIMESTAMP_FUTURE_MS = 600_000
#: How much less than that a pool accepts by its own clock.
POOL_SKEW_MS = 60_000
#: The part of a submission that is not signed.
ADMISSION_MAX_BYTES = 4096
#: A transaction with that part.
SUBMISSION_MAX_BYTES = TRANSACTION_MAX_BYTES + ADMISSION_MAX_BYTES + 16
#: Transactions in one call of the door.
BATCH_SUBMIT_MAX_COUNT = 100

# Blocks, state, federation

BLOCK_MAX_BYTES = 8 * _MIB
BLOCK_MAX_TRANSACTIONS = 300
HEADER_MAX_BYTES = 256
#: What certifies one header.
CERTIFICATE_MAX_BYTES = 32 * _KIB
#: A header with its certificate.
HEAD_PAIR_MAX_BYTES = HEADER_MAX_BYTES + CERTIFICATE_MAX_BYTES + 16
#: What asks for a change of view: a head, and a prepared certificate.
VIEW_CHANGE_MAX_BYTES = 2 * HEAD_PAIR_MAX_BYTES + 256
#: One value of the authenticated state.
STATE_VALUE_MAX_BYTES = 4096
#: One proof of the authenticated state.
PROOF_MAX_BYTES = 16 * _KIB
MEMBERS_MAX_COUNT = 256
FEDERATION_DOCUMENT_MAX_BYTES = 512 * _KIB
#: The same with its signatures: two approvals by each of 256 members.
FEDERATION_SIGNED_MAX_BYTES = FEDERATION_DOCUMENT_MAX_BYTES + 160 * _KIB

# Frames and answers

#: One frame between nodes, its length prefix excluded.
FRAME_MAX_BYTES = 16 * _MIB
#: Committed blocks in one frame.
BLOCKS_PER_FRAME_MAX_COUNT = 256
#: Their bytes, as far as one block allows.
BLOCKS_ANSWER_MAX_BYTES = 4 * _MIB
#: Heights divisible by this keep their certificate, heartbeat or not: who
#: catches up never has to take a longer run that is not certified.
CERTIFICATE_INTERVAL_BLOCKS = 256
#: Keys and values of one page of a snapshot.
SNAPSHOT_PAGE_MAX_COUNT = 8192
#: Their bytes, as far as one of them allows.
SNAPSHOT_PAGE_MAX_BYTES = _MIB
SNAPSHOT_KEY_MAX_BYTES = 64
#: One value: a block with its certificate.
SNAPSHOT_VALUE_MAX_BYTES = BLOCK_MAX_BYTES + CERTIFICATE_MAX_BYTES + 16
#: One answer of the tenant and VNF door.
ANSWER_MAX_BYTES = 24 * _MIB
STATE_KEYS_PER_QUERY_MAX_COUNT = 256
#: Transactions in one page of a history.
HISTORY_PAGE_MAX_COUNT = 100
#: Federation documents in one answer, as far as its size allows.
FEDERATIONS_PER_ANSWER_MAX_COUNT = 64

# What a VNF applies at once

#: Transactions in one plan, the base transaction included.
PLAN_MAX_COUNT = 64
#: Their encoded sizes together.
PLAN_MAX_BYTES = 16 * _MIB

# What payloads list

#: Entries of an effective configuration, as reported or delivered.
EFFECTIVE_MAX_COUNT = 1024
#: Appliers' observations in one state report.
OBSERVATIONS_MAX_COUNT = 256
#: CIDs in one rotation or revocation of a tenant key.
TRUST_CHANGE_CIDS_MAX_COUNT = 4096
#: A private key in the form a keystore holds.
PRIVATE_KEY_MAX_BYTES = 8192
#: One checkpoint record of a secure log.
CHECKPOINT_RECORD_MAX_BYTES = 64 * _KIB

# Secure logs

#: The text of one line, as it stands on disk; a longer one is cut.
LOG_TEXT_MAX_BYTES = _MIB
#: A whole line of any kind: text, position, and a record in base64.
LOG_LINE_MAX_BYTES = LOG_TEXT_MAX_BYTES + 8 * _KIB
#: The encoded record of an opening or a checkpoint.
LOG_RECORD_MAX_BYTES = 4 * _KIB
#: The name of a log, in UTF-8.
LOG_NAME_MAX_BYTES = 256
#: Lines which one checkpoint closes.
LOG_BLOCK_MAX_LINES = 65_536
#: Files which one log is written to at the same time.
LOG_SLOTS_MAX_COUNT = 256
#: Checkpoints until a session agrees on a new secret with the auditor.
LOG_AGREEMENT_MAX_COUNT = 1024
#: The record of a checkpoint or opening that is anchored.
ANCHOR_RECORD_MAX_BYTES = LOG_RECORD_MAX_BYTES

# Anchors

#: A Bitcoin transaction that nodes relay: 400,000 units of weight.
BITCOIN_TRANSACTION_MAX_BYTES = 400_000
#: Transactions of one Bitcoin block: 4,000,000 units of weight.
BITCOIN_BLOCK_MAX_TRANSACTIONS = 17_000
#: Checkpoints of one log in one anchor: a session has one at most.
ANCHOR_CHECKPOINTS_MAX_COUNT = 4096
#: Logs in one anchor.
ANCHOR_LOGS_MAX_COUNT = 65_536
#: One log's path from its checkpoints to an anchor's root.
ANCHOR_PATH_MAX_BYTES = 256 * _KIB
#: An OpenTimestamps file.
ANCHOR_PROOF_MAX_BYTES = 64 * _KIB
#: Anchors in one list: 21 years of one an hour.
ANCHORS_MAX_COUNT = 190_000
ANCHOR_LIST_MAX_BYTES = ANCHORS_MAX_COUNT * 66 + 256
