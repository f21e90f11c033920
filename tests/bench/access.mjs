// access.mjs: what it costs to know who asks and how often they may: a closed log with a thousand grants, with tokens and
// limits that are far away, beside an open one without any limit. The two take turns, so that whatever else the machine does
// falls on both alike.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { run, tempDir, until } from '../e2e/harness.mjs';
import { round } from './figures.mjs';
import { generator } from './generator.mjs';
import { compared, fanout, held, sends, stop } from './pairs.mjs';
import { site } from './servers.mjs';

const RATES = ['requests', 'handshakes', 'messages', 'bytes', 'day-bytes', 'passing', 'reading', 'new-rooms'], COUNTS = ['held', 'sessions', 'reads', 'memory'];
const TOKENS = 50, GRANTS = 1_000, HELD = 1_000, PARKED = 10_000, PERSONS = 60_000;

const options = (values) => values.map((value) => `--limit ${value}`).join(' ');
const FAR = options([...RATES.map((name) => `${name}=1G:1000G`), ...COUNTS.map((name) => `${name}=4G`)]);
const OFF = options([...RATES, ...COUNTS].map((name) => `${name}=off`));

const file = (name, lines) => {
	const whole = path.join(tempDir(), name);
	fs.writeFileSync(whole, lines.map((line) => `${line}\n`).join(''));
	return whole;
};

const secret = (i) => `ll_${crypto.createHash('sha256').update(`bench ${i}`).digest('hex').replace(/[0189]/g, 'q').slice(0, 32)}`;
const tokens = file('tokens', Array.from({ length: TOKENS }, (_, i) => `Authorization: Bearer ${secret(i)}`));
const nobody = file('nobody', []);
const strangers = file('strangers', Array.from({ length: PERSONS }, (_, i) => `X-Forwarded-For: 100.${64 + (i >> 16)}.${i >> 8 & 255}.${i & 255}`));

/** Half of the grants are of everybody who has a token, half of each alone. The room of these figures is within a prefix. */
function rows() {
	const who = Array.from({ length: TOKENS }, (_, i) => {
		const hash = crypto.createHash('sha256').update(secret(i)).digest('hex');
		return `INSERT INTO tokens (name, hash, made) VALUES ('bench-${i}', x'${hash}', 0);`;
	});
	const may = Array.from({ length: GRANTS - 2 }, (_, i) => (i % 2 ? `('users', 'team-${i}-*', 'rw')` : `('user:somebody-${i}', 'room-${i}', 'rw')`));
	return `.timeout 10000\nBEGIN; ${who.join('\n')} INSERT INTO grants VALUES ('users', 'ma*', 'rw'), ('anyone', 'main', 'r'), ${may.join()}; COMMIT;`;
}

async function pair(workers) {
	const on = await site({ name: 'on', flags: FAR, workers, bare: true }), off = await site({ name: 'off', flags: OFF, workers, bare: true });
	await run('sqlite3', ['-bail', on.db], { input: rows() });
	await until(async () => await on.metric(/longline_grants/) === GRANTS, { what: 'the grants to be known' });
	for (const server of [on, off]) {
		server.load = await generator('poll', server.port, server.groups, server);
		await server.load.ask(`headers ${server === on ? tokens : nobody}`);
	}
	return { on, off };
}

/** What a person adds, each of whom asked once. */
async function persons(server) {
	const known = () => server.metric(/^longline_persons$/), before = [server.memory().daemon, await known()];
	await server.load.ask(`headers ${strangers}`);
	for (let i = 0; i < 60 && await known() < PERSONS; i++)
		await server.load.ask('get 32 1000 /poll?room=main&wait=0', { lax: true });
	const n = await known() - before[1];
	return { n, bytes: round((server.memory().daemon - before[0]) / n) };
}

export async function access({ pairs, seconds }) {
	const servers = await pair(1), result = {};
	result['a message to 1,000 polls of a room'] = await fanout(servers, 'room=main', HELD, pairs * 6);
	result['a message to 1,000 polls of *'] = await fanout(servers, 'room=*', HELD, pairs * 6);
	result['16 sends at a time'] = await sends(servers, pairs * 2, seconds * 1000);
	await stop(servers);
	for (const hear of ['room=main', 'room=*']) {
		const crowds = await pair(2);
		const told = { on: [await held(crowds.on, hear, PARKED)], off: [await held(crowds.off, hear, PARKED)] };
		result[`each of 10,000 held polls, ${hear}`] = compared(told);
		if (hear === 'room=*')
			result.persons = await persons(crowds.on);
		await stop(crowds);
	}
	return { cost: result };
}
