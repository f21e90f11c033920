// logs.test.mjs: what programs print, without a browser: colours, what is output, JSON, sizes of pictures; what is made
// of messages that are quoted or copied.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { acts, amended, ansi, excerpt, exported, linesOf, markup, output, patternOf, picture, plain, textItem } from './modules.mjs';

const E = '\x1b';
const message = (text, more) => ({ id: 1, room: 'ops', event: 'chat message', sender: 'cron', text, at: '2026-11-28T03:12:00.000Z', ...more });
const quick = (what, run) => {
	const began = performance.now();
	const result = run();
	assert.ok(performance.now() - began < 1000, `${what}: ${performance.now() - began} ms`);
	return result;
};

describe('escape sequences', () => {
	const looks = (text) => ansi.coloured(text).map(({ text: words, look }) => (look ? `<${look}|${words}>` : words)).join('');

	test('colours and kinds of letters become classes', () => {
		assert.equal(looks(`a${E}[31mred${E}[0m b`), 'a<ink i1|red> b');
		assert.equal(looks(`${E}[1;3;4mx${E}[mz`), '<bold italic underline|x>z');
		assert.equal(looks(`${E}[1mx${E}[22my${E}[4mu${E}[24mv`), '<bold|x>y<underline|u>v');
		assert.equal(looks(`${E}[92;104mx${E}[39my${E}[49mz`), '<paper p4 ink i2|x><paper p4|y>z');
		assert.equal(looks(`${E}[7mx${E}[27my`), '<inverse|x>y');
		assert.equal(looks(`${E}[33;7mx`), '<paper p3|x>', 'the other way round');
		assert.equal(looks(`${E}[30mx${E}[37my${E}[97mz`), 'xyz', 'black and white would be seen by day or by night alone');
		assert.equal(looks(`${E}[90mx${E}[40my`), '<grey|x><paper p0|y>');
	});

	test('of 256 and of all colours the nearest; what follows is not lost', () => {
		for (const [codes, look] of [['38;5;9', 'ink i1'], ['38;5;196', 'ink i1'], ['38;5;46', 'ink i2'], ['38;5;240', 'grey'], ['38;2;10;20;200', 'ink i4'],
			['48;2;200;200;10', 'paper p3'], ['38;5;21;1', 'bold ink i4'], ['38:5:201', 'ink i5']]) {
			assert.equal(looks(`${E}[${codes}mx`), `<${look}|x>`, codes);
		}
		for (const codes of ['38', '38;5', '38;2', '48;2;1', '38;9;1', '999', ';;;']) assert.match(looks(`${E}[${codes}mx`), /x/, codes);
	});

	test('all others are dropped, what is cut off at the end as well', () => {
		for (const code of [`${E}[2K`, `${E}[?25l`, `${E}[10;20H`, `${E}]0;a title\x07`, `${E}]8;;https://x.example/${E}\\`, `${E}(B`, `${E}c`, `${E}=`, `${E}Pq#0${E}\\`]) {
			assert.equal(ansi.stripped(`a${code}b`), 'ab', JSON.stringify(code));
			assert.equal(looks(`a${code}b`), 'ab');
		}
		for (const end of [E, `${E}[`, `${E}[31`, `${E}[38;5;`, `${E}]0;title`]) assert.equal(ansi.stripped(`a${end}`), 'a', JSON.stringify(end));
		assert.equal(ansi.stripped('no [31m code'), 'no [31m code');
	});

	test('no text makes it slow, and there is a bound to what is coloured', () => {
		for (const piece of [`${E}[31mx${E}[0m `, `${E}]`, `${E}]${'x'.repeat(1999)}`, `${E}[`, `${E}[${'1;'.repeat(500)}`, E, `${E}[3${' '.repeat(300)}`]) {
			const text = piece.repeat(Math.ceil(1_000_000 / piece.length));
			const runs = quick(JSON.stringify(piece.slice(0, 20)), () => ansi.coloured(text));
			assert.ok(runs.length <= 2001, `${runs.length} runs`);
			assert.equal(runs.map(({ text: words }) => words).join(''), quick('stripped', () => ansi.stripped(text)));
		}
	});

	test('hits, copies, exports and what is read aloud have none', () => {
		const failed = message(`${E}[31mFAILED${E}[0m: rsync`);
		assert.equal(plain(failed), 'FAILED: rsync');
		assert.deepEqual(excerpt([`${E}[`, '31mFAILED', `${E}[0m: rsync`]), ['', 'FAILED', ': rsync'], 'a hit may begin in a sequence');
		for (const form of ['txt', 'csv', 'jsonl']) assert.ok(!exported([failed], form, 'x').content.includes(E), form);
		assert.equal(linesOf([failed], () => '2026-11-28 03:12'), '[2026-11-28 03:12] cron: FAILED: rsync');
		assert.ok(!acts.quoteOf(failed, 'x').includes(E));
		assert.deepEqual([...'x failed'.matchAll(patternOf([{ snippet: [`${E}[`, '31mFAILED', ''] }]))].length, 1, 'nor have words that are marked');
	});
});

describe('what programs print', () => {
	const PRINTED = [
		'2026-01-01 10:00 begun\n2026-01-01 10:01 done', '[2026-01-01T10:00] begun\n[2026-01-01T10:01] done', 'Nov 28 03:12:01 db1 cron: a\nNov 28 03:12:02 db1 cron: b',
		'03:12:01.123 a\n03:12:02.456 b', '[   12.345678] usb 1-1: new\n[   12.400000] usb 1-1: gone', 'Filesystem      Size  Used\n/dev/sda1        50G   31G',
		'total 12\ndrwxr-xr-x 2 root root 4096 Jan  1 12:00 x\n-rw-r--r-- 1 root root    9 Jan  1 12:00 y', 'a\tb\n1\t2', '| a | b |\n|---|---|\n| 1 | 2 |',
		'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\n    foo()\nValueError: no', 'java.lang.NullPointerException: x\n\tat a.b(c.java:1)\n\tat d.e(f.java:2)',
		'services:\n  db:\n    image: x', 'TypeError: x is not a function\n    at foo (bar.js:1:2)', `ok ${E}[32mgreen${E}[0m\nnot ok`, '2026-01-01 a\r\n2026-01-02 b\r\n',
	];
	const SAID = [
		'Hello.', 'Hello.  How are you?\nFine.  Thanks.', 'one\ntwo\nthree', '- milk\n- bread', 'Dear all,\nwe meet at 10:30 today.\nAnn', '  set in, but one line',
		'Shopping:\n\n1. milk\n2. bread', 'Ann  said\nthat it is late\nand went', '', '\n\n\n', 'src/*/test/*/x.c', '你好\n世界', '  a poem begins\nand goes on\nand on\nand ends',
	];
	for (const text of PRINTED) test(`output: ${JSON.stringify(text).slice(0, 60)}`, () => assert.equal(output.isOutput(text), true));
	for (const text of SAID) test(`words: ${JSON.stringify(text).slice(0, 60)}`, () => assert.equal(output.isOutput(text), false));

	test('no text makes it slow', () => {
		for (const piece of ['a  ', '\t', ' ', '|', '| ', '1', '-', 'a.', '@:', '\n', ' \n', '2026-01-01\n', 'Error', '{', '[', '[[', '{"a":', '"']) {
			const text = piece.repeat(Math.ceil(1_000_000 / piece.length));
			quick(JSON.stringify(piece), () => output.mannerOf({ text }));
		}
	});

	test('how each is shown: Markdown only where its sender says so, or a person wants it', () => {
		const how = (more, as) => output.mannerOf(message('src/*/test/*/x.c', more), as).how;
		assert.equal(how({}), 'plain');
		assert.equal(how({ format: 'markdown' }), 'markdown');
		assert.equal(how({ format: 'another' }), 'plain');
		assert.equal(how({}, 'markdown'), 'markdown');
		assert.equal(how({ format: 'markdown' }, 'source'), 'output');
		assert.equal(how({ text: PRINTED[0] }), 'output');
		assert.equal(how({ text: PRINTED[0], format: 'markdown' }), 'markdown');
		assert.deepEqual(output.mannerOf(message(`${E}[1m*a*`, { format: 'markdown' })), { how: 'markdown', words: '*a*' });
	});

	test('in plain text nothing but links', () => {
		const show = (nodes) => nodes.map((node) => (typeof node === 'string' ? node : `<${node.tag} ${show(node.children)}>`)).join('');
		assert.equal(show(markup.links('src/*/test/*/x.c `a` **b** ~~c~~ _d_ > e')), 'src/*/test/*/x.c `a` **b** ~~c~~ _d_ > e');
		assert.equal(show(markup.links('see https://a.example/*x*, #ops and @ann.')), 'see <a https://a.example/*x>*, <called #ops> and <called @ann>.');
		for (const text of ['a#ops', 'ann@host', '&#123;', '/#ops', '##ops', '@@ann', '#', '@ ', 'a/@b', 'x=#fff', '-@a']) assert.equal(show(markup.links(text)), text);
	});

	test('what is typed here says that it is Markdown, and a change keeps the format unless it says another', () => {
		assert.equal(textItem('ops', { sender: 'ann', text: 'x' }).format, 'markdown');
		const marked = message('*a*', { format: 'markdown' });
		const change = { id: 2, changes: 1, room: 'ops', event: 'message changed', at: 'T' };
		const format = (one, more) => amended([one], [{ ...change, ...more }])[0].format;
		assert.equal(format(marked, { text: 'b' }), 'markdown');
		assert.equal(format(marked, { text: 'b', format: 'plain' }), undefined);
		assert.equal(format(message('a'), { text: 'b', format: 'markdown' }), 'markdown');
		assert.equal(format(message('a'), { text: 'b' }), undefined);
		assert.equal(format(marked, { args: [1] }), undefined);
	});
});

describe('quotations in Markdown', () => {
	const show = (nodes) => nodes.map((node) => (typeof node === 'string' ? node : `<${node.tag}>${show(node.children)}</${node.tag}>`)).join('');
	const is = (text, expected) => assert.equal(show(markup.parse(text)), expected);

	test('lines that begin with > are one, with marks and with others in them', () => {
		is('a\n> b *c*\n> d\ne', 'a\n<blockquote>b <em>c</em>\nd</blockquote>e');
		is('> a\n> > b\n> c', '<blockquote>a\n<blockquote>b</blockquote>c</blockquote>');
		is('a > b', 'a > b');
		is('>a', '<blockquote>a</blockquote>');
		is('```\n> a\n```\n> ```\n> b\n> ```', '<pre>> a</pre><blockquote><pre>b</pre></blockquote>');
		is(`${'> '.repeat(30)}a`, `${'<blockquote>'.repeat(4)}${'> '.repeat(26)}a${'</blockquote>'.repeat(4)}`);
	});

	test('no text makes it slow', () => {
		for (const piece of ['> ', '>\n', '> a\n', '>>>>\n', '```\n> a\n', '> ```\n', '#a', '@a ', '#a.', '#'.repeat(70), '@a.b-']) {
			quick(piece, () => markup.parse(piece.repeat(Math.floor(20_000 / piece.length))));
		}
	});

	test('a message that is quoted: its words as they are, whose it is, where it is; cut where it is long', () => {
		assert.equal(acts.quoteOf(message('backup FAILED'), 'https://h/#ops/1'), '> backup FAILED\n> cron, https://h/#ops/1\n');
		assert.equal(acts.quoteOf(message('a\r\nb', { sender: '' }), 'L'), '> a\n> b\n> no name, L\n');
		const stars = acts.quoteOf(message('src/*/test/*/x.c'), 'L');
		assert.equal(show(markup.parse(stars)), '<blockquote><code>src/*/test/*/x.c</code>\ncron, L</blockquote>');
		assert.equal(acts.quoteOf(message('*a*', { format: 'markdown' }), 'L'), '> *a*\n> cron, L\n');
		const long = acts.quoteOf(message(`${'line\n'.repeat(100)}`), 'L').split('\n');
		assert.deepEqual([long.length, long[8]], [10, '> … cron, L']);
		assert.ok(acts.quoteOf(message('x'.repeat(9000)), 'L').length < 520);
		assert.equal(acts.quoteOf(message(undefined, { text: undefined, event: 'disk', args: ['sda', 1] }), 'L'), '> disk ["sda",1]\n> cron, L\n');
	});
});

describe('several messages that are copied', () => {
	test('a line each, with times and names; no message can pretend to be two', () => {
		const lines = linesOf([message('a\n[2026-01-01 00:00] ann: b'), message('c', { sender: '' })], (at) => at.slice(0, 16).replace('T', ' '));
		assert.equal(lines, '[2026-11-28 03:12] cron: a\n\t[2026-01-01 00:00] ann: b\n[2026-11-28 03:12] -: c');
	});
});

describe('JSON', () => {
	const squeezed = (text) => text.replace(/\s/g, '');

	test('is set in by two, its tokens as they were written', () => {
		const text = '{"big":12345678901234567890,"e":1.50e+3,"list":[],"none":{ },"deep":{"a":["x{,}\\"y",true,null]}}';
		assert.equal(output.indented(text), [
			'{', '  "big": 12345678901234567890,', '  "e": 1.50e+3,', '  "list": [],', '  "none": {},', '  "deep": {', '    "a": [', '      "x{,}\\"y",', '      true,',
			'      null', '    ]', '  }', '}'].join('\n'));
		assert.equal(output.indented('{"ok":true}'), '{"ok":true}', 'what is short stays in its line');
		const pretty = JSON.stringify(JSON.parse('{"a":[1,2,{"b":"c d"}],"longer":"than forty characters, that is"}'), null, 2);
		assert.equal(output.indented(squeezed(pretty)), output.indented(pretty).replace('c d', 'cd').replaceAll('than forty characters, that is', 'thanfortycharacters,thatis'));
	});

	test('texts that are an object or an array are shown so, and nothing else', () => {
		const how = (text) => output.mannerOf({ text }).how;
		assert.equal(how('{"disk":"sda1","percent":97,"host":"db1.example"}'), 'json');
		assert.equal(how('\n[{"disk":"sda1"},{"disk":"sdb1"},{"disk":"sdc1"}]\n'), 'json');
		for (const text of ['{"a":1}', '[2026-11-28 03:12:01] the backup of db1 has begun [ok]', '{not json, although it looks a little like it}', '"a string that is longer than forty characters"', '12345678901234567890123456789012345678901234567890']) {
			assert.notEqual(how(text), 'json', text);
		}
		quick('deep', () => how(`${'['.repeat(100_000)}${']'.repeat(100_000)}`));
	});

	test('a file among the arguments is called so, and no placeholder is shown', () => {
		const shown = (args, attachments) => output.mannerOf({ args, attachments }).words;
		const place = (num) => ({ _placeholder: true, num });
		assert.equal(squeezed(shown([{ needle: 'stack' }, place(0), { at: [place(1)] }, 'and a text that is long enough'], ['AQ==', 'AQ=='])),
			'[{"needle":"stack"},(file1),{"at":[(file2)]},"andatextthatislongenough"]');
		assert.equal(shown([place(0)], ['AQ==']), '');
		assert.ok(!shown(Array.from({ length: 99 }, (_, i) => place(i)), ['AQ==']).includes('_placeholder'));
	});

	test('of very long JSON the beginning is set in, and all of it when somebody wants it', () => {
		const text = `[${'{"a":1},'.repeat(500_000)}1]`;
		const { how, words, whole } = quick('long', () => output.mannerOf({ text }));
		assert.equal(how, 'json');
		assert.ok(words.length < 200_000);
		assert.equal(whole(), output.indented(text));
		assert.ok(whole().startsWith(words.slice(0, 10_000)));
	});

	test('brackets alone do not fill the memory', () => {
		const deep = `${'['.repeat(5000)}1${']'.repeat(5000)}`;
		assert.ok(quick('deep', () => output.indented(deep)).length < 500_000);
		quick('long', () => output.indented(`[${'{"a":1},'.repeat(100_000)}1]`));
	});
});

describe('how large a picture is', () => {
	const base64 = (...bytes) => Buffer.from(bytes.flat()).toString('base64');
	const text = (word) => [...Buffer.from(word, 'latin1')];
	const two = (n) => [n >> 8, n & 255], little = (n) => [n & 255, n >> 8];
	const png = (w, h) => base64([0x89], text('PNG\r\n'), [0x1a, 0x0a], [0, 0, 0, 13], text('IHDR'), [0, 0], two(w), [0, 0], two(h), [8, 6, 0, 0, 0]);

	test('is told by its first bytes, and it is shown no larger than its place', () => {
		assert.deepEqual(picture.sizeOf(png(10, 12)), [10, 12]);
		assert.deepEqual(picture.sizeOf(png(768, 416)), [384, 208]);
		assert.deepEqual(picture.sizeOf(png(100, 4160)), [5, 208]);
		assert.deepEqual(picture.sizeOf(png(60_000, 1)), [384, 1]);
		assert.deepEqual(picture.sizeOf(base64(text('GIF89a'), little(20), little(30), [0, 0])), [20, 30]);
		assert.deepEqual(picture.sizeOf(base64([0xff, 0xd8, 0xff, 0xe0], two(4), [0, 0], [0xff, 0xc4], two(2), [0xff, 0xc2], two(11), [8], two(40), two(50), [1, 0, 0, 0, 0])), [50, 40]);
		const riff = [...text('RIFF'), 0, 0, 0, 0, ...text('WEBPVP8')];
		assert.deepEqual(picture.sizeOf(base64(riff, text(' '), Array(10).fill(0), little(70), little(80))), [70, 80]);
		assert.deepEqual(picture.sizeOf(base64(riff, text('L'), [0, 0, 0, 0, 0x2f], [9, 0x40, 2, 0], [0])), [10, 10]);
		assert.deepEqual(picture.sizeOf(base64(riff, text('X'), Array(8).fill(0), [89, 0, 0], [99, 0, 0])), [90, 100]);
	});

	test('what ends before it, or is of another kind, has none', () => {
		for (const bytes of ['', 'iVBORw0K', base64([0xff, 0xd8, 0xff]), base64([0xff, 0xd8, 0xff, 0xe0], Array(400).fill(0)), png(0, 5), 'AAAAIGZ0eXBhdmlm', '!!!!', 'R0lGOD!!']) {
			assert.equal(picture.sizeOf(bytes), null, bytes);
		}
	});
});
