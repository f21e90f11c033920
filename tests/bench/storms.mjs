// storms.mjs: as many readers as one worker of nginx has descriptors for, who all connect at once: nobody may be refused. And
// sessions that all go from polling to WebSocket at once, while messages come: none may be lost, doubled, out of order.
import fs from 'node:fs';
import path from 'node:path';
import { sleep, until } from '../e2e/harness.mjs';
import { medians, round } from './figures.mjs';
import { generator } from './generator.mjs';
import { longline } from './servers.mjs';

const MANY = 9_500, SMALL = 50, GIVE_UP_MS = 60_000;
const UPGRADES = 1_000, SENDERS = 8, TALK_MS = 4_000, UNDER_WAY = 50;

const errors = (server) => fs.readFileSync(path.join(server.dataDir, 'log/error.log'), 'utf8').split('\n').filter((line) => /\[(error|crit|alert|emerg)\]/.test(line)).length;

/** What each takes, as long as all are there. */
async function bytes(server, load) {
	await load.ask(`open ${SMALL}`);
	await load.ask('fanout');
	await load.ask('close');
	await sleep(500);
	const before = server.memory();
	await load.ask(`open ${MANY}`);
	await load.ask('fanout');
	const after = server.memory();
	await load.ask('close');
	return Object.fromEntries(Object.keys(after).map((name) => [name, (after[name] - before[name]) / MANY]));
}

async function upgrades() {
	const server = await longline({ name: 'upgrades', flags: '--ping-interval 60000' });
	const load = await generator('socketio', server.port, {}, server), other = await generator('socketio', server.port, {}, server);
	await load.ask(`upgrade open ${UPGRADES}`);
	const talk = other.ask(`send ${SENDERS} ${TALK_MS}`);
	await until(async () => await server.metric(/sends_total/) > UNDER_WAY, { what: 'messages to come' });
	const gone = await load.ask(`upgrade go ${GIVE_UP_MS}`);
	const { answers } = await talk, { deliveries, missing, wrong } = await load.ask('upgrade close 1000', { timeout: 100_000 });
	await load.close();
	await other.close();
	await server.stop();
	return { switched: gone.switched, ms: gone.us / 1e3, answers, deliveries, missing, wrong };
}

export async function storms({ pairs }) {
	const kinds = {};
	for (const [dialect, open] of [['websocket', /longline_sessions$/], ['stream', /longline_streams$/]]) {
		const told = [], each = [];
		let failed = 0, logged = 0, why = '';
		for (let i = 0; i < pairs; i++) {
			// A daemon of its own each time: what an earlier storm has left would make the next one easier.
			const server = await longline({ name: dialect, flags: '--ping-interval 60000' }), load = await generator(dialect, server.port, {}, server);
			const storm = await load.ask(`storm ${MANY} ${GIVE_UP_MS}`, { lax: true, timeout: GIVE_UP_MS + 30_000 });
			failed += MANY - storm.holding;
			why ||= storm.why;
			told.push(storm.us / 1e3);
			await until(async () => await server.metric(open) === 0, { timeout: 60_000, what: 'nobody to be left' });
			logged += errors(server);
			await load.close();
			await server.stop();
			const fresh = await longline({ name: dialect, flags: '--ping-interval 60000' }), crowd = await generator(dialect, fresh.port, {}, fresh);
			each.push(await bytes(fresh, crowd));
			await crowd.close();
			await fresh.stop();
		}
		kinds[dialect] = { all_hold_ms: medians(told), worst_ms: round(Math.max(...told)), failed, logged, why, bytes: medians(each) };
	}
	const moved = [];
	for (let i = 0; i < pairs; i++)
		moved.push(await upgrades());
	const most = (name) => Math.max(...moved.map((one) => one[name]));
	return { n: MANY, kinds, upgrades: { n: UPGRADES, all_ms: medians(moved.map(({ ms }) => ms)), stayed: UPGRADES - Math.min(...moved.map((one) => one.switched)), missing: most('missing'), wrong: most('wrong'), messages: medians(moved.map((one) => one.deliveries / UPGRADES)) } };
}
