// reads.mjs: catching up, pages of history, and search, in logs of several lengths; beside them the same bytes from a
// server in memory, and a request that the daemon refuses.
import { generator } from './generator.mjs';
import { medians } from './figures.mjs';
import { RARE, WORDS, grown } from './growth.mjs';
import { perRequest } from './sends.mjs';
import { alone, floor } from './servers.mjs';

const CONNS = 4;

const kinds = (n, head) => ({
	'catch-up of 100, from memory': `/poll?since=${head - 120}&limit=100`,
	'catch-up of 100, from the database': `/poll?since={1-${Math.max(2, Math.round(n / 4))}}&limit=100`,
	'history, the newest 50': '/history',
	'history, 50 anywhere': `/history?before={100-${n}}`,
	'history, 500 anywhere': `/history?limit=500&before={600-${n}}`,
	'history, 50 of one sender': '/history?sender=s7',
	'search, a word': `/history?q=w{0-${WORDS - 1}}`,
	'search, a word in a small room': `/history?room=r7&q=w{0-${WORDS - 1}}`,
	'search, a rare word': `/history?room=*&q=rare{1-${Math.max(1, Math.floor(n / RARE))}}`,
	'search, a beginning': '/history?q=w49*',
});

export async function reads({ pairs, seconds, rows }) {
	const least = await floor(), web = await alone();
	least.load = await generator('poll', least.port, least.groups, least);
	web.load = await generator('poll', web.port, web.groups, web);
	const ms = seconds * 1000 / 2, logs = {};
	for (const n of rows) {
		const server = await grown(n);
		server.load = await generator('poll', server.port, server.groups, server);
		const by = {};
		const refused = { longline: [], floor: [] };
		for (let i = 0; i < pairs; i++) {
			refused.longline.push(perRequest(await server.load.ask(`get ${CONNS} ${ms} /poll?nothing=1`)));
			refused.floor.push(perRequest(await web.load.ask(`get ${CONNS} ${ms} /`)));
		}
		by['refused; beside nginx alone'] = { longline: medians(refused.longline), floor: medians(refused.floor) };
		// Memory holds what was sent since the start.
		while (await server.head() < n + 200)
			await server.load.ask('send 4 50');
		for (const [name, target] of Object.entries(kinds(n, await server.head()))) {
			// The floor answers the same bytes, whatever is asked of /history.
			const { body } = await server.get(target.replace(/\{(\d+)-\d+\}/g, '$1'));
			await least.post('/send?answer', body);
			const told = { longline: [], floor: [] };
			for (let i = 0; i < pairs; i++) {
				const one = await server.load.ask(`get ${CONNS} ${ms} ${target}`);
				told.longline.push({ ...perRequest(one), bytes: one.bytes });
				told.floor.push(perRequest(await least.load.ask(`get ${CONNS} ${ms} /history`)));
			}
			by[name] = { longline: medians(told.longline), floor: medians(told.floor) };
		}
		logs[n] = { growth: server.growth, kinds: by };
		await server.load.close();
		await server.stop();
	}
	for (const server of [least, web]) {
		await server.load.close();
		await server.stop();
	}
	return { conns: CONNS, logs };
}
