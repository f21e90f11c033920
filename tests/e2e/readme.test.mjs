// readme.test.mjs: what README.md and docs/PROTOCOL.md show is what happens.
//
// A fenced block ```console holds a session: lines that begin with "$ " are commands (a backslash at the end goes on in
// the next line), the lines below are what they print. In those, … stands for anything within the line. All blocks of a
// document are run in order, in one shell, against a fresh Longline, from the folder in which data/ lies.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fastcgi } from './fastcgi.mjs';
import { daemon, ms, root, start, tempDir, within } from './harness.mjs';

/** The fenced blocks of a document: {language, line, lines}. */
function blocks(text) {
	const found = [];
	let open = null;
	text.split('\n').forEach((line, i) => {
		const fence = /^\s*```+\s*(\S*)/.exec(line);
		if (!fence) {
			open?.lines.push(line);
		} else if (open) {
			found.push(open);
			open = null;
		} else {
			open = { language: fence[1], line: i + 1, lines: [] };
		}
	});
	assert.equal(open, null, 'every fence is closed');
	return found;
}

/** The commands of a console block: {command, expected, line}. */
function commands({ line, lines }) {
	const found = [];
	let inside = false;
	lines.forEach((text, i) => {
		if (inside) {
			found.at(-1).command += `\n${text.replace(/^> /, '')}`;
		} else if (text.startsWith('$ ')) {
			found.push({ command: text.slice(2), expected: [], line: line + 1 + i });
		} else {
			assert.ok(found.length > 0 || text.trim() === '', `line ${line + 1 + i}: output without a command`);
			found.at(-1)?.expected.push(text.trimEnd());
			return;
		}
		inside = found.at(-1).command.endsWith('\\');
	});
	return found;
}

const trimmed = (lines) => {
	const copy = lines.map((line) => line.trimEnd());
	while (copy.at(-1) === '')
		copy.pop();
	return copy;
};

/** Whether a printed line is the expected one; … matches anything. */
function matches(expected, line) {
	const pattern = expected.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*');
	return new RegExp(`^${pattern}$`).test(line);
}

/** One shell for all commands of a document. */
function shell(cwd) {
	const proc = spawn('bash', ['--noprofile', '--norc'], { cwd, stdio: ['pipe', 'pipe', 'ignore'], env: { ...process.env, PAGER: 'cat' } });
	proc.stdout.setEncoding('utf8');
	let out = '', n = 0, look = () => {};
	proc.stdout.on('data', (text) => {
		out += text;
		look();
	});
	return {
		run: (command) => new Promise((resolve) => {
			const mark = `<mark ${++n}>\n`;
			look = () => {
				const end = out.indexOf(mark);
				if (end < 0)
					return;
				resolve(out.slice(0, end));
				out = out.slice(end + mark.length);
				look = () => {};
			};
			// A command's output may lack its last line end.
			proc.stdin.write(`{ ${command}\n} 2>&1 </dev/null\necho; printf '<mark ${n}>\\n'\n`);
			look();
		}),
		close: () => proc.kill(),
	};
}

for (const name of ['README.md', 'docs/PROTOCOL.md']) {
	describe(`${name}: its examples`, () => {
		const file = path.join(root, name);
		const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';

		it('are all in console blocks, which are tried out', () => {
			assert.notEqual(text, '', `${name} is missing`);
			const others = blocks(text).filter((block) => block.language !== 'console' && block.lines.some((line) => /^\s*(\$ )?curl\b.*localhost:8080/.test(line)));
			assert.deepEqual(others.map((block) => `line ${block.line}`), []);
			assert.ok(blocks(text).flatMap((block) => (block.language === 'console' ? commands(block) : [])).some(({ command }) => command.includes('curl')));
		});

		it('print what it says', async (t) => {
			const folder = tempDir();
			const s = await start({ dataDir: path.join(folder, 'data'), t });
			const bash = shell(folder);
			t.after(() => bash.close());
			const wrong = [];
			for (const block of blocks(text).filter(({ language }) => language === 'console')) {
				for (const { command, expected, line } of commands(block)) {
					// Starting, building and installing have tests of their own.
					if (/^(sudo |scripts\/|make\b|git |cd |systemctl |apt)/.test(command))
						continue;
					const here = (words) => words.replaceAll('localhost:8080', `localhost:${s.port}`);
					const printed = await within(ms(90_000), bash.run(here(command)), `${name}:${line}`);
					const lines = trimmed(printed.replaceAll(`localhost:${s.port}`, 'localhost:8080').replaceAll('\r', '').split('\n'));
					const wanted = trimmed(expected);
					if (lines.length !== wanted.length || wanted.some((want, i) => !matches(want, lines[i])))
						wrong.push(`${name}:${line}: $ ${command}\n--- says\n${wanted.join('\n')}\n--- printed\n${lines.join('\n')}`);
				}
			}
			assert.equal(wrong.length, 0, `\n${wrong.join('\n\n')}`);
		});
	});
}

describe('docs/PROTOCOL.md: its table of code words', () => {
	it('has all that the daemon and nginx can say', async (t) => {
		const d = await daemon({ t });
		const said = [
			...(await fastcgi(d.socket, { path: '/metrics' })).text.matchAll(/errors_total\{code="(\w+)"\}/g),
			...fs.readFileSync(path.join(root, 'nginx/longline.conf.in'), 'utf8').matchAll(/"code":"(\w+)"/g),
		].map(([, code]) => code);
		assert.ok(said.length > 20);
		const rows = fs.readFileSync(path.join(root, 'docs/PROTOCOL.md'), 'utf8').split('\n').filter((line) => line.startsWith('|'));
		assert.deepEqual(said.filter((code) => !rows.some((row) => row.includes(`\`${code}\``))), []);
	});
});
