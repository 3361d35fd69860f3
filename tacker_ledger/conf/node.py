# SPDX-License-Identifier: Apache-2.0
"""Options of the ledger node: ``[node]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'node', title='Ledger node',
    help='One member of the federation: who it is, where its chain lies, '
         'how much it takes and from whom.')

_IDENTITY = [
    cfg.StrOpt(
        'member', required=True,
        help='Name of this member in the federation document.'),
    cfg.StrOpt(
        'federation_document', required=True,
        help='File with the signed federation document at genesis. The '
             'chain id is its digest: all members have the same bytes. A '
             'later document arrives on the chain, not here.'),
    cfg.StrOpt(
        'newest_federation_document', default='',
        help='File with a later signed federation document, for a node that '
             'joins, or returns, after others than those at genesis became '
             'members. It says whom to connect to until the chain itself '
             'does, and is believed in nothing else.'),
    cfg.StrOpt(
        'node_key_file', required=True,
        help='TLS private key of this member (PEM, readable by its owner '
             'only). Its public half is the node key in the federation '
             'document. A file of the same name with ".next" after it, and '
             'one beside certificate_file, are used once the federation '
             'names that key.'),
    cfg.StrOpt(
        'certificate_file', required=True,
        help='Certificate of the node key, issued by the federation CA '
             '(PEM). It is read again when it changes.'),
    cfg.StrOpt(
        'ca_file', required=True,
        help='Certificate of the federation CA (PEM); several while the CA '
             'changes. It is read again when it changes.'),
    cfg.FloatOpt(
        'reload_interval_seconds', default=5.0, min=0.1, max=3600.0,
        help='How often the files of certificate, key and CA are looked at '
             'for changes. SIGHUP makes the node look at once.'),
    cfg.StrOpt(
        'vote_key_file', required=True,
        help='Ed25519 seed which signs consensus messages: 32 bytes, '
             'readable by its owner only. Never copy it to another running '
             'node. A file of the same name with ".next" after it is used '
             'once the federation names that key.'),
    cfg.StrOpt(
        'answer_key_file', required=True,
        help='Ed25519 seed which signs answers of the doors: 32 bytes, '
             'readable by its owner only. API processes need it too. A file '
             'of the same name with ".next" after it is used once the '
             'federation names that key.'),
]

_STORAGE = [
    cfg.StrOpt(
        'data_directory', required=True,
        help='Directory of the chain, the state map and the local socket. '
             'It is made when it does not exist.'),
    cfg.IntOpt(
        'storage_max_gib', default=256, min=1, max=65536,
        help='Bound on the size of the chain and state database, in GiB. '
             'The file grows as it is used; at the bound the node stops '
             'voting and goes on answering reads.'),
    cfg.BoolOpt(
        'archive', default=True,
        help='This member keeps the whole chain, tells the others so, and '
             'they count on it when they prune. "tacker-ledger-manage chain '
             'prune" works on a member alone that does not.'),
    cfg.BoolOpt(
        'fsync', default=True,
        help='Force every block and vote to disk before acting on it. '
             'Without it a power cut can make this member vote twice: for '
             'test federations on one machine only.'),
    cfg.StrOpt(
        'socket_file', default='',
        help='Unix socket for API processes on this host; empty: '
             'node.sock in the data directory.'),
]

_PEERS = [
    cfg.ListOpt(
        'neighbours', default=[],
        help='Addresses which replace those of the federation document, as '
             'name=host:port pairs separated by commas. For members behind '
             'address translation.'),
    cfg.StrOpt(
        'bind_host', default='',
        help='Address to listen on for other members; empty: the host of '
             'this member in the federation document.'),
    cfg.PortOpt(
        'bind_port', default=0, min=0,
        help='Port to listen on for other members; 0: the port of this '
             'member in the federation document.'),
    cfg.IntOpt(
        'peer_queue_max_bytes', default=64 * 1024 * 1024,
        min=17 * 1024 * 1024,
        help='Bound on the bytes which wait to be sent to one member. '
             'Frames over it are dropped and asked for again later.'),
    cfg.FloatOpt(
        'ping_interval_seconds', default=2.0, min=0.05, max=60.0,
        help='How often a quiet peer is pinged. Three missed pings end the '
             'connection.'),
    cfg.FloatOpt(
        'reconnect_max_seconds', default=2.0, min=0.05, max=300.0,
        help='Bound on the growing, jittered pause between two attempts to '
             'reach a member.'),
    cfg.FloatOpt(
        'sync_timeout_seconds', default=5.0, min=0.1, max=600.0,
        help='How long a neighbour may take to answer while this node '
             'catches up, before the next one is asked.'),
    cfg.IntOpt(
        'snapshot_threshold_blocks', default=10_000, min=0,
        help='A node that is further behind than so many blocks, a new one '
             'too, takes the state at a certified height from a neighbour '
             'instead of replaying the blocks up to there. It then holds '
             'the blocks from that height on, and of older ones what it '
             'had before: where this node is to be an archive, set 0, and '
             'every block is replayed. 0: never.'),
    cfg.FloatOpt(
        'snapshot_hold_seconds', default=600.0, min=1.0, max=86_400.0,
        help='How long the state is held unchanged for a neighbour that '
             'fetches it, and how long this node lets a neighbour take to '
             'give one. The database grows meanwhile as if nothing were '
             'ever overwritten.'),
    cfg.FloatOpt(
        'start_timeout_seconds', default=10.0, min=0.0, max=3600.0,
        help='How long a starting node waits for a first neighbour to catch '
             'up from, before it serves what it has. A node without '
             'neighbours refuses writes anyway.'),
]

_VOTING = [
    cfg.IntOpt(
        'view_timeout_ms', default=1_000, min=100, max=3_600_000,
        help='The shortest time, in milliseconds, that a leader is given to '
             'have a block decided before this member asks for another one. '
             'A slow federation is given more by itself; each leader that '
             'fails is followed by one with twice the time.'),
    cfg.IntOpt(
        'view_timeout_max_ms', default=60_000, min=100, max=3_600_000,
        help='The longest time that a leader is given, in milliseconds; not '
             'below view_timeout_ms.'),
    cfg.BoolOpt(
        'end_doubt', default=False,
        help='Sign although the vote log is damaged or lacks a vote that '
             'others have seen. Set it for one start, and only when no '
             'other process of this member runs and no other member has '
             'seen a vote that this one has forgotten: it ends the '
             'protection against voting twice. Federations of three or '
             'more members end doubt by themselves.'),
]

_POOL = [
    cfg.StrOpt(
        'engine', default='pbft',
        help='Consensus engine, a name in the entry point group '
             'tacker_ledger.engines. It must be the engine of the '
             'federation document.'),
    cfg.IntOpt(
        'pool_max_transactions', default=20_000, min=1,
        help='Bound on transactions which wait for a block.'),
    cfg.IntOpt(
        'pool_max_bytes', default=128 * 1024 * 1024, min=2 * 1024 * 1024,
        help='Bound on the bytes of transactions which wait for a block. '
             'Parsed as they are kept, they take up to four times as much '
             'memory.'),
    cfg.IntOpt(
        'pool_forward_after_ms', default=0, min=0,
        help='After how long a transaction that is in no block yet is sent '
             'to all members instead of the leader alone, in milliseconds; '
             '0: after ten batch intervals, at least 500 ms.'),
]

_ADMISSION = [
    cfg.StrOpt(
        'admission', default='registered',
        help='Who may write, a name in the entry point group '
             'tacker_ledger.admission. "registered": enrolled keys, keys '
             'these have addressed, and answers to open requests. "open": '
             'anybody; only while the door listens on loopback, unless '
             'admission_open_anywhere is set.'),
    cfg.BoolOpt(
        'admission_open_anywhere', default=False,
        help='Allow admission = open on a door which others can reach: then '
             'everybody can fill the disks of all members.'),
    cfg.ListOpt(
        'enrolled_keys', default=[],
        help='Key ids (64 hex digits) enrolled at this member beside those '
             'enrolled at the operator door.'),
    cfg.FloatOpt(
        'rate_per_key_per_second', default=50.0, min=0.001,
        help='Transactions per second which one enrolled key may submit in '
             'the long run.'),
    cfg.IntOpt(
        'rate_burst_per_key', default=500, min=1,
        help='Transactions which one enrolled key may submit at once after '
             'a quiet time.'),
    cfg.FloatOpt(
        'rate_addressed_share', default=0.25, min=0.0, max=1.0,
        help='Part of an enrolled key\'s rate set aside for all keys which '
             'are admitted because it addressed them.'),
]

_WATCH = [
    cfg.IntOpt(
        'lag_threshold_blocks', default=10, min=1,
        help='How many blocks this node may be behind before it says so in '
             'its status, its log and a notification. What it is compared '
             'with is claimed by more members than may be faulty.'),
    cfg.IntOpt(
        'expiry_warning_days', default=30, min=0,
        help='How many days before its certificate, the federation CA or '
             'the federation document expires this node begins to say so.'),
]

OPTIONS = [*_IDENTITY, *_STORAGE, *_PEERS, *_VOTING, *_POOL, *_ADMISSION,
           *_WATCH]
