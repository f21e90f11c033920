// tool.mjs: the program `longline`, as tests of its commands on a log start it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before } from 'node:test';
import { daemon, longline as program, rows, run, sql, tempDir } from './harness.mjs';

/** The program itself. */
export { program };
export const SANITIZER = /ERROR: AddressSanitizer|runtime error:|LeakSanitizer/;

/** The tool at a log: `{code, stdout, stderr}`. */
export async function tool(db, ...args) {
	const options = typeof args.at(-1) === 'object' ? args.pop() : {};
	const result = await run(program, [...args, '--database', db],
		{ ...options, env: { LONGLINE_DEFAULTS: '/nowhere/defaults', LONGLINE_URL: '', ...options.env } });
	assert.doesNotMatch(result.stderr, SANITIZER);
	return result;
}

/** Like tool, but it must succeed; gives what it said to both. */
export async function ok(db, ...args) {
	const { code, stdout, stderr } = await tool(db, ...args);
	assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
	return stdout + stderr;
}

/** Like tool, but it must fail, and say why. */
export async function no(db, code, pattern, ...args) {
	const result = await tool(db, ...args);
	assert.equal(result.code, code, `${args.join(' ')}: ${result.stdout}${result.stderr}`);
	assert.match(result.stderr, pattern);
	assert.match(result.stderr, /^longline: /m);
}

/** For use in a file's outermost scope: gives a function that makes an empty log as longlined makes it, in a folder of its own. */
export function freshLogs() {
	let fresh;
	before(async () => {
		const d = await daemon();
		assert.ok(!d.done, d.output);
		await d.stop();
		await sql(d.db, 'PRAGMA wal_checkpoint(TRUNCATE)');
		fresh = d.db;
	});
	return () => {
		const folder = tempDir(), db = path.join(folder, 'longline.db');
		fs.copyFileSync(fresh, db);
		fs.chmodSync(db, 0o660);
		return { folder, db, beside: (name) => path.join(folder, name), sql: (text) => sql(db, text), rows: (text) => rows(db, text) };
	};
}
