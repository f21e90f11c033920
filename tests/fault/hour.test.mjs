// hour.test.mjs: an hour of silence, by the daemon's clock: streams stay, and say where they are.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { room, start, until } from '../e2e/harness.mjs';
import { EVENTS, stream } from '../e2e/streams.mjs';
import { Faults } from './fault.mjs';

const BEAT_MS = 25_000, BEATS = 3_600_000 / BEAT_MS;

it('a stream that is silent for an hour is not ended, and who comes back misses nothing', async (t) => {
	const faults = new Faults();
	const s = await start({ t, env: faults.env });
	const r = room(), { epoch } = (await s.poll({ wait: 0 })).json;
	const sse = stream(s.url, { room: r }, { headers: EVENTS, t }), lines = stream(s.url, { room: [r, room()] }, { t });
	await sse.opened();
	await lines.opened();
	const signs = () => sse.blocks().filter(({ comment }) => comment !== undefined), alive = () => lines.words().filter(({ stream: word }) => word === 'alive');
	let head = await s.head();
	for (let i = 1; i <= BEATS; i++) {
		// Now and then others talk.
		if (i % 24 === 0)
			head = await s.sent('elsewhere', { room: room() });
		faults.later(i * BEAT_MS);
		// Something has to wake the daemon: its sleep is by the machine's clock.
		await until(async () => (await s.get('/healthz')).status === 200 && signs().length >= i && alive().length >= i, { every: 2, what: `sign of life ${i}` });
		assert.deepEqual([signs().at(-1), alive().at(-1)], [{ comment: '', id: `${head}-${epoch}` }, { stream: 'alive', epoch, next: head }]);
	}
	assert.deepEqual([sse.over, lines.over, sse.messages(), lines.messages(), signs().length, alive().length], [undefined, undefined, [], [], BEATS, BEATS]);
	const id = signs().at(-1).id, { next } = alive().at(-1);
	sse.close();
	lines.close();
	const missed = [await s.sent('a', { room: r }), await s.sent('b', { room: r })];
	const back = [stream(s.url, { room: r }, { headers: { ...EVENTS, 'Last-Event-ID': id }, t }), stream(s.url, { room: r, since: next, epoch }, { t })];
	for (const one of back) {
		await one.until(() => one.messages().length >= missed.length);
		assert.deepEqual(one.ids(), missed);
	}
});
