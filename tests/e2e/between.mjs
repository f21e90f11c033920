// between.mjs: a proxy between clients and nginx that shows what passes, holds it back, and cuts: requests of Socket.IO's
// polling as packets, and the frames of its WebSockets one by one.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { freePort } from './harness.mjs';

const TEXT = 1, BINARY = 2;

/** The first frame in these bytes, of either side: {opcode, text, size}; undefined if it is not all there. */
function frameOf(bytes) {
	if (bytes.length < 2)
		return undefined;
	const form = bytes[1] & 127, masked = bytes[1] & 0x80;
	let head = 2 + (form === 126 ? 2 : form === 127 ? 8 : 0);
	if (bytes.length < head + (masked ? 4 : 0))
		return undefined;
	const length = form === 126 ? bytes.readUInt16BE(2) : form === 127 ? Number(bytes.readBigUInt64BE(2)) : form;
	const mask = masked ? bytes.subarray(head, head + 4) : undefined;
	head += masked ? 4 : 0;
	if (bytes.length < head + length)
		return undefined;
	const payload = Buffer.from(bytes.subarray(head, head + length));
	if (mask)
		for (let i = 0; i < payload.length; i++)
			payload[i] ^= mask[i & 3];
	return { opcode: bytes[0] & 15, text: payload.toString(), size: head + length };
}

/** What a packet is, in a word: of the tables in Engine.IO's and Socket.IO's protocol. */
export function kindOf(packet) {
	if (packet.startsWith('b'))
		return 'attachment';
	const names = { 0: 'open', 1: 'close', 2: packet === '2probe' ? 'probe' : 'ping', 3: packet === '3probe' ? 'probed' : 'pong', 5: 'upgrade', 6: 'noop' };
	const messages = { 0: 'connect', 1: 'disconnect', 2: 'event', 3: 'ack', 4: 'refusal', 5: 'binary event', 6: 'binary ack' };
	return packet[0] === '4' ? messages[packet[1]] ?? '?' : names[packet[0]] ?? '?';
}

/**
 * Starts one before the server at this port. `pass`, asked before anything is passed on, may give a promise to hold it until
 * then (what comes behind it on the same connection waits, too), and false to cut its connection instead; it is told
 * {by: 'polling' or 'websocket', from: 'client' or 'server', kind, packet}. For a GET's reply and a POST's body it is asked
 * for each of their packets, and they pass together. `trace` is what has passed, in its order. `upgrades: false`: it lets no
 * WebSocket through.
 */
export async function between(t, port, { pass = () => true, upgrades = true } = {}) {
	const self = { trace: [], pass, port: 0, url: '', sockets: new Set() };
	const agent = new http.Agent({ keepAlive: true });

	/** Asks for each; false if one is to be cut. */
	async function ask(by, from, packets) {
		const all = packets.map((packet) => ({ by, from, kind: kindOf(packet), packet }));
		for (const one of all)
			if (await self.pass(one) === false)
				return false;
		self.trace.push(...all);
		return true;
	}
	const packetsOf = (bytes) => (bytes.length ? bytes.toString().split('\x1e') : []);
	const bodyOf = async (stream) => {
		const parts = [];
		for await (const part of stream)
			parts.push(part);
		return Buffer.concat(parts);
	};

	async function request(req, res) {
		const body = await bodyOf(req);
		if (req.method === 'POST' && !await ask('polling', 'client', packetsOf(body)))
			return void req.socket.destroy();
		const onward = http.request({ port, host: '127.0.0.1', method: req.method, path: req.url, headers: req.headers, agent });
		res.on('close', () => onward.destroy());
		onward.end(body);
		const [back] = await once(onward, 'response');
		const answer = await bodyOf(back);
		if (req.method === 'GET' && back.statusCode === 200 && !await ask('polling', 'server', packetsOf(answer)))
			return void req.socket.destroy();
		const { 'transfer-encoding': _, ...headers } = back.headers;
		res.writeHead(back.statusCode, { ...headers, 'content-length': answer.length });
		res.end(answer);
	}

	/** Passes frames from one socket to the other, each when it may. */
	function frames(from, to, name, first) {
		let bytes = first, busy = false;
		const go = async () => {
			if (busy)
				return;
			busy = true;
			for (let frame = frameOf(bytes); frame; frame = frameOf(bytes)) {
				const raw = bytes.subarray(0, frame.size);
				bytes = bytes.subarray(frame.size);
				const packet = frame.opcode === TEXT ? frame.text : frame.opcode === BINARY ? 'b' : undefined;
				if (packet !== undefined && !await ask('websocket', name, [packet])) {
					from.destroy();
					to.destroy();
					return;
				}
				to.write(raw);
			}
			busy = false;
			if (from.readableEnded)
				to.end();
		};
		from.on('data', (part) => {
			bytes = Buffer.concat([bytes, part]);
			go();
		});
		from.on('end', go);
		go();
	}

	function upgrade(req, client, head) {
		self.sockets.add(client);
		client.on('error', () => {});
		if (!upgrades)
			return void client.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
		const server = net.connect({ port, host: '127.0.0.1', noDelay: true });
		self.sockets.add(server);
		server.on('error', () => client.destroy());
		server.on('close', () => client.destroy());
		client.on('close', () => server.destroy());
		const lines = [];
		for (let i = 0; i < req.rawHeaders.length; i += 2)
			lines.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}\r\n`);
		server.write(`${req.method} ${req.url} HTTP/1.1\r\n${lines.join('')}\r\n`);
		frames(client, server, 'client', head);
		let answer = Buffer.alloc(0);
		const onHead = (part) => {
			answer = Buffer.concat([answer, part]);
			const end = answer.indexOf('\r\n\r\n');
			if (end < 0)
				return;
			server.off('data', onHead);
			client.write(answer.subarray(0, end + 4));
			if (/^HTTP\/1\.1 101/.test(answer))
				return void frames(server, client, 'server', answer.subarray(end + 4));
			client.write(answer.subarray(end + 4));
			server.pipe(client);
		};
		server.on('data', onHead);
	}

	const front = http.createServer((req, res) => request(req, res).catch(() => req.socket.destroy()));
	front.keepAliveTimeout = 0;
	front.on('upgrade', upgrade);
	front.listen(await freePort(), '127.0.0.1');
	await once(front, 'listening');
	self.port = front.address().port;
	self.url = `http://127.0.0.1:${self.port}`;
	t.after(() => {
		for (const socket of self.sockets)
			socket.destroy();
		agent.destroy();
		front.closeAllConnections?.(); // node 18.2 and later
		front.close();
	});
	return self;
}
