// format.test.mjs: a text is plain unless its sender says that it is Markdown: how that is said, who is told, and what changes
// of it.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { connected, io } from '../conformance/clients.mjs';
import { longline, problem, room, run, server, tempDir, until } from './harness.mjs';
import { EVENTS, stream } from './streams.mjs';

const MARKDOWN = { 'Content-Type': 'text/markdown' };

describe('format: of a message', () => {
	const s = server();
	const send = (body, headers = {}) => s.post('/send', JSON.stringify(body), { 'Content-Type': 'application/json', ...headers });
	const polled = async (r) => (await s.poll({ room: r, since: 'all', wait: 0 })).json.messages;

	it('is said by a member or by the Content-Type, and told by all that tell of it', async (t) => {
		const r = room(), lines = stream(s.url, { room: r }, { t }), events = stream(s.url, { room: r }, { t, headers: EVENTS });
		await until(() => lines.status && events.status, { what: 'the streams' });
		const ids = [];
		for (const [body, headers] of [['**a**', MARKDOWN], ['**b**', { 'Content-Type': 'Text/Markdown; charset=UTF-8; variant=GFM' }], ['**c**', { 'Content-Type': 'text/plain; charset=utf-8' }],
			['text=**d**', { 'Content-Type': 'application/x-www-form-urlencoded' }]])
			ids.push((await s.post(`/send?room=${r}`, body, headers)).json.id);
		for (const what of [{ text: '**e**', format: 'markdown' }, { text: '**f**', format: 'plain' }, { args: ['**g**'], format: 'markdown' }, { text: '**h**' }])
			ids.push((await send({ room: r, ...what })).json.id);
		const want = [['**a**', 'markdown'], ['**b**', 'markdown'], ['**c**', undefined], ['**d**', undefined], ['**e**', 'markdown'], ['**f**', undefined], ['**g**', 'markdown'], ['**h**', undefined]];
		const told = (messages) => assert.deepEqual(messages.map(({ text, format }) => [text, format]), want);
		told(await polled(r));
		told((await s.history({ room: r })).json.messages);
		told((await s.history({ room: r, q: 'a OR b OR c OR d OR e OR f OR g OR h' })).json.messages.reverse());
		told(await Promise.all(ids.map(async (id) => (await s.get(`/messages/${id}`)).json)));
		await until(() => lines.messages().length === want.length && events.messages().length === want.length, { what: 'the streams' });
		told(lines.messages());
		told(events.messages());
		assert.deepEqual(Object.keys((await polled(r))[0]), ['id', 'room', 'event', 'sender', 'text', 'format', 'at']);
		assert.deepEqual((await s.rows(`SELECT format FROM messages WHERE room = '${r}' ORDER BY id`)).map(({ format }) => format), want.map(([, format]) => format ?? null));
	});

	it('is plain or markdown, of a text, and neither in the query nor in a form', async () => {
		for (const format of ['html', '', 'Markdown', 'text/markdown'])
			problem(assert, await send({ text: 'x', format }), 400, 'bad_field', /'format' must be plain or markdown, not '/);
		for (const format of [1, null, true, ['markdown']])
			problem(assert, await send({ text: 'x', format }), 400, 'bad_field', /member 'format' must be a string/);
		problem(assert, await s.post('/send', '{"text":"x","format":"plain","format":"markdown"}', { 'Content-Type': 'application/json' }), 400, 'bad_field', /more than once/);
		for (const args of [[], ['a', 1], [{}]])
			problem(assert, await send({ args, format: 'markdown' }), 400, 'bad_field', /'format' is of a text/);
		problem(assert, await s.post('/send?format=markdown', 'x'), 400, 'unknown_parameter', /'format'/);
		problem(assert, await s.post('/send', '', MARKDOWN), 400, 'empty_text');
		problem(assert, await s.post('/send', Buffer.from([0xFF]), MARKDOWN), 400, 'bad_utf8');
		problem(assert, await s.post('/send', 'x', { 'Content-Type': 'text/html' }), 415, 'unsupported_media_type', /text\/markdown/);
		// A form with another field is no form.
		const r = room();
		await s.post(`/send?room=${r}`, 'text=a&format=markdown', { 'Content-Type': 'application/x-www-form-urlencoded' });
		assert.deepEqual((await polled(r)).map(({ text, format }) => [text, format]), [['text=a&format=markdown', undefined]]);
	});

	it('makes another message of a key', async () => {
		const r = room(), first = await send({ room: r, text: '*x*', key: 'k', format: 'markdown' });
		assert.equal(first.status, 201);
		assert.deepEqual([(await send({ room: r, text: '*x*', key: 'k', format: 'markdown' })).status, (await s.post(`/send?room=${r}&key=k`, '*x*', MARKDOWN)).json], [200, first.json]);
		for (const format of [undefined, 'plain'])
			problem(assert, await send({ room: r, text: '*x*', key: 'k', format }), 422, 'key_conflict');
		assert.equal((await send({ room: r, text: '*x*', key: 'l' })).status, 201);
		assert.equal((await send({ room: r, text: '*x*', key: 'l', format: 'plain' })).status, 200);
		problem(assert, await send({ room: r, text: '*x*', key: 'l', format: 'markdown' }), 422, 'key_conflict');
	});

	it('by SQL is what the row says: any other value is none', async () => {
		const r = room();
		await s.sql(`INSERT INTO messages(room, text, args, format) VALUES ('${r}', 'a', NULL, 'markdown'), ('${r}', 'b', NULL, 'plain'), ('${r}', 'c', NULL, 'html'), ('${r}', 'd', NULL, x'00'), ('${r}', NULL, '[1]', 'markdown')`);
		await until(async () => (await polled(r)).length === 5, { what: 'the rows' });
		assert.deepEqual((await polled(r)).map(({ format }) => format), ['markdown', undefined, undefined, undefined, undefined]);
		await s.sql(`UPDATE messages SET format = CASE text WHEN 'a' THEN NULL ELSE 'markdown' END WHERE room = '${r}'`);
		await until(async () => (await polled(r)).map(({ format }) => format).join() === ',markdown,markdown,markdown,', { what: 'the update to be seen' });
	});

	it('is in what `meta` says to Socket.IO clients, and nowhere else', async (t) => {
		const r = room(), one = await connected(t, io, `${s.url}/${r}`, { auth: { meta: true } }), two = await connected(t, io, `${s.url}/${r}`);
		const id = await s.sent({ text: '*x*', format: 'markdown', sender: 'ann' }, { room: r });
		const [text, meta, offset] = await one.next('chat message');
		assert.deepEqual([text, offset, meta.format, Object.keys(meta)], ['*x*', `${id}`, 'markdown', ['id', 'room', 'sender', 'format', 'at']]);
		assert.deepEqual(await two.next('chat message'), ['*x*', `${id}`]);
	});

	it('longline send says it, and only what it knows', async () => {
		const r = room(), tool = (...args) => run(longline, ['send', '--url', s.url, '-r', r, ...args], { env: { HOME: tempDir() } });
		for (const args of [['--format', 'markdown', '*a*'], ['--format', 'plain', '*b*'], ['*c*']])
			assert.equal((await tool(...args)).code, 0);
		assert.deepEqual((await polled(r)).map(({ text, format }) => [text, format]), [['*a*', 'markdown'], ['*b*', undefined], ['*c*', undefined]]);
		const wrong = await tool('--format', 'html', 'x');
		assert.deepEqual([wrong.code, /--format is plain or markdown, not 'html'/.test(wrong.stderr)], [2, true], wrong.stderr);
	});
});

describe('format: of a change', () => {
	const s = server();
	let r, id;
	const patch = (what, headers) => s.request(`/messages/${id}`, { method: 'PATCH', body: headers ? what : JSON.stringify(what), headers: { 'If-Key': r, ...headers ?? { 'Content-Type': 'application/json' } } });
	const said = async () => (await s.get(`/messages/${id}`)).json;
	const last = async () => (await s.poll({ room: r, since: -1000, wait: 0 })).json.messages.at(-1);
	const make = async (format) => {
		r = room();
		id = await s.sent({ text: '*a*', format }, { room: r, key: r });
	};
	before(() => make('markdown'));

	it('stays as it was, whatever the Content-Type, unless the change says another', async () => {
		for (const [what, headers] of [[{ text: '*b*' }], ['*c*', { 'Content-Type': 'text/plain' }], ['*d*', {}]]) {
			assert.equal((await patch(what, headers)).status, 201);
			const message = await said();
			assert.deepEqual([message.text, message.format], [what.text ?? what, 'markdown']);
			assert.equal((await last()).format, undefined);
		}
		assert.equal((await patch({ text: '*d*', format: 'plain' })).status, 201);
		assert.deepEqual([(await said()).format, (await last()).format], [undefined, 'plain']);
		assert.equal((await patch('*d*', { 'Content-Type': 'text/plain' })).status, 200, 'it says that already');
		assert.equal((await patch('*d*', MARKDOWN)).status, 201);
		assert.deepEqual([(await said()).format, (await last()).format], ['markdown', 'markdown']);
		assert.equal((await patch({ text: '*d*', format: 'markdown' })).status, 200, 'it says that already');
		problem(assert, await patch({ format: 'plain' }), 400, 'missing_text');
		problem(assert, await patch({ text: 'x', format: 'html' }), 400, 'bad_field');
		// What is told, applied in order, is what is there; a change that was replaced keeps its format.
		const messages = (await s.poll({ room: r, since: 'all', wait: 0 })).json.messages;
		let format = 'plain';
		for (const m of messages.filter(({ changes }) => changes === id))
			format = m.format ?? format;
		assert.equal(format, 'markdown');
		assert.deepEqual(messages.filter(({ format: one }) => one === 'plain').map(({ text }) => text), ['']);
		assert.deepEqual((await s.history({ room: r })).json.messages.map((m) => [m.text, m.format]), [['*d*', 'markdown']]);
	});

	it('is none of arguments, and plain behind them', async () => {
		await make('markdown');
		assert.equal((await patch({ args: [1] })).status, 201);
		assert.deepEqual([(await said()).args, (await said()).format, (await last()).format], [[1], undefined, 'plain']);
		assert.equal((await patch({ text: '*b*' })).status, 201);
		assert.deepEqual([(await said()).format, (await last()).format], [undefined, undefined]);
		problem(assert, await patch({ args: [2], format: 'markdown' }), 400, 'bad_field', /'format' is of a text/);
	});

	it('by SQL stays, too, unless the row says another', async () => {
		await make('markdown');
		const change = (text, format) => s.sql(`INSERT INTO messages(room, event, changes, text, format) VALUES ('${r}', 'message changed', ${id}, '${text}', ${format})`);
		for (const [text, format, want] of [['*b*', 'NULL', 'markdown'], ['*c*', "'plain'", undefined], ['*d*', 'NULL', undefined], ['*e*', "'markdown'", 'markdown'], ['*f*', "'html'", 'markdown'], ['*g*', "x'00'", 'markdown']]) {
			await change(text, format);
			await until(async () => (await said()).text === text, { what: 'the change' });
			assert.equal((await said()).format, want, text);
		}
		await s.sql(`INSERT INTO messages(room, event, changes, text, args, format) VALUES ('${r}', 'message changed', ${id}, NULL, '[1]', 'markdown')`);
		await until(async () => (await said()).args, { what: 'the change' });
		assert.deepEqual([(await said()).format, (await last()).format], [undefined, 'plain'], 'arguments have none');
		// What is told as plain is changed to Markdown.
		await s.sql(`UPDATE messages SET text = '*h*', args = NULL, format = CAST('markdown' AS BLOB) WHERE id = ${id}`);
		await until(async () => (await said()).text === '*h*', { what: 'the change' });
		assert.equal((await said()).format, undefined);
		assert.equal((await patch({ text: '*h*', format: 'markdown' })).status, 201);
		await until(async () => (await said()).format === 'markdown', { what: 'the change' });
	});

	it('is told to Socket.IO clients that ask for `meta`', async (t) => {
		await make();
		const one = await connected(t, io, `${s.url}/${r}`, { auth: { meta: true } });
		await patch({ text: '*b*', format: 'markdown' });
		const [target, text, meta] = await one.next('message changed');
		assert.deepEqual([target, text, meta.format], [id, '*b*', 'markdown']);
	});
});
