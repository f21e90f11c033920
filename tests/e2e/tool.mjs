// tool.mjs: the program `longline`, as tests of its commands on a log start it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { binary, root, run } from './harness.mjs';

const beside = path.join(path.dirname(binary), 'longline');
export const program = fs.existsSync(beside) ? beside : path.join(root, 'build/longline');
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
