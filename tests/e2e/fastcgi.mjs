// fastcgi.mjs: a tiny FastCGI client, to speak to the daemon's socket without nginx between.
//
// For what nginx would never send or never lets through: REMOTE_USER, odd parameters, a body split anywhere. And a server
// in the daemon's place, for what nginx sends and what it makes of answers.
import { once } from 'node:events';
import net from 'node:net';

export const BEGIN = 1, ABORT = 2, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, STDERR = 7, DATA = 8, GET_VALUES = 9;

/** One record. Contents longer than 65,535 bytes are the caller's to split. */
export function record(type, content = Buffer.alloc(0), id = 1) {
	const head = Buffer.from([1, type, id >> 8, id & 255, content.length >> 8, content.length & 255, 0, 0]);
	return Buffer.concat([head, content]);
}

/** The record that begins a request. */
export const begin = (keep = false, role = 1, id = 1) => record(BEGIN, Buffer.from([0, role, keep ? 1 : 0, 0, 0, 0, 0, 0]), id);

const size = (n) => {
	if (n < 128)
		return Buffer.from([n]);
	const four = Buffer.alloc(4);
	four.writeUInt32BE((n | 0x80000000) >>> 0);
	return four;
};

/** Name-value pairs as FCGI_PARAMS holds them. */
export function pairs(params) {
	return Buffer.concat(Object.entries(params).flatMap(([name, value]) => {
		const [n, v] = [Buffer.from(name), Buffer.isBuffer(value) ? value : Buffer.from(String(value))];
		return [size(n.length), size(v.length), n, v];
	}));
}

/** The reverse of pairs(). */
function unpaired(bytes) {
	const params = {};
	let at = 0;
	const length = () => {
		const n = bytes[at] < 128 ? bytes[at] : bytes.readUInt32BE(at) & 0x7fffffff;
		at += bytes[at] < 128 ? 1 : 4;
		return n;
	};
	while (at < bytes.length) {
		const [n, v] = [length(), length()];
		params[bytes.toString('utf8', at, at + n)] = bytes.toString('utf8', at + n, at + n + v);
		at += n + v;
	}
	return params;
}

const split = (type, content) => {
	const records = [];
	for (let at = 0; at < content.length; at += 65_535)
		records.push(record(type, content.subarray(at, at + 65_535)));
	records.push(record(type));
	return records;
};

/** A whole request, as nginx would send it. */
export function encode({ method = 'GET', path = '/poll', query = '', params = {}, body, keep = false } = {}) {
	const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body);
	const all = {
		REQUEST_METHOD: method, SCRIPT_NAME: path, QUERY_STRING: query, HTTP_HOST: 'localhost',
		...(body === undefined ? {} : { CONTENT_LENGTH: bytes.length }), ...params,
	};
	return Buffer.concat([
		begin(keep), ...split(PARAMS, pairs(all)), ...split(STDIN, bytes),
	]);
}

/** Takes the records out of a stream's bytes: {records, rest}. */
export function decode(bytes) {
	const records = [];
	let at = 0;
	while (bytes.length - at >= 8) {
		const length = bytes.readUInt16BE(at + 4), padding = bytes[at + 6];
		if (bytes.length - at < 8 + length + padding)
			break;
		records.push({ type: bytes[at + 1], id: bytes.readUInt16BE(at + 2), content: bytes.subarray(at + 8, at + 8 + length) });
		at += 8 + length + padding;
	}
	return { records, rest: bytes.subarray(at) };
}

/** What a server of its own answers a request with. */
export const response = (cgi) => Buffer.concat([...split(STDOUT, Buffer.from(cgi)), record(END, Buffer.alloc(8))]);

/** The request of SCGI at the beginning of a stream's bytes: {pairs, rest}; nothing before it is whole. */
export function netstring(bytes) {
	const colon = bytes.indexOf(':'), end = colon + 1 + Number(bytes.toString('latin1', 0, Math.max(colon, 0)));
	if (colon < 0 || bytes.length <= end)
		return undefined;
	const words = bytes.toString('utf8', colon + 1, end).split('\0');
	if (bytes[end] !== 0x2c || words.pop() !== '' || words.length % 2 !== 0)
		throw new Error(`no netstring of names and values: ${bytes.toString('latin1', 0, 200)}`);
	return { pairs: Array.from({ length: words.length / 2 }, (_, i) => [words[2 * i], words[2 * i + 1]]), rest: bytes.subarray(end + 1) };
}

/**
 * A server in the daemon's place, until the test `t` ends; answers each request with what `answer(params)` gives, or
 * promises: a CGI reply. Gives the socket, and `asked`: the parameters of all requests so far. One by SCGI has SCGI
 * among them; after the answer its connection is closed, or with 101 told to `raw(conn, bytes)`, with what came behind
 * the request. Without `raw` SCGI is not understood.
 */
export async function backend(t, socket, answer, raw) {
	const asked = [];
	const scgi = async (conn, bytes) => {
		const request = netstring(bytes);
		if (request === undefined)
			return conn.once('data', (part) => scgi(conn, Buffer.concat([bytes, part])));
		conn.pause();
		const names = Object.fromEntries(request.pairs);
		asked.push(Object.defineProperty(names, 'pairs', { value: request.pairs }));
		const cgi = await answer(names);
		conn.write(cgi);
		if (!cgi.startsWith('Status: 101 '))
			return conn.end();
		raw(conn, request.rest);
		conn.resume();
	};
	const server = net.createServer((conn) => {
		let bytes = Buffer.alloc(0), params = [];
		conn.on('error', () => {});
		conn.on('data', async function take(part) {
			if (bytes.length === 0 && params.length === 0 && part[0] !== 1) {
				conn.off('data', take);
				return raw == null ? conn.destroy() : scgi(conn, part);
			}
			const { records, rest } = decode(Buffer.concat([bytes, part]));
			bytes = rest;
			for (const { type, content } of records) {
				if (type === PARAMS)
					params.push(content);
				if (type !== STDIN || content.length > 0)
					continue;
				const names = unpaired(Buffer.concat(params));
				params = [];
				asked.push(names);
				conn.write(response(await answer(names)));
			}
		});
	}).listen(socket);
	await once(server, 'listening');
	t.after(() => server.close());
	return { socket, asked };
}

/** A CGI reply (headers, blank line, body) as {status, headers, body, text, json}. */
export function reply(bytes) {
	const end = bytes.indexOf('\r\n\r\n');
	const headers = {};
	for (const line of bytes.subarray(0, end).toString().split('\r\n')) {
		const colon = line.indexOf(':');
		headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
	}
	const body = bytes.subarray(end + 4), text = body.toString();
	let json;
	try {
		json = JSON.parse(text);
	} catch {
		json = undefined;
	}
	return { status: headers.status ? parseInt(headers.status, 10) : 200, headers, body, text, json };
}

/** The reply that these records hold. */
export const replied = (records) => reply(Buffer.concat(records.filter(({ type }) => type === STDOUT).map(({ content }) => content)));

/** A connection to the daemon's socket; `ask` sends one request and resolves to its reply. Ask one thing at a time. */
export async function connect(socket) {
	const conn = net.connect(socket);
	await new Promise((resolve, reject) => conn.once('connect', resolve).once('error', reject));
	let bytes = Buffer.alloc(0), out = [], waiting = null;
	conn.on('data', (part) => {
		const { records, rest } = decode(Buffer.concat([bytes, part]));
		bytes = rest;
		for (const { type, content } of records) {
			if (type === STDOUT) {
				out.push(content);
			} else if (type === END) {
				waiting?.resolve(reply(Buffer.concat(out)));
				[out, waiting] = [[], null];
			}
		}
	});
	const lost = (error) => waiting?.reject(error ?? new Error('the daemon closed the connection'));
	conn.on('close', () => lost());
	conn.on('error', lost);
	return {
		conn,
		write: (part) => conn.write(part),
		/** The reply to whatever was written. */
		answer: () => new Promise((resolve, reject) => {
			waiting = { resolve, reject };
		}),
		ask(options) {
			const answer = this.answer();
			conn.write(encode(options));
			return answer;
		},
		close: () => conn.destroy(),
	};
}

/** One request on a connection of its own. */
export async function fastcgi(socket, options) {
	const conn = await connect(socket);
	try {
		return await conn.ask(options);
	} finally {
		conn.close();
	}
}
