# SPDX-License-Identifier: Apache-2.0
"""Tests of links between members: real sockets, real TLS."""

import asyncio
import dataclasses
import datetime
import pathlib
import socket
import ssl

from cryptography import x509

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import instances
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.tests import base
from tacker_ledger.transport import certificates
from tacker_ledger.transport import framing
from tacker_ledger.transport import link
from tacker_ledger.transport import peers
from tacker_ledger.transport import tls

NOW = datetime.datetime.now(datetime.UTC)
SETTINGS = peers.Settings(queue_max_bytes=3_000_000,
                          ping_interval_seconds=0.05,
                          reconnect_max_seconds=0.1)


def free_port() -> int:
    """Return a port below the ephemeral ones which nobody listens on."""
    for port in range(21000, 32768):
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
            return port
    raise AssertionError('no free port')


class Authority:
    """A CA and the files of its members."""

    def __init__(self, directory: pathlib.Path, label: str = 'ca'):
        self.directory = directory
        self.label = label
        self.key = self.new_key()
        self.certificate = certificates.authority(self.key, label, NOW, 2)
        self.file = directory / f'{label}.pem'
        self.file.write_bytes(certificates.pem(self.certificate))

    @staticmethod
    def new_key() -> certificates.PrivateKey:
        pair = providers.default().generate(2, encryption=False)
        schema = codec.Record(codec.Int(), codec.Int(), codec.Bytes(1, 4096),
                              codec.Optional(codec.Bytes(1, 4096)))
        private = codec.decode(pair.to_private_bytes(), schema, 8192)
        return certificates.load_key(private[2])

    def member(self, name: str) -> tuple[str, str, bytes]:
        """Return certificate file, key file and public key of a member."""
        key = self.new_key()
        certificate = certificates.issue(
            self.key, self.certificate, key, name, ['127.0.0.1'], NOW, 2)
        files = [self.directory / f'{self.label}-{name}.{suffix}'
                 for suffix in ('pem', 'key')]
        files[0].write_bytes(certificates.pem(certificate))
        files[1].write_bytes(certificates.key_pem(key))
        return str(files[0]), str(files[1]), tls.key_of_file(str(files[0]))


class Node:
    """A handler which greets with its instance and keeps what it hears."""

    def __init__(self, member: int, instance: bytes):
        self.member = member
        self.instance = instance
        self.heard: list[tuple[int, bytes]] = []
        self.ups: list[tuple[int, bytes]] = []
        self.downs: list[int] = []
        self.changed = asyncio.Condition()
        self.hub: peers.PeerHub | None = None

    def hello(self, member, nonce):
        return codec.encode((1, self.instance, nonce))

    def read_hello(self, member, frame):
        schema = codec.Record(codec.Const(1), codec.Bytes.exact(16),
                              codec.Bytes.exact(16))
        _, instance, nonce = codec.decode(frame, schema, 100)
        return peers.Greeting(instance, nonce)

    def answer(self, member, greeting, held):
        return codec.encode((2, held, greeting.nonce))

    def check_answer(self, member, nonce, frame):
        schema = codec.Record(codec.Const(2), codec.Bytes.exact(16),
                              codec.Bytes.exact(16))
        _, held, echoed = codec.decode(frame, schema, 100)
        if echoed != nonce:
            raise errors.BadSignature('another nonce')
        if held != self.instance:
            raise errors.Duplicate('another instance is held')

    def notify(self):
        async def wake():
            async with self.changed:
                self.changed.notify_all()
        asyncio.get_running_loop().create_task(wake())

    def peer_up(self, member, instance):
        self.ups.append((member, instance))
        self.notify()

    def peer_down(self, member):
        self.downs.append(member)
        self.notify()

    def received(self, member, frame):
        self.heard.append((member, frame))
        self.notify()

    async def wait(self, predicate):
        async with self.changed:
            await asyncio.wait_for(
                self.changed.wait_for(lambda: predicate(self)), 20)


class TestPeers(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.authority = Authority(self.directory)
        # the lower node key dials: let that be the lower index here
        self.files = sorted((self.authority.member(f'n{i}')
                             for i in range(3)), key=lambda files: files[2])
        self.members = [
            peers.Peer(i, f'n{i}', '127.0.0.1', 0, files[2])
            for i, files in enumerate(self.files)]

    def run_async(self, coroutine):
        return asyncio.run(coroutine)

    async def make(self, member: int, instance: bytes | None = None,
                   files=None, port: int | None = None) -> Node:
        files = files or self.files[member]
        node = Node(member, instance or bytes([member + 1]) * 16)
        node.hub = peers.PeerHub(
            files[2], node,
            tls.server_context(files[0], files[1], self.authority.file),
            tls.client_context(files[0], files[1], self.authority.file),
            SETTINGS)
        known = self.members[member]
        port = port or known.port or free_port()
        if not known.port:
            self.members[member] = peers.Peer(
                member, known.name, known.host, port, known.node_key)
        await node.hub.start('127.0.0.1', port, ())
        return node

    def introduce(self, *nodes: Node):
        for node in nodes:
            node.hub.update(p for p in self.members
                            if p.member != node.member and p.port)

    async def pair(self):
        nodes = [await self.make(0), await self.make(1)]
        self.introduce(*nodes)
        for node in nodes:
            await node.wait(lambda n: n.ups)
        return nodes

    def test_frames_go_both_ways(self):
        async def scenario():
            a, b = await self.pair()
            self.assertTrue(a.hub.send(1, b'to b'))
            self.assertEqual(1, b.hub.broadcast(b'to a' * 100_000))
            await b.wait(lambda n: n.heard)
            await a.wait(lambda n: n.heard)
            self.assertEqual([(0, b'to b')], b.heard)
            self.assertEqual([(1, b'to a' * 100_000)], a.heard)
            self.assertEqual([1], a.hub.up())
            self.assertFalse(a.hub.send(2, b'nobody'))
            await a.hub.stop()
            await b.wait(lambda n: n.downs)
            await b.hub.stop()
        self.run_async(scenario())

    def test_a_peer_with_another_index_is_greeted_again(self):
        async def scenario():
            a, b = await self.pair()
            self.assertEqual([1], a.hub.up())
            # the last frame before the change still arrives
            a.hub.send(1, b'the last one')
            known = self.members[1]
            a.hub.update([dataclasses.replace(known, member=2)])
            await a.wait(lambda n: len(n.ups) == 2)
            self.assertEqual(([1], [2]), (a.downs, a.hub.up()))
            self.assertIn((0, b'the last one'), b.heard)
            self.assertFalse(a.hub.send(1, b'nobody has this index'))
            # the same once more changes nothing
            a.hub.update([dataclasses.replace(known, member=2)])
            self.assertEqual([1], a.downs)
            for node in (a, b):
                await node.hub.stop()
        self.run_async(scenario())

    def test_a_guest_is_no_member(self):
        async def scenario():
            a, b = await self.pair()
            guest = peers.GUEST_FIRST
            a.hub.update([dataclasses.replace(self.members[1],
                                              member=guest)])
            await a.wait(lambda n: len(n.ups) == 2)
            self.assertEqual(([guest], []), (a.hub.up(),
                                             a.hub.members_up()))
            self.assertEqual(0, a.hub.broadcast(b'for members'))
            self.assertTrue(a.hub.send(guest, b'for the guest'))
            await b.wait(lambda n: n.heard)
            self.assertEqual([(0, b'for the guest')], b.heard)
            # it may not be dialled at all
            a.hub.update([dataclasses.replace(
                self.members[1], member=guest + 1, dialled=False)])
            await b.wait(lambda n: len(n.downs) == 2)
            self.assertEqual([], a.hub.up())
            for node in (a, b):
                await node.hub.stop()
        self.run_async(scenario())

    def test_links_live_on_while_the_authority_changes(self):
        async def scenario():
            a, b = await self.pair()
            new = Authority(self.directory, 'new')
            both = self.directory / 'both.pem'
            both.write_bytes(self.authority.file.read_bytes()
                             + new.file.read_bytes())
            for node, files in zip((a, b), self.files, strict=False):
                with open(files[0], 'rb') as file:
                    old = x509.load_pem_x509_certificate(file.read())
                renewed = f'{files[0]}.renewed'
                with open(renewed, 'wb') as file:
                    file.write(certificates.pem(certificates.reissue(
                        new.key, new.certificate, old, NOW, 2)))
                for trusted in (both, new.file):
                    node.hub.use(files[2], *(
                        make(renewed, files[1], str(trusted)) for make in (
                            tls.server_context, tls.client_context)))
                    await asyncio.sleep(0)
            self.assertEqual(([], []), (a.downs, b.downs))
            self.assertTrue(a.hub.send(1, b'over the old link'))
            await b.wait(lambda n: n.heard)
            # what is made from now on trusts the new authority alone
            a.hub.release('again')
            await a.wait(lambda n: len(n.ups) == 2)
            outsider = tls.client_context(*self.files[2][:2],
                                          str(new.file))
            try:
                reader, writer = await asyncio.open_connection(
                    '127.0.0.1', self.members[1].port, ssl=outsider)
                self.assertEqual(b'', await self.drain(reader))
                writer.close()
            except (ssl.SSLError, ConnectionError):
                pass
            self.assertEqual([0], b.hub.up())
            for node in (a, b):
                await node.hub.stop()
        self.run_async(scenario())

    def test_a_restarted_member_is_dialled_again(self):
        async def scenario():
            a, b = await self.pair()
            await b.hub.stop()
            await a.wait(lambda n: n.downs)
            again = await self.make(1, instance=b'j' * 16)
            self.introduce(again)
            await a.wait(lambda n: len(n.ups) == 2)
            self.assertEqual((1, b'j' * 16), a.ups[-1])
            await a.hub.stop()
            await again.hub.stop()
        self.run_async(scenario())

    def test_a_second_instance_of_one_identity_is_turned_away(self):
        async def scenario():
            a, b = await self.pair()
            # a copy of member 0 dials member 1, which holds the first
            copy = await self.make(0, instance=b'c' * 16, port=free_port())
            self.introduce(copy)
            while not copy.hub.describe()[0]['last_error']:
                await asyncio.sleep(0.01)
            self.assertEqual([], copy.ups)
            self.assertEqual([(0, a.instance)], b.ups)
            self.assertEqual([], b.downs)
            await a.hub.stop()
            await copy.wait(lambda n: n.ups)
            await copy.hub.stop()
            await b.hub.stop()
        self.run_async(scenario())

    def test_who_claims_nothing_gives_way_to_who_does(self):
        async def scenario():
            b = await self.make(1)
            copy = await self.make(0, instance=instances.NOBODY)
            self.introduce(copy, b)
            await b.wait(lambda n: n.ups)
            self.assertFalse(b.hub.claims(0))
            a = await self.make(0, port=free_port())
            self.introduce(a)
            await b.wait(lambda n: len(n.ups) == 2)
            self.assertEqual([(0, instances.NOBODY), (0, a.instance)], b.ups)
            self.assertEqual([0], b.downs)
            self.assertTrue(b.hub.claims(0))
            # it comes again, and is turned away as long as the other is held
            while not copy.hub.describe()[0]['last_error'].startswith('dupl'):
                await asyncio.sleep(0.01)
            self.assertEqual([0], b.downs)
            for node in (a, b, copy):
                await node.hub.stop()
        self.run_async(scenario())

    def test_released_links_are_made_again_after_a_while(self):
        async def scenario():
            a, b = await self.pair()
            a.hub.release('let go', 0.2)
            await b.wait(lambda n: n.downs)
            self.assertEqual([], a.hub.up())
            await a.wait(lambda n: len(n.ups) == 2)
            self.assertEqual([1], a.downs)
            for node in (a, b):
                await node.hub.stop()
        self.run_async(scenario())

    def test_a_hello_is_small(self):
        async def scenario():
            b = await self.make(1)
            b.hub.update([self.members[0]])
            reader, writer = await asyncio.open_connection(
                '127.0.0.1', self.members[1].port,
                ssl=tls.client_context(*self.files[0][:2],
                                       self.authority.file))
            await reader.readexactly(10)
            writer.write((link.HELLO_MAX_BYTES + 1).to_bytes(4, 'big'))
            await self.drain(reader)
            writer.close()
            self.assertEqual([], b.ups)
            await b.hub.stop()
        self.run_async(scenario())

    def test_the_higher_index_may_not_dial(self):
        async def scenario():
            a = await self.make(0)
            a.hub.update([self.members[1]])
            reader, writer = await asyncio.open_connection(
                '127.0.0.1', self.members[0].port,
                ssl=tls.client_context(*self.files[1][:2],
                                       self.authority.file))
            self.assertEqual(b'', await self.drain(reader))
            writer.close()
            self.assertEqual([], a.ups)
            await a.hub.stop()
        self.run_async(scenario())

    @staticmethod
    async def drain(reader):
        try:
            return await asyncio.wait_for(reader.read(), 10)
        except (ConnectionError, ssl.SSLError):
            return b''

    def test_a_certificate_of_the_ca_alone_makes_no_member(self):
        async def scenario():
            b = await self.make(1)
            b.hub.update([self.members[0]])
            stranger = self.authority.member('n0')
            reader, writer = await asyncio.open_connection(
                '127.0.0.1', self.members[1].port,
                ssl=tls.client_context(*stranger[:2], self.authority.file))
            self.assertEqual(b'', await self.drain(reader))
            writer.close()
            self.assertEqual([], b.ups)
            await b.hub.stop()
        self.run_async(scenario())

    def test_another_ca(self):
        async def scenario():
            b = await self.make(1)
            b.hub.update([self.members[0]])
            other = Authority(self.directory, 'other')
            files = other.member('n0')
            context = tls.client_context(*files[:2], self.authority.file)
            try:
                reader, writer = await asyncio.open_connection(
                    '127.0.0.1', self.members[1].port, ssl=context)
            except (ssl.SSLError, ConnectionError):
                pass
            else:
                self.assertEqual(b'', await self.drain(reader))
                writer.close()
            self.assertEqual([], b.ups)
            await b.hub.stop()
        self.run_async(scenario())

    def test_without_a_certificate_or_with_older_tls(self):
        async def scenario():
            b = await self.make(1)
            b.hub.update([self.members[0]])
            bare = ssl.create_default_context(cafile=self.authority.file)
            old = tls.client_context(*self.files[0][:2], self.authority.file)
            old.minimum_version = ssl.TLSVersion.TLSv1_2
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            for context in (bare, old):
                try:
                    reader, writer = await asyncio.open_connection(
                        '127.0.0.1', self.members[1].port, ssl=context)
                except (ssl.SSLError, ConnectionError):
                    continue
                self.assertEqual(b'', await self.drain(reader))
                writer.close()
            self.assertEqual([], b.ups)
            await b.hub.stop()
        self.run_async(scenario())

    def test_garbage_and_huge_frames_close_the_link(self):
        async def scenario():
            b = await self.make(1)
            b.hub.update([self.members[0]])
            context = tls.client_context(*self.files[0][:2],
                                         self.authority.file)
            for bad in (b'\xff\xff\xff\xff', framing.frame(b'garbage'),
                        bytes(4)):
                reader, writer = await asyncio.open_connection(
                    '127.0.0.1', self.members[1].port, ssl=context)
                writer.write(bad)
                await self.drain(reader)
                writer.close()
            self.assertEqual([], b.ups)
            self.assertEqual([], b.hub.up())
            await b.hub.stop()
        self.run_async(scenario())

    def test_the_queue_is_bounded_and_consensus_overtakes(self):
        async def scenario():
            a, b = await self.pair()
            big = bytes(400_000)
            sent = [a.hub.send(1, b'%d' % i + big, bulk=True)
                    for i in range(20)]
            self.assertIn(False, sent)
            self.assertTrue(a.hub.send(1, b'vote'))
            self.assertLessEqual(
                a.hub.describe()[0]['queued_bytes'], SETTINGS.queue_max_bytes)
            self.assertEqual(20 - sum(sent), a.hub.describe()[0]['dropped'])
            await b.wait(lambda n: len(n.heard) == sum(sent) + 1)
            self.assertEqual(b'vote', b.heard[0][1])
            await a.hub.stop()
            await b.hub.stop()
        self.run_async(scenario())

    def test_pings_keep_a_quiet_link_and_end_a_dead_one(self):
        async def scenario():
            a, b = await self.pair()
            await asyncio.sleep(SETTINGS.ping_interval_seconds * 8)
            self.assertEqual([1], a.hub.up())
            # b goes deaf and dumb without closing
            deaf = b.hub._links[0]
            deaf._transport.pause_reading()
            deaf._timer.cancel()
            await a.wait(lambda n: n.downs)
            self.assertIn('pings', a.hub.describe()[0]['last_error'])
            await a.hub.stop()
            await b.hub.stop()
        self.run_async(scenario())

    def test_a_removed_member_is_disconnected(self):
        async def scenario():
            a, b = await self.pair()
            a.hub.update([])
            await a.wait(lambda n: n.downs)
            self.assertEqual([], a.hub.describe())
            await a.hub.stop()
            await b.hub.stop()
        self.run_async(scenario())

    def test_a_taken_port_names_the_option(self):
        async def scenario():
            a = await self.make(0)
            error = None
            try:
                await self.make(1, port=self.members[0].port)
            except errors.BadOption as exc:
                error = exc
            self.assertEqual('bind_port', error.details['option'])
            await a.hub.stop()
        self.run_async(scenario())


class TestContexts(base.TestCase):

    def test_wrong_files_name_their_option(self):
        directory = self.make_directory()
        authority = Authority(directory)
        certificate, key, _ = authority.member('n0')
        other_key = authority.member('n1')[1]
        for files, option in (
                ((certificate, other_key, authority.file),
                 'certificate_file'),
                (('/nonexistent', key, authority.file), 'certificate_file'),
                ((certificate, key, '/nonexistent'), 'ca_file'),
                ((certificate, key, key), 'ca_file')):
            error = self.assertRaises(
                errors.BadOption, tls.server_context, *files)
            self.assertEqual(option, error.details['option'])
        self.assertRaises(errors.BadOption, tls.key_of_file, key)
        self.assertRaises(errors.BadKey, tls.key_of_certificate, b'junk')
