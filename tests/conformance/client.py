#!/usr/bin/env python3
"""client.py sync|async URL longline|other upgrade|polling|websocket: python-socketio, unmodified, against the conformance server.

Both kinds of its client tell the same story: this file awaits what may be awaited. If it is Longline, somebody kills the
server when "ready for a crash" is printed. It upgrades within connect(), if it may.

The client on threads has ways of its own, which this story must respect, or it fails or does not end:
- It hands each packet to a new thread, so that handlers may overtake each other, and an attachment its event.
- disconnect() while it is reconnecting does not keep it from connecting.
- disconnect() while a POST is under way is not told to the server, which holds the last GET until the next ping.
- Its threads are no daemons: a client that is connected keeps the process alive, also after an exception.
"""
import asyncio
import inspect
import os
import sys
import threading
import time
import traceback

import socketio

LATE = 30  # seconds; longer than a heartbeat


class Story:
    def __init__(self, kind, url, transport):
        self.asynchronous = kind == 'async'
        self.transport = transport
        self.url = url
        self.sios = []
        if not self.asynchronous:
            # A thread that is not interrupted has handled its packet before the next one's is started: whatever comes in
            # another order came so from the server.
            sys.setswitchinterval(LATE)

    def transports(self):
        return None if self.transport == 'upgrade' else [self.transport]

    async def do(self, call):
        return await call if inspect.isawaitable(call) else call

    async def until(self, probe, what):
        end = time.monotonic() + LATE
        while not probe():
            if time.monotonic() > end:
                sys.exit(f'waited in vain for {what}')
            # The synchronous client works in threads of its own.
            if self.asynchronous:
                await asyncio.sleep(0.01)
            else:
                time.sleep(0.01)

    async def client(self, namespaces=('/',), auth=None, wait=True):
        options = {'reconnection_delay': 0.05, 'reconnection_delay_max': 0.3, 'request_timeout': LATE}
        sio = (socketio.AsyncClient if self.asynchronous else socketio.Client)(**options)
        sio.got, sio.refused = [], []
        for namespace in namespaces:
            for event in ('auth', 'message-back', 'chat message', 'broadcast', 'room', 'answered', 'disconnect'):
                sio.on(event, lambda *args, event=event: sio.got.append((event, *args)), namespace=namespace)
            sio.on('connect_error', lambda *args: sio.refused.extend(args), namespace=namespace)
            sio.on('question', lambda x: x, namespace=namespace)
        self.sios.append(sio)
        await self.do(sio.connect(self.url, auth=auth, transports=self.transports(), namespaces=list(namespaces), wait=wait, wait_timeout=LATE))
        return sio

    async def expect(self, sio, *event):
        await self.until(lambda: event in sio.got, f'{event}'[:200])
        sio.got.remove(event)

    async def leave(self, sio):
        if sio.connected and not self.asynchronous:
            await self.until(lambda: sio.eio.queue.unfinished_tasks == 0, 'the end of its POST')
        await self.do(sio.disconnect())

    async def tell(self, longline):
        one = await self.client()
        assert one.transport() == ('polling' if self.transport == 'polling' else 'websocket'), one.transport()
        await self.expect(one, 'auth', {})

        await self.do(one.emit('message', ('a', 1, {'b': [True, None]}, 'é😀')))
        await self.expect(one, 'message-back', 'a', 1, {'b': [True, None]}, 'é😀')
        await self.do(one.emit('message', b'\x00\x01\xff'))
        await self.expect(one, 'message-back', b'\x00\x01\xff')
        assert await self.do(one.call('message-with-ack', 'x')) == 'x'
        got = await self.do(one.call('message-with-ack', (b'12', {'in': b'34'})))
        assert tuple(got) == (b'12', {'in': b'34'}), got
        await self.do(one.emit('ask', 42))
        await self.expect(one, 'answered', 42)
        large = 'é😀x' * 45_000  # on the wire this is 855 KB of escapes
        await self.do(one.emit('message', large))
        await self.expect(one, 'message-back', large)

        two = await self.client(('/', '/custom'), {'token': '123'})
        await self.until(lambda: two.got.count(('auth', {'token': '123'})) == 2, 'auth in two namespaces')
        await self.do(two.emit('message', 'to custom', namespace='/custom'))
        await self.expect(two, 'message-back', 'to custom')
        admin = await self.client(('/admin',), {'token': 'secret'})
        assert '/admin' in admin.namespaces
        # Who waits for the namespace is told only after wait_timeout that it is refused.
        refused = await self.client(('/admin',), {'token': 'wrong'}, wait=False)
        await self.until(lambda: refused.refused or refused.namespaces, 'the refusal')
        assert refused.refused[0]['message'] == 'not authorized', refused.refused
        assert not refused.namespaces, '/admin let us in'
        await self.leave(refused)

        assert await self.do(one.call('join', 'red')) == 'ok'
        await self.do(two.emit('room', ('red', 'hello')))
        await self.expect(one, 'room', 'red', 'hello')
        await self.do(two.emit('broadcast', 'hello'))
        await self.expect(one, 'broadcast', 'hello')
        await self.do(two.call('message-with-ack', 'x'))
        assert ('broadcast', 'hello') not in two.got

        # This client ends its connection when an answer has more than 16 packets; only Longline minds that.
        if longline:
            for i in range(300):
                await self.do(two.emit('chat message', i))
            await self.until(lambda: len([e for e in one.got if e[0] == 'chat message']) == 300, '300 messages')
            assert [e[1] for e in one.got if e[0] == 'chat message'] == list(range(300))
            assert 'disconnect' not in [e[0] for e in one.got]

        await self.do(one.emit('bye'))
        await self.until(lambda: not one.connected, 'the end')

        if longline:
            two.got.clear()
            admin.got.clear()
            print('ready for a crash', flush=True)
            await self.until(lambda: ('disconnect',) in two.got, 'the crash')
            await self.until(lambda: two.got.count(('auth', {'token': '123'})) == 2, 'the client to come back')
            await self.do(two.emit('message', 'again'))
            await self.expect(two, 'message-back', 'again')
            await self.until(lambda: ('disconnect',) in admin.got and two.connected and admin.connected, 'all to be back')
        for sio in self.sios:
            await self.leave(sio)
        if not self.asynchronous:
            await self.until(lambda: threading.active_count() == 1, 'the end of its threads')
        print('all is well', flush=True)


try:
    asyncio.run(Story(sys.argv[1], sys.argv[2], sys.argv[4]).tell(sys.argv[3] == 'longline'))
except BaseException:
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)
