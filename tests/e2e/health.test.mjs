// health.test.mjs: GET /healthz and GET /metrics.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { binary, ms, problem, request, room, root, run, server, start, session, until } from './harness.mjs';

describe('health: /healthz', () => {
	const s = server();

	it('says 200 and JSON', async () => {
		const res = await s.get('/healthz');
		assert.equal(res.status, 200);
		assert.match(res.headers['content-type'], /^application\/json/);
		assert.equal(res.headers['cache-control'], 'no-store');
		assert.equal(typeof res.json, 'object');
	});

	it('answers HEAD and OPTIONS, refuses the rest', async () => {
		const head = await s.request('/healthz', { method: 'HEAD' });
		assert.equal(head.status, 200);
		assert.equal(head.body.length, 0);
		assert.equal((await s.request('/healthz', { method: 'OPTIONS' })).status, 204);
		for (const method of ['POST', 'DELETE']) {
			const res = await s.request('/healthz', { method, body: 'x' });
			problem(assert, res, 405, 'method_not_allowed');
			assert.match(res.headers.allow, /\bGET\b/);
			assert.match(res.headers.allow, /\bHEAD\b/);
		}
	});

	it('knows no parameters', async () => {
		problem(assert, await s.get('/healthz?x=1'), 400, 'unknown_parameter', /x/);
		assert.equal((await s.get('/healthz?_=1')).status, 200);
	});
});

describe('health: while another program holds the lock', () => {
	const s = server({ flags: '--lock-wait 2' });

	it('says 200 as long as sends would wait, then 503, and 200 again', async (t) => {
		const other = session(s.db, { t }), health = async () => (await s.get('/healthz')).status;
		assert.equal(await health(), 200);
		await other.run('BEGIN IMMEDIATE;');
		const began = performance.now();
		await until(async () => await health() === 503, { timeout: ms(20_000), every: 100, what: '/healthz to say so' });
		assert.ok(performance.now() - began >= 2_000);
		await other.run('ROLLBACK;');
		await until(async () => await health() === 200, { what: '/healthz to be well again' });
	});
});

describe('health: /metrics', () => {
	const s = server();
	const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
	const LABELS = '\\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*",?)*\\}';
	const SAMPLE = new RegExp(`^(${NAME})(${LABELS})? ([+-]?(?:[0-9.]+(?:e[+-]?[0-9]+)?|Inf)|NaN)$`, 'i');
	const figures = async () => Object.fromEntries((await s.get('/metrics')).text.split('\n')
		.map((line) => SAMPLE.exec(line)).filter(Boolean).map(([, name, labels, value]) => [name + (labels ?? ''), Number(value)]));

	it('is Prometheus text, line by line', async () => {
		await s.sent('x');
		await s.post('/send?colour=red', 'x');
		const res = await s.get('/metrics');
		assert.equal(res.status, 200);
		assert.match(res.headers['content-type'], /^text\/plain; version=0\.0\.4/);
		assert.ok(res.text.endsWith('\n'));
		const types = new Map(), helped = new Set(), seen = new Set(), closed = new Set();
		let family = null;
		for (const line of res.text.slice(0, -1).split('\n')) {
			const meta = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line);
			if (meta) {
				const [, kind, name, rest] = meta;
				assert.ok(!closed.has(name), `the lines of ${name} stand together`);
				if (family !== name && family)
					closed.add(family);
				family = name;
				if (kind === 'HELP') {
					assert.ok(!helped.has(name), line);
					helped.add(name);
				} else {
					assert.ok(!types.has(name), line);
					assert.match(rest, /^(counter|gauge|histogram|summary|untyped)$/);
					types.set(name, rest);
				}
				continue;
			}
			const sample = SAMPLE.exec(line);
			assert.ok(sample, `not a line of Prometheus text: ${JSON.stringify(line)}`);
			const [, name, labels = '', value] = sample;
			const base = types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
			assert.ok(types.has(base), `no TYPE before ${line}`);
			assert.ok(helped.has(base), `no HELP before ${line}`);
			assert.equal(base, family, line);
			assert.ok(!seen.has(name + labels), `twice: ${line}`);
			seen.add(name + labels);
			assert.ok(!Number.isNaN(Number(value.replace('Inf', 'Infinity'))), line);
			if (types.get(base) === 'counter')
				assert.match(base, /_total$/, 'counters end in _total');
		}
		for (const [name, type] of types) {
			if (type !== 'histogram')
				continue;
			const buckets = res.text.split('\n').filter((line) => line.startsWith(`${name}_bucket{`));
			const counts = buckets.map((line) => Number(line.split(' ').at(-1)));
			assert.deepEqual(counts, [...counts].sort((a, b) => a - b), name);
			assert.match(buckets.at(-1), /le="\+Inf"/);
			assert.equal(counts.at(-1), Number(new RegExp(`^${name}_count (\\d+)$`, 'm').exec(res.text)[1]));
		}
	});

	it('has what the interface promises', async () => {
		const names = Object.keys(await figures()).join('\n');
		for (const what of [/parked/, /send/, /commit/, /lag/, /error.*code="/, /session/, /wal/, /database|db/])
			assert.match(names, what);
	});

	it('says which version runs, with which SQLite, and since when', async () => {
		const all = await figures();
		const [name] = Object.keys(all).filter((key) => key.startsWith('longline_build_info'));
		const told = (await run(binary, ['--version'])).stdout.trim().split(' ')[1];
		assert.match(name, new RegExp(`^longline_build_info\\{version="${told.replaceAll(/[.+]/g, '\\$&')}",sqlite="3\\.\\d+\\.\\d+"\\}$`));
		assert.equal(all[name], 1);
		const started = all.longline_process_start_time_seconds, now = Date.now() / 1000;
		assert.ok(started <= now && started > now - 3600 * 24, `${started}, and it is ${now}`);
		assert.equal((await figures()).longline_process_start_time_seconds, started);
	});

	it('times each transaction, and each message up to its publication', async () => {
		const before = await figures();
		for (let i = 0; i < 4; i++)
			await s.sent('x', { room: room() });
		const key = { 'Idempotency-Key': 'once' };
		await s.post('/send', 'x', key);
		await s.post('/send', 'x', key);
		const after = await figures();
		const grew = (name) => after[name] - before[name];
		assert.equal(grew('longline_delivery_seconds_count'), 5, 'a repetition is no delivery');
		assert.equal(grew('longline_commit_seconds_count'), grew('longline_commits_total'));
		assert.ok(grew('longline_delivery_seconds_sum') > 0);
		assert.ok(Math.abs(grew('longline_commit_seconds_sum') - grew('longline_commit_seconds_total')) < 1e-5);
	});

	it('counts sends, refusals and held polls', async () => {
		const total = (all, pattern) => Object.entries(all).filter(([name]) => pattern.test(name)).reduce((sum, [, value]) => sum + value, 0);
		const before = await figures();
		for (let i = 0; i < 5; i++)
			await s.sent('x', { room: room() });
		for (let i = 0; i < 3; i++)
			await s.poll({ colour: 'red' });
		const after = await figures();
		assert.equal(total(after, /^longline_sends?_total/) - total(before, /^longline_sends?_total/), 5);
		assert.equal(total(after, /code="unknown_parameter"/) - total(before, /code="unknown_parameter"/), 3);
		assert.equal(await s.parked(0), true);
		const abort = new AbortController();
		const held = [1, 2, 3].map(() => s.poll({ room: room(), wait: 50 }, { signal: abort.signal }).catch(() => {}));
		await s.parked(3);
		abort.abort();
		await Promise.all(held);
		await s.parked(0);
	});

	it('answers HEAD, refuses other methods', async () => {
		assert.equal((await s.request('/metrics', { method: 'HEAD' })).body.length, 0);
		problem(assert, await s.request('/metrics', { method: 'POST', body: 'x' }), 405, 'method_not_allowed');
	});

	it('is not for other hosts', async (t) => {
		const conf = fs.readFileSync(path.join(root, 'nginx/longline.conf.in'), 'utf8');
		const block = /location = \S*\/metrics \{([^}]*)\}/.exec(conf)[1];
		assert.match(block, /^\s*allow 127\.0\.0\.1;\s*allow ::1;\s*deny all;/);
		const own = Object.values(os.networkInterfaces()).flat().find((net) => !net.internal && net.family === 'IPv4');
		if (!own)
			return t.skip('this machine has no address but the loopback\'s');
		const everywhere = await start({ env: { LISTEN: '*' }, t });
		const base = `http://${own.address}:${everywhere.port}`;
		assert.equal((await request(`${base}/healthz`)).status, 200);
		const res = await request(`${base}/metrics`);
		problem(assert, res, 403, 'forbidden');
		assert.doesNotMatch(res.text, /longline_/);
	});
});
