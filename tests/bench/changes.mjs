// changes.mjs: what edits cost those who send: 16 connections that send, beside 100 edits a second and without, in turns.
import { sleep, until } from '../e2e/harness.mjs';
import { generator } from './generator.mjs';
import { sends, stop } from './pairs.mjs';
import { site } from './servers.mjs';

const EDITS_S = 100, MESSAGES = 200;

/** PATCH at fixed times, whether or not the last one was answered; the result ends it, and throws if one was refused. */
function edits(server, ids) {
	let on = true, n = 0;
	const sent = [], began = performance.now();
	const edit = async (id) => {
		const { status, text } = await server.request(`/messages/${id}`, { method: 'PATCH', body: `edited ${performance.now()}`, headers: { 'Content-Type': 'text/plain', 'If-Key': `k${id}` } });
		if (status !== 200 && status !== 201)
			throw new Error(`an edit was answered ${status}: ${text}`);
	};
	const all = (async () => {
		for (; on; n++) {
			sent.push(edit(ids[n % ids.length]));
			await sleep(Math.max(0, began + (n + 1) * 1000 / EDITS_S - performance.now()));
		}
	})();
	return async () => {
		on = false;
		await all;
		await Promise.all(sent);
		return n / (performance.now() - began) * 1000;
	};
}

export async function changes({ pairs, seconds }) {
	const server = await site({ name: 'longline', flags: '--limit requests=off --limit messages=off --limit bytes=off --limit day-bytes=off', bare: true });
	const ids = [], rates = [];
	await until(async () => (await server.get('/healthz')).status === 200, { what: 'the daemon to serve' });
	for (let i = 1; i <= MESSAGES; i++)
		ids.push(await server.sent(`message ${i}`, { key: `k${i}` }));
	if (ids.at(-1) !== MESSAGES)
		throw new Error('the log was not empty');
	server.load = await generator('poll', server.port, server.groups, server);
	const told = await sends({ edits: server, none: server }, pairs * 4, seconds * 1000, (name) => {
		const end = name === 'edits' ? edits(server, ids) : undefined;
		return async () => {
			if (end)
				rates.push(await end());
		};
	});
	await stop({ server });
	return { told, edits_s: rates.reduce((a, b) => a + b, 0) / rates.length };
}
