// send.test.mjs: POST /send: what becomes a message, what is refused and how, and that a key makes it exactly once.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fastcgi } from './fastcgi.mjs';
import { curl, problem, request, room, server, session, start, tempDir } from './harness.mjs';

const AT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const JSON_TYPE = { 'Content-Type': 'application/json' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const PLAIN = { 'Content-Type': 'text/plain' };

/** The messages of a room, oldest first. */
const all = async (s, name) => (await s.poll({ room: name, since: 'all', wait: 0, limit: 1000 })).json.messages;
/** The only message of a room. */
const only = async (s, name) => {
	const messages = await all(s, name);
	assert.equal(messages.length, 1, JSON.stringify(messages));
	return messages[0];
};
const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);

describe('send: what is accepted', () => {
	const s = server();

	it('answers 201 with id, room and at, and the row is in the file by then', async () => {
		const r = room();
		const res = await s.post('/send', JSON.stringify({ room: r, sender: 'ann', text: 'hi' }), JSON_TYPE);
		assert.equal(res.status, 201, res.text);
		assert.match(res.headers['content-type'], /^application\/json/);
		assert.deepEqual(Object.keys(res.json), ['id', 'room', 'at']);
		assert.ok(Number.isInteger(res.json.id) && res.json.id >= 1);
		assert.equal(res.json.room, r);
		assert.match(res.json.at, AT);
		assert.ok(Math.abs(Date.parse(res.json.at) - Date.now()) < 60_000, res.json.at);
		const [row] = await s.rows(`SELECT * FROM messages WHERE id = ${res.json.id}`);
		assert.deepEqual({ ...row, at: '' }, {
			id: res.json.id, room: r, event: 'chat message', sender: 'ann', text: 'hi', args: null, attachments: 0, by: null,
			key: null, at: '', changes: null, edited: null, format: null,
		});
		assert.deepEqual(await only(s, r), {
			id: res.json.id, room: r, event: 'chat message', sender: 'ann', text: 'hi', at: res.json.at,
		});
	});

	it('gives ids in order, from 1, never the same twice', async () => {
		const r = room();
		const ids = [];
		for (let i = 0; i < 5; i++)
			ids.push(await s.sent(`m${i}`, { room: r }));
		assert.deepEqual(ids, [...ids].sort((a, b) => a - b));
		assert.equal(new Set(ids).size, 5);
		assert.equal(await s.sql('SELECT min(id) FROM messages'), '1');
	});

	it('defaults to the room main, the event "chat message" and an empty sender', async () => {
		const { json } = await s.post('/send', 'plain words');
		assert.equal(json.room, 'main');
		const { messages } = (await s.poll({ since: json.id - 1, wait: 0 })).json;
		assert.equal(messages[0].id, json.id);
		assert.equal(messages[0].event, 'chat message');
		assert.equal(messages[0].sender, '');
	});

	describe('plain text', () => {
		for (const [name, headers] of [['text/plain', PLAIN], ['text/plain with a charset', { 'Content-Type': 'Text/Plain; charset=UTF-8' }], ['no type', {}]]) {
			it(`takes the body of ${name} as it is`, async () => {
				const r = room();
				const text = ' text=a&b=%41+c\r\n\t"ünï" 😀 \u0000 end\n';
				assert.equal((await s.post(`/send?room=${r}`, text, headers)).status, 201);
				assert.equal((await only(s, r)).text, text);
			});
		}

		it('takes a body without a length (chunked)', async () => {
			const r = room();
			const res = await curl(`${s.url}/send?room=${r}`, '-H', 'Content-Type: text/plain', '-H', 'Transfer-Encoding: chunked',
				'--data-binary', 'in pieces');
			assert.equal(res.json?.room, r, res.stdout);
			assert.equal((await only(s, r)).text, 'in pieces');
		});
	});

	describe('forms, and what only looks like one', () => {
		const form = (r, body) => s.post(`/send?room=${r}`, body, FORM);

		for (const [body, want] of [
			['text=hi', { text: 'hi' }],
			['text=a+b%20c%2Bd', { text: 'a b c+d' }],
			['text=gr%C3%BC%c3%9fe', { text: 'grüße' }],
			['text=100%', { text: '100%' }],
			['text=%zz%4', { text: '%zz%4' }],
			['text=%4g%41', { text: '%4gA' }],
			['text=%00x', { text: '\u0000x' }],
			['text=a=b', { text: 'a=b' }],
			['sender=ann&text=hi&event=note', { text: 'hi', sender: 'ann', event: 'note' }],
			['text=hi&sender=', { text: 'hi', sender: '' }],
			['text=hi&sender=J%C3%BCrgen+K.', { text: 'hi', sender: 'Jürgen K.' }],
			['text=hi&key=k1', { text: 'hi' }],
		]) {
			it(`is a form: ${body}`, async () => {
				const r = room();
				assert.equal((await form(r, body)).status, 201);
				const message = await only(s, r);
				for (const [name, value] of Object.entries(want))
					assert.equal(message[name], value);
			});
		}

		it('is a form that names its room', async () => {
			const r = room();
			assert.equal((await s.post('/send', `text=hi&room=${r}`, FORM)).json.room, r);
			assert.equal((await only(s, r)).text, 'hi');
		});

		for (const body of [
			'hello', 'disk = 91%', 'a=b', 'text', 'text=a&text=b', 'text=a&sender', 'text=a&colour=red', 'room=ops', 'sender=ann&room=x',
			'sender=a&sender=b&text=c', 'text=a&args=[1]', 'Text=a', 'a+b%41', '{"text":"no"}', 'x&text=a', 'text =a', 'key=1&event=2', '&',
		]) {
			it(`is the text itself: ${body}`, async () => {
				const r = room();
				assert.equal((await form(r, body)).status, 201);
				assert.equal((await only(s, r)).text, body);
			});
		}

		it('does what curl -d says', async () => {
			const r = room();
			const res = await curl('-d', 'disk = 91%', `${s.url}/send?room=${r}`);
			assert.equal(res.json?.room, r, res.stdout);
			await curl('--data-urlencode', 'text=50% & more', '-d', 'sender=cron', `${s.url}/send?room=${r}`);
			assert.deepEqual((await all(s, r)).map((m) => [m.text, m.sender]), [['disk = 91%', ''], ['50% & more', 'cron']]);
		});
	});

	describe('JSON', () => {
		const json = (body, params = '') => s.post(`/send${params}`, typeof body === 'string' ? body : JSON.stringify(body), JSON_TYPE);

		for (const text of ['x', 'a\u0000b', '\u0000', '😀\u{10ffff}', 'line\nline\r\n\t\u2028\u2029', '"\\/\b\f', '\u007f\u0080\u009f', '</script>', '\uffff\ufffe\ufeff']) {
			it(`keeps the text ${JSON.stringify(text)}`, async () => {
				const r = room();
				assert.equal((await json({ room: r, text })).status, 201);
				assert.equal((await only(s, r)).text, text);
				assert.equal((await s.history({ room: r })).json.messages[0].text, text);
			});
		}

		it('understands every escape', async () => {
			const r = room();
			await json(`{ "room" : "${r}" , "text":"\\u00e4\\ud83d\\ude00\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000"}\n`);
			assert.equal((await only(s, r)).text, 'ä😀"\\/\b\f\n\r\t\u0000');
		});

		for (const args of [[], [1], ['a', 'b'], [null], [true, false, -1.5e-7, 'x', { a: [{ b: {} }] }], [{ text: 'hi' }], [['x']]]) {
			it(`keeps the arguments ${JSON.stringify(args)}`, async () => {
				const r = room();
				assert.equal((await json({ room: r, args })).status, 201);
				const message = await only(s, r);
				assert.deepEqual(message.args, args);
				assert.ok(!('text' in message));
				assert.deepEqual((await s.history({ room: r })).json.messages, [message]);
			});
		}

		for (const text of ['one string', '', 'nul \u0000']) {
			it(`delivers args of exactly one string as text: ${JSON.stringify(text)}`, async () => {
				const r = room();
				assert.equal((await json({ room: r, args: [text] })).status, 201);
				const message = await only(s, r);
				assert.equal(message.text, text);
				assert.ok(!('args' in message));
			});
		}

		it('keeps big and odd numbers as they came', async () => {
			const r = room();
			await json(`{"room":"${r}","args":[12345678901234567890,1.10,1E400]}`);
			const { text } = await s.poll({ room: r, since: 'all', wait: 0 });
			assert.ok(text.includes('[12345678901234567890,1.10,1E400]'), text);
		});

		it('takes every field', async () => {
			const r = room();
			assert.equal((await json({ room: r, sender: 'bob', event: 'alarm', args: [1, 2], key: 'k' })).status, 201);
			const message = await only(s, r);
			assert.deepEqual(Object.keys(message), ['id', 'room', 'event', 'sender', 'args', 'at']);
			assert.equal(message.event, 'alarm');
			assert.equal(message.sender, 'bob');
		});

		it('takes a type with a charset, in any case', async () => {
			const res = await s.post('/send', '{"text":"x"}', { 'Content-Type': 'Application/JSON; charset=utf-8' });
			assert.equal(res.status, 201);
		});

		it('takes args 1,000 deep, its own array counted, and gives them back', async () => {
			const r = room();
			const deep = nested(1000);
			assert.equal((await json(`{"room":"${r}","args":${deep}}`)).status, 201);
			assert.ok((await s.poll({ room: r, since: 'all', wait: 0 })).text.includes(deep));
			problem(assert, await json(`{"room":"${r}","args":${nested(1001)}}`), 400, 'too_deep', /1,?000/);
			problem(assert, await json(`{"room":"${r}","args":${nested(100_000)}}`), 400, 'too_deep');
			const objects = (depth) => `[${'{"a":'.repeat(depth - 2)}[]${'}'.repeat(depth - 2)}]`;
			assert.equal((await json(`{"room":"${r}","args":${objects(1000)}}`)).status, 201);
			problem(assert, await json(`{"room":"${r}","args":${objects(1001)}}`), 400, 'too_deep');
		});

		it('stores a body of exactly 1,000,000 bytes, and gives it back whole', async () => {
			const r = room();
			const frame = `{"room":"${r}","text":""}`;
			const text = 'x'.repeat(1_000_000 - frame.length);
			assert.equal((await json({ room: r, text })).status, 201);
			assert.equal((await only(s, r)).text, text);
			assert.equal((await s.history({ room: r })).json.messages[0].text.length, text.length);
		});

		it('counts limits in bytes and allows them to the last', async () => {
			const r = 'A-b_9.'.padEnd(64, 'z').slice(0, 64 - String(process.pid).length) + process.pid;
			assert.equal(r.length, 64);
			const [sender, event, key] = ['ü'.repeat(32), '€'.repeat(42) + 'xy', 'ü'.repeat(64)];
			assert.equal((await json({ room: r, sender, event, key, text: 'full' })).status, 201);
			const message = await only(s, r);
			assert.equal(message.sender, sender);
			assert.equal(message.event, event);
			assert.equal(await s.sql(`SELECT key FROM messages WHERE room = '${r}'`), key);
		});
	});

	describe('the query string', () => {
		it('gives room, sender and event', async () => {
			const r = room();
			assert.equal((await s.post(`/send?room=${r}&sender=J%C3%BC+rgen&event=a%20b`, 'x', PLAIN)).status, 201);
			const message = await only(s, r);
			assert.equal(message.sender, 'Jü rgen');
			assert.equal(message.event, 'a b');
		});

		for (const [type, body] of [[JSON_TYPE, (r) => JSON.stringify({ room: r, sender: 'b', event: 'be', key: 'bk', text: 'x' })],
			[FORM, (r) => `room=${r}&sender=b&event=be&key=bk&text=x`]]) {
			it(`gives way to the body (${type['Content-Type']})`, async () => {
				const [r, other] = [room(), room()];
				const res = await s.post(`/send?room=${other}&sender=q&event=qe&key=qk`, body(r), type);
				assert.equal(res.json.room, r);
				const [row] = await s.rows(`SELECT sender, event, key FROM messages WHERE id = ${res.json.id}`);
				assert.deepEqual(row, { sender: 'b', event: 'be', key: 'bk' });
			});
		}

		it('fills in what the body leaves out', async () => {
			const r = room();
			await s.post(`/send?room=${r}&sender=q`, JSON.stringify({ event: 'be', text: 'x' }), JSON_TYPE);
			await s.post(`/send?room=${r}&event=qe`, 'text=x&sender=b', FORM);
			assert.deepEqual((await all(s, r)).map((m) => [m.sender, m.event]), [['q', 'be'], ['b', 'qe']]);
		});

		it('ignores parameters that begin with _', async () => {
			assert.equal((await s.post(`/send?room=${room()}&_=1&_=2&_x=`, 'x', PLAIN)).status, 201);
		});

		it('allows an empty sender', async () => {
			const r = room();
			assert.equal((await s.post(`/send?room=${r}&sender=`, 'x', PLAIN)).status, 201);
			assert.equal((await only(s, r)).sender, '');
		});
	});
});

describe('send: what is refused', () => {
	const s = server();
	const json = (body, params = '') => s.post(`/send${params}`, typeof body === 'string' ? body : JSON.stringify(body), JSON_TYPE);

	for (const [what, body, code, detail] of [
		['nothing', '', 'bad_json'],
		['half an object', '{"text":"x"', 'bad_json'],
		['something after the object', '{"text":"x"} {}', 'bad_json'],
		['a word after the object', '{"text":"x"}y', 'bad_json'],
		['half a string after the object', '{"text":"x"}"', 'bad_json'],
		['more of it', '{"text":"x"}"and so on', 'bad_json'],
		['a NUL after the object', '{"text":"x"}\u0000', 'bad_json'],
		['a byte order mark', '\ufeff{"text":"x"}', 'bad_json'],
		['an array', '["x"]', 'bad_json'],
		['a string', '"x"', 'bad_json'],
		['a number', '1', 'bad_json'],
		['words', 'hello', 'bad_json'],
		['single quotes', "{'text':'x'}", 'bad_json'],
		['a comment', '{"text":"x"/**/}', 'bad_json'],
		['a comma too many', '{"text":"x",}', 'bad_json'],
		['a control character in a string', '{"text":"a\nb"}', 'bad_json'],
		['an unknown escape', '{"text":"\\x41"}', 'bad_json'],
		['NaN', '{"args":[NaN]}', 'bad_json'],
		['a leading zero', '{"args":[01]}', 'bad_json'],
		['a lone high surrogate', '{"text":"a\\ud800"}', 'bad_json'],
		['a lone high surrogate before something', '{"text":"\\ud800x"}', 'bad_json'],
		['a lone low surrogate', '{"text":"\\udc00"}', 'bad_json'],
		['two high surrogates', '{"text":"\\ud800\\ud800"}', 'bad_json'],
		['a lone surrogate in args', '{"args":[1,{"a":["\\uD83D"]}]}', 'bad_json'],
		['a lone surrogate in a name', '{"args":[{"\\ude00":1}]}', 'bad_json'],
		['an unknown member', { text: 'x', colour: 'red' }, 'unknown_member', /colour/],
		['attachments', { text: 'x', attachments: [] }, 'unknown_member', /attachments/],
		['an id', { id: 4, text: 'x' }, 'unknown_member', /\bid\b/],
		['neither text nor args', { room: 'x' }, 'missing_text'],
		['an empty object', {}, 'missing_text'],
		['text and args', { text: 'x', args: ['x'] }, 'bad_field', /args/],
		['empty text', { text: '' }, 'empty_text'],
		['a number as text', { text: 5 }, 'bad_field', /text/],
		['null as text', { text: null }, 'bad_field', /text/],
		['an object as args', { args: {} }, 'bad_field', /args/],
		['a string as args', { args: 'x' }, 'bad_field', /args/],
		['a room with a blank', { room: 'a b', text: 'x' }, 'bad_field', /room/],
		['a room with a slash', { room: '/x', text: 'x' }, 'bad_field', /room/],
		['a room with an umlaut', { room: 'ä', text: 'x' }, 'bad_field', /room/],
		['the room *', { room: '*', text: 'x' }, 'bad_field', /room/],
		['an empty room', { room: '', text: 'x' }, 'bad_field', /room/],
		['a room of 65', { room: 'r'.repeat(65), text: 'x' }, 'bad_field', /room.*64|64.*room/],
		['a number as room', { room: 1, text: 'x' }, 'bad_field', /room/],
		['an empty event', { event: '', text: 'x' }, 'bad_field', /event/],
		['an event of 129', { event: 'e'.repeat(129), text: 'x' }, 'bad_field', /128/],
		['an event of 129 bytes in fewer characters', { event: 'ü'.repeat(64) + 'x', text: 'x' }, 'bad_field', /128/],
		['a sender of 65', { sender: 's'.repeat(65), text: 'x' }, 'bad_field', /64/],
		['a sender of 66 bytes in fewer characters', { sender: 'ü'.repeat(33), text: 'x' }, 'bad_field', /64/],
		['a list as sender', { sender: [], text: 'x' }, 'bad_field', /sender/],
		['a key of 129', { key: 'k'.repeat(129), text: 'x' }, 'bad_field', /128/],
		['an empty key', { key: '', text: 'x' }, 'bad_field', /key/],
	]) {
		it(`refuses JSON with ${what}`, async () => {
			problem(assert, await json(body), 400, code, detail);
		});
	}

	for (const [what, body, type, code] of [
		['an empty plain body', '', PLAIN, 'empty_text'],
		['an empty body without a type', '', {}, 'empty_text'],
		['an empty form', '', FORM, 'empty_text'],
		['a form with an empty text', 'text=', FORM, 'empty_text'],
		['a form with a bad room', 'text=x&room=a/b', FORM, 'bad_field'],
		['a form with an empty room', 'text=x&room=', FORM, 'bad_field'],
		['a form with too long a sender', `text=x&sender=${'s'.repeat(65)}`, FORM, 'bad_field'],
		['a form that decodes to bad UTF-8', 'text=%ff', FORM, 'bad_utf8'],
		['a form whose sender is bad UTF-8', 'text=x&sender=%c3', FORM, 'bad_utf8'],
	]) {
		it(`refuses ${what}`, async () => {
			problem(assert, await s.post('/send', body, type), 400, code);
		});
	}

	for (const [what, hex] of [
		['a stray byte', '61ff62'], ['a lone continuation', '80'], ['a cut sequence', '61c3'], ['an overlong slash', 'c0af'],
		['an overlong three', 'e08080'], ['a surrogate', 'eda080'], ['beyond U+10FFFF', 'f4908080'], ['five bytes', 'f888808080'],
	]) {
		it(`refuses bad UTF-8: ${what}`, async () => {
			const bytes = Buffer.from(hex, 'hex');
			problem(assert, await s.post('/send', bytes, PLAIN), 400, 'bad_utf8');
			problem(assert, await s.post('/send', bytes, FORM), 400, 'bad_utf8');
			const quoted = Buffer.concat([Buffer.from('{"text":"'), bytes, Buffer.from('"}')]);
			problem(assert, await s.post('/send', quoted, JSON_TYPE), 400, 'bad_utf8');
		});
	}

	for (const [params, code, detail] of [
		['?colour=red', 'unknown_parameter', /colour/],
		['?text=x', 'unknown_parameter', /text/],
		['?wait=1', 'unknown_parameter', /wait/],
		['?room=a&room=a', 'duplicate_parameter', /room/],
		['?sender=a&sender=b', 'duplicate_parameter', /sender/],
		['?room=a/b', 'bad_parameter', /room/],
		['?room=', 'bad_parameter', /'room' must be 1 to 64 /],
		['?room', 'bad_parameter', /'room' must be 1 to 64 /],
		['?room=*', 'bad_parameter', /room/],
		[`?room=${'r'.repeat(65)}`, 'bad_parameter', /64/],
		['?event=', 'bad_parameter', /'event' must be 1 to 128 /],
		[`?event=${'e'.repeat(129)}`, 'bad_parameter', /128/],
		[`?sender=${'s'.repeat(65)}`, 'bad_parameter', /64/],
		['?key=', 'bad_parameter', /'key' must be 1 to 128 /],
		[`?key=${'k'.repeat(129)}`, 'bad_parameter', /128/],
	]) {
		it(`refuses ${params.slice(0, 40)}`, async () => {
			problem(assert, await s.post(`/send${params}`, 'x', PLAIN), 400, code, detail);
		});
	}

	it('refuses bad UTF-8 in a parameter', async () => {
		const res = await s.post('/send?sender=%ff', 'x', PLAIN);
		assert.equal(res.status, 400);
		assert.match(res.json.code, /^(bad_utf8|bad_parameter)$/);
	});

	it('refuses other types with 415', async () => {
		for (const type of ['application/xml', 'text/html', 'multipart/form-data; boundary=x', 'application/jsonx'])
			problem(assert, await s.post('/send', 'x', { 'Content-Type': type }), 415, 'unsupported_media_type');
	});

	it('refuses other methods with 405 and Allow', async () => {
		for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
			const res = await s.request('/send', { method, headers: PLAIN, body: method === 'GET' ? undefined : 'x' });
			problem(assert, res, 405, 'method_not_allowed');
			assert.match(res.headers.allow, /\bPOST\b/);
			assert.doesNotMatch(res.headers.allow, /\bGET\b/);
		}
		const head = await s.request('/send', { method: 'HEAD' });
		assert.equal(head.status, 405);
		assert.equal(head.body.length, 0);
	});

	it('answers OPTIONS with 204', async () => {
		const res = await s.request('/send', { method: 'OPTIONS' });
		assert.equal(res.status, 204);
		assert.equal(res.body.length, 0);
	});

	it('stored none of all that', async () => {
		assert.equal(await s.sql('SELECT count(*) FROM messages'), '0');
	});

	it('refuses a body over body-max, from the daemon and from nginx, in the same words', async () => {
		problem(assert, await s.post('/send', 'x'.repeat(1_000_001), PLAIN), 413, 'body_too_large', /1,?000,?000/);
		const file = path.join(tempDir(), 'big');
		fs.writeFileSync(file, 'x'.repeat(8_000_000));
		const res = await curl('-w', '\n%{http_code} %{content_type}', '--data-binary', `@${file}`, '-H', 'Content-Type: text/plain',
			'-H', 'Expect:', `${s.url}/send`);
		const [body, last] = res.stdout.split(/\n(?=[^\n]*$)/);
		assert.match(last, /^413 application\/problem\+json/);
		assert.equal(JSON.parse(body).code, 'body_too_large');
		assert.equal(JSON.parse(body).status, 413);
		assert.equal(await s.sql('SELECT count(*) FROM messages'), '0');
	});

	it('says 404 for a path that is none', async () => {
		problem(assert, await fastcgi(s.socket, { path: '/sendx', method: 'POST', body: 'x' }), 404, 'not_found');
		assert.equal((await s.get('/nothing')).status, 404);
	});
});

describe('send: keys', () => {
	const s = server();
	const json = (body, headers = {}, params = '') => s.post(`/send${params}`, JSON.stringify(body), { ...JSON_TYPE, ...headers });

	it('answers a repeated key with 200, the same body and Idempotent-Replayed', async () => {
		const r = room();
		const body = { room: r, sender: 'ann', event: 'e', text: 'once', key: 'k' };
		const first = await json(body);
		assert.equal(first.status, 201);
		assert.ok(!('idempotent-replayed' in first.headers));
		const second = await json(body);
		assert.equal(second.status, 200);
		assert.equal(second.headers['idempotent-replayed'], 'true');
		assert.deepEqual(second.json, first.json);
		await only(s, r);
	});

	it('takes the key from header, query or body, whatever the form', async () => {
		const r = room();
		const first = await s.post(`/send?room=${r}`, 'x', { ...PLAIN, 'Idempotency-Key': 'k' });
		assert.equal(first.status, 201);
		for (const again of [
			await s.post(`/send?room=${r}&key=k`, 'x', PLAIN),
			await s.post('/send', `room=${r}&key=k&text=x`, FORM),
			await json({ room: r, key: 'k', text: 'x' }),
			await json({ room: r, key: 'k', args: ['x'] }),
			await s.post(`/send?room=${r}`, 'x', { 'Idempotency-Key': 'k' }),
		]) {
			assert.equal(again.status, 200, again.text);
			assert.equal(again.json.id, first.json.id);
		}
	});

	it('lets `key` win over the header, and the body over the query', async () => {
		const r = room();
		const key = async (res) => s.sql(`SELECT key FROM messages WHERE id = ${res.json.id}`);
		assert.equal(await key(await json({ room: r, key: 'body', text: '1' }, { 'Idempotency-Key': 'header' }, '?key=query')), 'body');
		assert.equal(await key(await json({ room: r, text: '2' }, { 'Idempotency-Key': 'header' }, '?key=query')), 'query');
		assert.equal(await key(await json({ room: r, text: '3' }, { 'Idempotency-Key': 'header' })), 'header');
	});

	it('refuses the key with another message: 422', async () => {
		const r = room();
		const body = { room: r, sender: 'ann', event: 'e', text: 'one', key: 'k' };
		await json(body);
		for (const other of [{ text: 'two' }, { sender: 'bob' }, { event: 'f' }, { text: undefined, args: ['one', 2] }])
			problem(assert, await json({ ...body, ...other }), 422, 'key_conflict');
		await only(s, r);
		const args = { room: r, args: [1, { a: 2 }], key: 'k2' };
		assert.equal((await json(args)).status, 201);
		assert.equal((await json(args)).status, 200);
		problem(assert, await json({ ...args, args: [1, { a: 3 }] }), 422, 'key_conflict');
	});

	it('is a key of its room', async () => {
		const ids = new Set();
		for (const r of [room(), room(), room()]) {
			const res = await json({ room: r, text: 'x', key: 'k' });
			assert.equal(res.status, 201);
			ids.add(res.json.id);
		}
		assert.equal(ids.size, 3);
	});

	it('stores one of many at the same moment', async () => {
		const r = room();
		const answers = await Promise.all(Array.from({ length: 40 }, () => json({ room: r, text: 'storm', key: 'k' })));
		assert.equal(answers.filter((a) => a.status === 201).length, 1);
		assert.equal(answers.filter((a) => a.status === 200 && a.headers['idempotent-replayed'] === 'true').length, 39);
		assert.equal(new Set(answers.map((a) => a.text)).size, 1);
		await only(s, r);
	});

	it('refuses the others of many with the same key but different texts', async () => {
		const r = room();
		const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => json({ room: r, text: `storm ${i}`, key: 'k' })));
		assert.equal(answers.filter((a) => a.status === 201).length, 1);
		for (const res of answers.filter((a) => a.status !== 201))
			problem(assert, res, 422, 'key_conflict');
		await only(s, r);
	});

	it('keeps the key as long as its message', async () => {
		const r = room();
		const first = await json({ room: r, text: 'x', key: 'k' });
		await s.sql(`DELETE FROM messages WHERE id = ${first.json.id}`);
		const second = await json({ room: r, text: 'y', key: 'k' });
		assert.equal(second.status, 201);
		assert.ok(second.json.id > first.json.id);
	});

	it('replays what another program stored under that key', async () => {
		const r = room();
		const id = await s.sql(`INSERT INTO messages(room, text, key) VALUES('${r}', 'x', 'k') RETURNING id`);
		const res = await json({ room: r, text: 'x', key: 'k' });
		assert.equal(res.status, 200, res.text);
		assert.equal(res.json.id, Number(id));
		problem(assert, await json({ room: r, text: 'y', key: 'k' }), 422, 'key_conflict');
	});

	it('replays empty text sent as args', async () => {
		const r = room();
		const first = await json({ room: r, args: [''], key: 'k' });
		const second = await json({ room: r, args: [''], key: 'k' });
		assert.deepEqual([first.status, second.status, second.json.id], [201, 200, first.json.id]);
		problem(assert, await json({ room: r, args: [], key: 'k' }), 422, 'key_conflict');
	});

	it('allows 128 bytes in the header and no more', async () => {
		const r = room();
		assert.equal((await s.post(`/send?room=${r}`, 'x', { 'Idempotency-Key': 'k'.repeat(128) })).status, 201);
		const long = await s.post(`/send?room=${r}`, 'x', { 'Idempotency-Key': 'k'.repeat(129) });
		assert.equal(long.status, 400);
		assert.match(long.json.code, /^bad_(field|parameter)$/);
		assert.match(long.json.detail, /128/);
	});
});

describe('send: origins', () => {
	const s = server({ env: { LISTEN: '127.0.0.1' } }); // for any host
	const from = (Origin) => s.post('/send', `text=hi&room=${room()}`, { ...FORM, Origin });

	it('takes our own and none', async () => {
		assert.equal((await from(s.url)).status, 201);
		assert.equal((await s.post('/send', 'x')).status, 201);
		const named = await request(`http://localhost:${s.port}/send`, { method: 'POST', body: 'x',
			headers: { Host: `chat.example:${s.port}`, Origin: `http://chat.example:${s.port}` } });
		assert.equal(named.status, 201, named.text);
	});

	it('refuses all others, and stores nothing', async () => {
		const before = await s.sql('SELECT count(*) FROM messages');
		for (const origin of ['http://evil.example', 'https://evil.example:8080', 'null', `${s.url}0`, `${s.url}.evil.example`, 'http://127.0.0.1', 'garbage'])
			problem(assert, await from(origin), 403, 'forbidden_origin');
		assert.equal(await s.sql('SELECT count(*) FROM messages'), before);
	});
});

describe('send: REMOTE_USER and the path', () => {
	const s = server();
	const send = (body, type, { user = 'ann', query = '', path: name = '/send' } = {}) =>
		fastcgi(s.socket, { method: 'POST', path: name, query, body, params: { CONTENT_TYPE: type, REMOTE_USER: user } });

	it('overrides the sender of every form', async () => {
		const r = room();
		const answers = [
			await send(JSON.stringify({ room: r, sender: 'mallory', text: 'json' }), 'application/json'),
			await send(`room=${r}&sender=mallory&text=form`, 'application/x-www-form-urlencoded'),
			await send('plain', 'text/plain', { query: `room=${r}&sender=mallory` }),
			await send('nobody said', '', { query: `room=${r}` }),
		];
		for (const res of answers)
			assert.equal(res.status, 201, res.text);
		assert.deepEqual((await all(s, r)).map((m) => m.sender), ['ann', 'ann', 'ann', 'ann']);
	});

	it('means nothing when empty', async () => {
		const r = room();
		await send('plain', 'text/plain', { query: `room=${r}&sender=bob`, user: '' });
		assert.equal((await only(s, r)).sender, 'bob');
	});

	it('looks at the last part of the path', async () => {
		const r = room();
		assert.equal((await send('x', 'text/plain', { query: `room=${r}`, path: '/chat/send' })).status, 201);
		assert.equal((await fastcgi(s.socket, { path: '/a/b/poll', query: `room=${r}&since=all` })).json.messages.length, 1);
	});
});

describe('send: limits made small', () => {
	const s = server({ flags: '--body-max 2000 --message-max 1000 --depth-max 5' });
	const json = (body) => s.post('/send', typeof body === 'string' ? body : JSON.stringify(body), JSON_TYPE);

	it('refuses a body over body-max', async () => {
		problem(assert, await s.post('/send', 'x'.repeat(2001), PLAIN), 413, 'body_too_large', /2,?000/);
		problem(assert, await s.post('/send', `text=${'%41'.repeat(700)}`, FORM), 413, 'body_too_large', /2,?000/);
		const filler = ' '.repeat(1900);
		assert.equal((await json(`{"text":"x"${filler}}`)).status, 201);
	});

	it('refuses a message over message-max', async () => {
		problem(assert, await s.post('/send', 'x'.repeat(1001), PLAIN), 413, 'message_too_large', /1,?000/);
		problem(assert, await json({ args: [1, 'x'.repeat(1001)] }), 413, 'message_too_large', /1,?000/);
		assert.equal((await s.post('/send', 'x'.repeat(800), PLAIN)).status, 201);
	});

	it('refuses args nested deeper than depth-max', async () => {
		assert.equal((await json(`{"args":${nested(5)}}`)).status, 201);
		assert.equal((await json('{"args":[{"a":{"b":[[]]}}]}')).status, 201);
		problem(assert, await json(`{"args":${nested(6)}}`), 400, 'too_deep', /5/);
		problem(assert, await json('{"args":[{"a":{"b":[[{}]]}}]}'), 400, 'too_deep', /5/);
	});
});

// Another program holds the database's lock: the writer waits with what it has, and sends gather behind it.
describe('send: a full queue', () => {
	for (const [flags, text] of [['--queue-max 2', 'x'], ['--queue-bytes 100000', 'x'.repeat(45_000)]]) {
		it(`answers 503 queue_full and stores the others (${flags})`, async (t) => {
			const s = await start({ flags: `${flags} --lock-wait 120`, t });
			const other = session(s.db, { t });
			await other.run('BEGIN IMMEDIATE;');
			const sends = Array.from({ length: 12 }, (_, i) => s.post('/send?room=q', `${text}${i}`, PLAIN));
			const full = await Promise.race(sends);
			problem(assert, full, 503, 'queue_full');
			assert.match(full.headers['retry-after'], /^\d+$/);
			await other.run('ROLLBACK;');
			const answers = await Promise.all(sends);
			const stored = answers.filter((a) => a.status === 201).length;
			assert.ok(stored >= 1 && stored <= 8, `${stored} stored`);
			for (const res of answers.filter((a) => a.status !== 201))
				problem(assert, res, 503, 'queue_full');
			assert.equal((await all(s, 'q')).length, stored);
			assert.equal((await s.post('/send?room=q', 'after', PLAIN)).status, 201);
		});
	}
});
