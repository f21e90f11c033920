// config.test.mjs: the daemon's options: told by --help and the man page, checked, and refused in clear words.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { connect, fastcgi } from './fastcgi.mjs';
import { binary, daemon, root, run, tempDir, until } from './harness.mjs';

const OPTIONS = ['socket', 'database', 'pid-file', 'host', 'cors', 'wait-max', 'body-max', 'message-max', 'depth-max', 'reply-max', 'queue-max', 'queue-bytes',
	'ring-bytes', 'readers', 'reads-max', 'lock-wait', 'write-timeout', 'search-timeout', 'send-timeout', 'request-timeout', 'message-timeout', 'connections-max',
	'ping-interval', 'ping-timeout', 'connect-timeout', 'upgrade-timeout', 'max-payload', 'sessions-max', 'session-queue', 'namespaces-max', 'attachments-max', 'attachment-wait', 'event-wait', 'memory-max', 'recovery', 'recovery-max', 'loop-batch', 'commit-gather', 'round-rest', 'round-hold', 'round-yield', 'limit', 'trusted', 'jwt-key', 'trust-loopback', 'no-websocket', 'rooms-max', 'database-max', 'disk-free-min', 'keep-days', 'keep-messages', 'keep-room', 'keep-grace', 'keep-every', 'ephemeral', 'log-level', 'new-epoch', 'help', 'version'];

describe('config: --help', () => {
	it('names every option, and the defaults the interface promises', async () => {
		const { code, stdout, stderr } = await run(binary, ['--help']);
		assert.equal(code, 0);
		assert.equal(stderr, '');
		for (const name of OPTIONS)
			assert.match(stdout, new RegExp(`--${name}\\b`), name);
		const line = (name) => stdout.split(/\n(?=\s*--)/).find((part) => part.includes(`--${name} `)) ?? '';
		for (const [name, value] of [['wait-max', /\b55\b/], ['body-max', /\b1,?000,?000\b/], ['message-max', /\b4,?000,?000\b/], ['depth-max', /\b1,?000\b/],
			['reply-max', /\b1,?000,?000\b/], ['queue-max', /\b10,?000\b/], ['reads-max', /\b1,?000\b/], ['lock-wait', /\b15\b/], ['write-timeout', /\b5\b/], ['search-timeout', /\b2\b/], ['send-timeout', /\b60\b/], ['recovery-max', /\b10,?000\b/], ['upgrade-timeout', /\(10000\)/], ['rooms-max', /\b10,?000\b/], ['database-max', /\(0\)/], ['disk-free-min', /\b1,?000,?000,?000 or 5 %/], ['keep-days', /\(off\)/], ['keep-grace', /\(600\)/], ['keep-every', /\(60\)/]])
			assert.match(line(name), value, name);
	});

	it('says nothing that the man page does not', async () => {
		const { stdout } = await run(binary, ['--help']);
		const page = fs.readFileSync(path.join(root, 'fcgi/longlined.8'), 'utf8').replaceAll('\\-', '-');
		for (const [, name] of stdout.matchAll(/--([a-z][a-z-]+)/g))
			assert.match(page, new RegExp(`(--|Fl -? ?-?)${name}\\b`), `--${name} in longlined.8`);
	});

	it('--version is one line', async () => {
		const { code, stdout } = await run(binary, ['--version']);
		assert.equal(code, 0);
		assert.match(stdout, /^longlined \S+\n$/);
	});

	it('each mistake is named, not only the first', async () => {
		const { code, stderr } = await run(binary, ['--wait-max', 'x', '--colour', 'red', '--wait', '3', '--readers=0', 'stray']);
		assert.equal(code, 2);
		assert.equal(stderr.trim().split('\n').length, 5, stderr);
		for (const what of [/--wait-max must be/, /no option --colour;/, /no option --wait; write it in full/, /--readers must be/, /'stray'/])
			assert.match(stderr, what);
	});
});

describe('config: what is refused', () => {
	for (const [args, what] of [
		[['--colour', 'red'], /colour/],
		[['--wait-max'], /wait-max/],
		[['--wait-max', 'x'], /wait-max/],
		[['--wait-max', '100000'], /wait-max/],
		[['--wait-max', '-1'], /wait-max/],
		[['--wait-max', ''], /wait-max/],
		[['--body-max', '0'], /body-max/],
		[['--body-max', '10MB'], /body-max/],
		[['--depth-max', '0'], /depth-max/],
		[['--readers', '0'], /readers/],
		[['--readers', '99999999999999999999'], /readers/],
		[['--queue-max', '0'], /queue-max/],
		[['--attachments-max', '11'], /--attachments-max must be 0 to 10, not '11'/],
		[['--recovery-max', '0'], /recovery-max/],
		[['--reads-max', '0'], /reads-max/],
		[['--recovery-max', '1000001'], /recovery-max/],
		[['--log-level', 'loud'], /log-level/],
		[['--host', ''], /--host must be a name/],
		[['--host', 'log.example:443'], /without a port, such as example\.org.*not 'log\.example:443'/],
		[['--host', '*'], /--host/],
		[Array(65).fill(['--host', 'a']).flat(), /--host may be given 64 times/],
		[['--cors', ''], /cors/],
		[['--cors', 'page.example'], /cors/],
		[['--cors', 'https://*.page.example'], /--cors .*'https:\/\/\*\.page\.example'.*\* stands alone/],
		[['--cors', 'https://page.example:443'], /--cors .*'https:\/\/page\.example:443'.*default/],
		[['--cors', 'https://page.example', '--cors', 'http://page.example/'], /--cors .*'http:\/\/page\.example\/'.*path/],
		[['--cors', 'null'], /--cors .*null/],
		[['--limit'], /--limit needs a value/],
		[['--limit', 'message=1:1'], /--limit message=1:1: there is no limit 'message', but requests, handshakes, messages, .* and memory$/m],
		[['--limit', 'anyone.messages=1:1'], /--limit anyone\.messages=1:1: a class is stranger, user or trusted, not 'anyone'$/m],
		[['--limit', 'messages=10'], /messages must be RATE:BURST, such as 10\/s:300 or 1\/min:20, or off, not '10'$/m],
		[['--limit', 'messages=off', '--limit', 'held=-1'], /held must be a count up to 4294967295, such as 128 or 8M, or off, not '-1'$/m],
		[['--limit', 'day-bytes=much'], /day-bytes must be bytes a day, such as 500M, .*not 'much'$/m],
		[['--trusted', 'ann'], /--trusted must be user: and a name of 1 to 123 bytes of UTF-8, such as user:ann, not 'ann'$/m],
		[['--trusted', 'user:'], /--trusted must be user: and a name/],
		[['--trusted', 'token:ci'], /--trusted must be user: and a name/],
		[['--trusted', `user:${'x'.repeat(124)}`], /--trusted must be user: and a name/],
		[Array(65).fill(['--trusted', 'user:a']).flat(), /--trusted may be given 64 times, and not once more for 'user:a'$/m],
		[['--jwt-key', ''], /--jwt-key must be a file/],
		[Array(5).fill(['--jwt-key', 'k']).flat(), /--jwt-key may be given 4 times, and not once more for 'k'$/m],
		[['--trust-loopback=1'], /--trust-loopback takes no value/],
		[['--no-websocket=1'], /--no-websocket takes no value/],
		[['--upgrade-timeout', '49'], /--upgrade-timeout must be 50 to 600000, not '49'$/m],
		[['--upgrade-timeout', '600001'], /--upgrade-timeout must be 50 to 600000, not '600001'$/m],
		[['--upgrade-timeout', '10s'], /--upgrade-timeout must be/],
		[['--rooms-max', '-1'], /--rooms-max must be 0 to 10000000, not '-1'$/m],
		[['--database-max', '1G'], /--database-max must be 0 to \d+, not '1G'$/m],
		[['--disk-free-min', '-1'], /--disk-free-min must be 0 to \d+, not '-1'$/m],
		[['--disk-free-min', '5%'], /--disk-free-min must be 0 to/],
		[['--keep-days', '0'], /--keep-days 0: expected days \(30, 0\.5\), a time \(90s, 12h, .* or off$/m],
		[['--keep-days', '5y'], /--keep-days 5y: expected days/],
		[['--keep-messages', '30d'], /--keep-messages 30d: expected a number from 1 to \d+, or off$/m],
		[['--keep-room', 'main'], /--keep-room main: expected a time with its unit .* behind the =$/m],
		[['--keep-room', 'm*n=5'], /--keep-room m\*n=5: expected a room, or the beginning of one and \*, .* as in ci-\*=30d$/m],
		[['--keep-room', 'ci-*=30d', '--keep-room', 'ci-*=off'], /--keep-room ci-\*=off: these rooms were given before$/m],
		[Array.from({ length: 257 }, (_, i) => ['--keep-room', `r${i}=5`]).flat(), /--keep-room r256=5: it may be given 256 times, and not once more$/m],
		[['--keep-grace', '-1'], /--keep-grace must be 0 to \d+, not '-1'$/m],
		[['stray'], /stray/],
		[['--', 'stray'], /stray/],
		[['-x'], /there is no option -x;/],
		[['--new-epoch=1'], /--new-epoch takes no value/],
		[['--wait', '3'], /there is no option --wait; write it in full: --wait-max$/m],
		[['--wait=3'], /there is no option --wait; write it in full: --wait-max$/m],
		[['--sock', 'x'], /write it in full: --socket$/m],
		[['--new'], /write it in full: --new-epoch$/m],
		[['--vers'], /write it in full: --version$/m],
		[['--ping', '100'], /write it in full: --ping-interval or --ping-timeout$/m],
		[['--wait-maxi', '3'], /there is no option --wait-maxi; see longlined --help$/m],
	]) {
		it(`refuses ${args.join(' ').slice(0, 40)}`, async () => {
			const dir = tempDir();
			const { code, stderr } = await run(binary, ['--socket', path.join(dir, 's'), '--database', path.join(dir, 'd'), ...args], { cwd: dir });
			assert.equal(code, 2, stderr);
			assert.match(stderr, what);
			assert.ok(!fs.existsSync(path.join(dir, 'd')), 'before it touches anything');
		});
	}

	it('a socket that cannot be made is named', async () => {
		const dir = tempDir();
		for (const name of ['none/s', 'x'.repeat(200)]) {
			const { code, stderr } = await run(binary, ['--socket', path.join(dir, name), '--database', path.join(dir, 'd')]);
			assert.equal(code, 1);
			assert.ok(stderr.includes(name), stderr);
		}
	});
});

describe('config: what is done', () => {
	it('the loop is a batch thread, unless --loop-batch is 0', async (t) => {
		// proc(5): the policy is field 41 of stat; 3 is SCHED_BATCH.
		const policyOf = (pid) => fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ')[38];
		// The pid file is there before the loop begins; what is answered has come through the loop.
		const begun = async (flags) => {
			const d = await daemon({ flags, t });
			assert.equal((await fastcgi(d.socket, { query: 'wait=0' })).status, 200);
			return () => policyOf(d.proc.pid);
		};
		if (policyOf('self') !== '0')
			return t.skip('a policy set from outside is left alone');
		const batch = await begun([]);
		// While a worker hurries, the loop is none; so it may be one a moment later.
		await until(() => batch() === '3', { what: 'the loop to be a batch thread' });
		assert.equal((await begun(['--loop-batch', '0']))(), '0');
	});

	it('an option that another one begins with is itself, and a value may look like an option', async (t) => {
		const dir = tempDir();
		const d = await daemon({ dir, flags: ['--recovery', '0', '--recovery-max=7', '--ephemeral', '--wait', '--wait-max', '7'], t });
		assert.ok(!d.done, d.output);
		assert.equal((await fastcgi(d.socket, { query: 'wait=8' })).status, 400);
	});

	it('what persons may is taken as it is written', async (t) => {
		const d = await daemon({ flags: ['--limit', 'messages=10/s:300', '--limit', 'user.day-bytes=1G', '--limit', 'stranger.new-rooms=0.5/min:20', '--limit', 'memory=8M',
			'--limit', 'trusted.held=off', ...Array(64).fill(['--trusted', `user:${'ä'.repeat(61)}`]).flat(), '--rooms-max', '0', '--database-max', '0', '--disk-free-min', '0', '--keep-days', '0.5', '--keep-messages', '5', '--keep-room', 'main=off',
			'--keep-room', 'ci-*=30d,1000', '--keep-room', '*=5', '--keep-grace', '0', '--keep-every', '1'], t });
		assert.ok(!d.done, d.output);
		assert.equal((await fastcgi(d.socket, { query: 'wait=0' })).status, 200);
	});

	it('how sessions go to WebSocket is taken at its bounds', async (t) => {
		for (const flags of [['--no-websocket', '--upgrade-timeout', '50'], ['--upgrade-timeout=600000']]) {
			const d = await daemon({ flags, t });
			assert.ok(!d.done, d.output);
			assert.equal((await fastcgi(d.socket, { query: 'wait=0' })).status, 200);
		}
	});

	it('--log-level decides what is said', async () => {
		const sizes = [];
		for (const level of ['error', 'debug']) {
			const d = await daemon({ flags: ['--log-level', level] });
			await fastcgi(d.socket, { method: 'POST', path: '/send', body: 'x' });
			sizes.push((await d.stop()).log.length);
		}
		assert.equal(sizes[0], 0);
		assert.ok(sizes[1] > 0);
	});

	it('--readers 1 is enough', async (t) => {
		const d = await daemon({ flags: ['--readers', '1', '--ring-bytes', '4096'], t });
		for (let i = 0; i < 50; i++)
			await fastcgi(d.socket, { method: 'POST', path: '/send', body: `${i} ${'x'.repeat(200)}` });
		const all = await Promise.all(Array.from({ length: 20 }, () => fastcgi(d.socket, { query: 'since=all' })));
		for (const res of all)
			assert.equal(res.json.messages.length, 50);
	});

	it('--connections-max leaves the others waiting, not refused', async (t) => {
		const d = await daemon({ flags: ['--connections-max', '4'], t });
		const kept = [];
		for (let i = 0; i < 4; i++) {
			kept.push(await connect(d.socket));
			assert.equal((await kept[i].ask({ query: 'wait=0', keep: true })).status, 200);
		}
		const late = fastcgi(d.socket, { query: 'wait=0' }).then((res) => res.status, () => 'refused');
		await new Promise((resolve) => setTimeout(resolve, 200));
		kept.forEach((conn) => conn.close());
		assert.equal(await late, 200);
	});
});
