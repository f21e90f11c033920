// share.test.mjs: the dashboard for Grafana and the alerts for Prometheus speak of metrics that there are.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { has, root, run, server, tempDir } from './harness.mjs';

const rulesFile = path.join(root, 'scripts/share/longline.rules.yml');
const rules = fs.readFileSync(rulesFile, 'utf8');
const dashboard = JSON.parse(fs.readFileSync(path.join(root, 'scripts/share/longline-dashboard.json'), 'utf8'));
const names = (text) => [...new Set([...text.matchAll(/\blongline_[a-z_]+/g)].map(([name]) => name))].sort();

describe('share: dashboard and alerts', () => {
	const s = server();

	it('name no metric that /metrics has not, nor a label', async () => {
		const { text } = await s.get('/metrics');
		const samples = text.split('\n').filter((line) => /^longline_/.test(line));
		const there = new Set(samples.map((line) => /^[a-z_]+/.exec(line)[0]));
		const exprs = [...rules.matchAll(/^\s*expr: (.*)$/gm)].map(([, expr]) => expr);
		const queries = dashboard.panels.flatMap((panel) => (panel.targets ?? []).map((target) => target.expr));
		queries.push(...dashboard.templating.list.map((variable) => variable.definition ?? ''), ...dashboard.annotations.list.map((one) => one.expr));
		assert.ok(exprs.length >= 15, `${exprs.length} alerts`);
		assert.ok(queries.length >= 35, `${queries.length} queries`);
		for (const [what, all] of [['longline.rules.yml', exprs], ['longline-dashboard.json', queries]])
			for (const name of names(all.join('\n')))
				assert.ok(there.has(name), `${what} names ${name}, and /metrics has none`);
		for (const all of [exprs, queries])
			for (const [, label, name] of all.join('\n').matchAll(/(?:by|without) \(([a-z]+)\) \((?:(?:rate|increase)\()?(longline_[a-z_]+)/g))
				assert.ok(samples.some((line) => line.startsWith(`${name}{`) && line.includes(`${label}="`)), `${name} has a label ${label}`);
	});

	it('the dashboard can be imported: each panel has its place, and no two the same', () => {
		const taken = new Set(), ids = new Set();
		for (const { id, title, gridPos: { x, y, w, h } } of dashboard.panels) {
			assert.ok(title);
			assert.ok(!ids.has(id), `panel ${id} twice`);
			ids.add(id);
			assert.ok(x + w <= 24, title);
			for (let i = x; i < x + w; i++)
				for (let j = y; j < y + h; j++) {
					assert.ok(!taken.has(`${i},${j}`), `${title} stands on another`);
					taken.add(`${i},${j}`);
				}
		}
	});

	it('each alert says what to do, and how much it matters', () => {
		const alerts = rules.split(/^ {6}- alert: /m).slice(1);
		assert.equal(new Set(alerts.map((text) => text.split('\n')[0])).size, alerts.length);
		for (const text of alerts) {
			assert.match(text, /^ {8}labels: \{severity: (page|ticket|info)\}$/m, text);
			assert.match(text, /^ {10}summary: ".+"$/m, text);
			assert.match(text, /^ {10}description: ".+"$/m, text);
		}
	});
});

describe('share: as Prometheus reads it', { skip: has('promtool') ? false : 'promtool is not installed' }, () => {
	const s = server();

	it('the rules are good', async () => {
		const { code, stdout, stderr } = await run('promtool', ['check', 'rules', rulesFile]);
		assert.equal(code, 0, stderr);
		assert.match(stdout, /SUCCESS: \d+ rules found/);
	});

	it('the metrics are good', async () => {
		const { text } = await s.get('/metrics');
		const { stderr } = await run('promtool', ['check', 'metrics'], { input: text });
		assert.doesNotMatch(stderr, /error while linting|parsing/i);
	});

	it('a full disk and slow messages are told, and a quiet site is not', async () => {
		const test = path.join(tempDir(), 'test.yml');
		fs.writeFileSync(test, `
rule_files: [${rulesFile}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'longline_storage_full{instance="a"}', values: '0x9 1x20'}
      - {series: 'longline_storage_full{instance="b"}', values: '0x30'}
      - {series: 'longline_delivery_seconds_bucket{instance="a",le="1"}', values: '0+10x30'}
      - {series: 'longline_delivery_seconds_bucket{instance="a",le="5"}', values: '0+100x30'}
      - {series: 'longline_delivery_seconds_bucket{instance="a",le="+Inf"}', values: '0+100x30'}
      - {series: 'longline_delivery_seconds_bucket{instance="b",le="1"}', values: '0+100x30'}
      - {series: 'longline_delivery_seconds_bucket{instance="b",le="+Inf"}', values: '0+100x30'}
    alert_rule_test:
      - {eval_time: 9m, alertname: LonglineStorageFull, exp_alerts: []}
      - eval_time: 12m
        alertname: LonglineStorageFull
        exp_alerts:
          - exp_labels: {severity: page, instance: a}
            exp_annotations:
              summary: "New messages are refused on a: the disk is full"
              description: "Less than --disk-free-min is free. What is stored can still be read."
      - eval_time: 20m
        alertname: LonglineDeliverySlow
        exp_alerts:
          - exp_labels: {severity: page, instance: a}
            exp_annotations:
              summary: "Messages come late on a"
              description: "One of a hundred takes longer than 4.956s to be stored and told. Another program may hold the lock of the database."
`);
		const { code, stdout, stderr } = await run('promtool', ['test', 'rules', test]);
		assert.equal(code, 0, stdout + stderr);
	});
});
