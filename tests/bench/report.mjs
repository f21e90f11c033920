// report.mjs: what bench.mjs measured, as tables and plots. By itself it puts what build/bench/ holds into
// docs/PERFORMANCE.md, between the marks there, and the plots beside it.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../e2e/harness.mjs';
import { round, table } from './figures.mjs';
import { bars } from './plot.mjs';
import { flows, stalled, storms } from './report-flows.mjs';

export const folder = path.join(root, 'build/bench');

const count = (n) => (n === undefined ? '' : Math.round(n).toLocaleString('en'));
const kib = (bytes) => (bytes === undefined ? '' : round(bytes / 1024));

/** More of a CPU than this used by others, and times are not to be believed. */
const NOISE = 0.1;

const about = ({ about: on, options, elsewhere }) => `${on.cpu}, ${on.cores} cores (servers on one, the generator on the other), ${on.memory_gib} GiB, ${on.disk}; `
	+ `Linux ${on.kernel}, nginx ${on.nginx}, SQLite ${on.sqlite}, Node ${on.node}, ${on.compiler}; commit ${on.commit}${on.date ? `, ${on.date}` : ''}; PAIRS=${options.pairs} SECONDS=${options.seconds}.`
	+ (elsewhere === undefined ? '' : elsewhere > NOISE ? ` **The machine was not quiet: other programs used ${Math.round(elsewhere * 100)} % of a CPU meanwhile. Take ratios, not times.**`
		: ` Other programs used ${Math.round(elsewhere * 100)} % of a CPU meanwhile.`);

function fanout({ n, rounds, servers }) {
	const names = Object.keys(servers);
	const lines = names.map((name) => {
		const { ms, cpu_us: cpu, bytes, to_first: to } = servers[name];
		return [name, ms.first, ms.p50, ms.p99, ms.last, cpu.nginx, cpu.daemon, kib(bytes.nginx), kib(bytes.daemon), to.last, to.cpu];
	});
	const ratios = servers['longline Socket.IO'] && servers.reference ? [`Socket.IO beside /poll, paired: the last ${servers['longline Socket.IO'].to_first.last} times as late, `
		+ `CPU ${servers['longline Socket.IO'].to_first.cpu} times (bar: 1.3); the reference server ${servers.reference.to_first.last} and ${servers.reference.to_first.cpu} times.`] : [];
	return {
		text: [`One message to ${count(n)} held requests, medians of ${rounds}. Times in ms, CPU in us for each delivery and re-poll, memory in KiB for each.`,
			table(['', 'first', 'p50', 'p99', 'last', 'CPU nginx', 'CPU server', 'memory nginx', 'memory server', 'last, x /poll', 'CPU, x /poll'], lines), ...ratios].join('\n\n'),
		plots: {
			'fanout-last': bars({ title: `The last of ${count(n)} has it`, unit: 'ms', series: ['last'], groups: names.map((name) => ({ name, values: [servers[name].ms.last] })) }),
			'fanout-cpu': bars({ title: 'CPU for each delivery', unit: 'us', series: ['nginx', 'server'], groups: names.map((name) => ({ name, values: [servers[name].cpu_us.nginx, servers[name].cpu_us.daemon] })) }),
		},
	};
}

function saturation({ n, servers }) {
	const names = Object.keys(servers);
	return {
		text: [`As many messages to ${count(n)} held requests as will go, at most 1 and 8 of them under way.`,
			table(['', 'deliveries/s, 1', 'CPU us', 'deliveries/s, 8', 'CPU us'],
				names.map((name) => [name, count(servers[name][1].deliveries_s), servers[name][1].cpu_us, count(servers[name][8].deliveries_s), servers[name][8].cpu_us]))].join('\n\n'),
		plots: {
			saturation: bars({ title: 'Deliveries at saturation', unit: 'a second', series: ['1 under way', '8 under way'], groups: names.map((name) => ({ name, values: [servers[name][1].deliveries_s, servers[name][8].deliveries_s] })) }),
		},
	};
}

function sends({ conns, 'SQLite alone': sqlite }) {
	const lines = Object.entries(conns).flatMap(([n, by]) => Object.entries(by).map(([name, one]) =>
		[`${n}: ${name}`, count(one.rate), one.p50_ms, one.p99_ms, one.cpu_us, one.sends_per_commit]));
	const kinds = Object.keys(Object.values(conns)[0]);
	return {
		text: ['Sends of 100 bytes, one after the other on each connection; longline answers when they are synced to the disk, the others store nothing.',
			table(['connections', 'a second', 'p50 ms', 'p99 ms', 'CPU us', 'sends/commit'], lines), `SQLite alone, a commit for each row: ${count(sqlite.rate)} a second, ${sqlite.each_ms} ms each.`].join('\n\n'),
		plots: {
			sends: bars({ title: 'Sends', unit: 'a second (each decade as wide)', log: true, series: kinds, groups: Object.entries(conns).map(([n, by]) => ({ name: `${n} at once`, values: kinds.map((kind) => by[kind].rate) })) }),
		},
	};
}

function reads({ conns, logs }) {
	const sizes = Object.keys(logs);
	const text = sizes.flatMap((n) => {
		const { growth, kinds } = logs[n];
		return [`A log of ${count(n)} messages (${count(growth.bytes / 1e6)} MB; inserted by SQL at ${count(growth.insert_rows_s)} rows a second, indexed by the daemon at ${count(growth.index_rows_s)}); ${conns} connections, each asks one after the other.`,
			table(['', 'a second', 'p50 ms', 'p99 ms', 'CPU us', 'bytes', 'floor a second', 'floor p50 ms', 'floor CPU us'], Object.entries(kinds).map(([name, { longline: a, floor: b }]) =>
				[name, count(a.rate), a.p50_ms, a.p99_ms, a.cpu_us, count(a.bytes), count(b.rate), b.p50_ms, b.cpu_us]))];
	});
	return {
		text: text.join('\n\n'),
		plots: {
			reads: bars({ title: 'Reading, p50', unit: 'ms (each decade as wide)', log: true, series: [...sizes.map((n) => `${count(n)} messages`), 'floor'],
				groups: Object.keys(logs[sizes[0]].kinds).map((name) => ({ name, values: [...sizes.map((n) => logs[n].kinds[name].longline.p50_ms), logs[sizes[0]].kinds[name].floor.p50_ms] })) }),
		},
	};
}

const met = (is) => (is ? 'met' : '**not met**');

/** What p99 may become when something is added: 1.2 times, or 3 ms more. */
const allowed = (ms) => round(Math.max(ms * 1.2, ms + 3));

function held({ n, workers, failed, bytes, descriptors, storm, first_storm_ms: first, message, timed_out: late, hung_up: gone, worst_hung_up_ms: worst, connections_after: left, errors }) {
	const inNginx = descriptors.nginx.reduce((a, b) => a + b, 0), many = 100_000;
	return {
		text: [`${count(n)} polls held by one daemon, behind an nginx with ${workers} workers, that all do the same at once. Times in ms from when the first of them began, medians. Bars: nobody fails, nothing is in nginx's log, and all have hung up after 1,000.`,
			table(['', 'first', 'last', 'failed', ''], [
				['the first storm: all are held', '', round(first), failed.storm, met(!failed.storm)],
				['they come again', '', storm.all_held_ms, '', ''],
				['a message to all', message.first_ms, message.last_ms, failed.message, met(!failed.message)],
				['all hold the next poll', '', message.held_again_ms, '', ''],
				['all time out: after their wait', late.first_ms, late.last_ms, failed.timed_out, met(!failed.timed_out)],
				['all hang up: none is held', '', gone.none_held_ms, failed.hung_up, met(!failed.hung_up && worst <= 1000)],
				["errors in nginx's log", '', '', errors, met(!errors)],
			]),
			`The worst of all times to hang up: ${round(worst)}. Connections from nginx left after it, with the one of the question: ${left}.`,
			table(['each held poll takes', 'daemon', 'nginx', 'bar, daemon', ''], [
				['bytes', count(bytes.daemon), count(bytes.nginx), 96, met(bytes.daemon <= 96)],
				['descriptors', round(descriptors.daemon / n), round(inNginx / n), '', ''],
				[`bytes of ${count(many)}, in MB`, round(bytes.daemon * many / 1e6), count(bytes.nginx * many / 1e6), '', ''],
				[`descriptors of ${count(many)}`, count(many), count(2 * many), '', ''],
			]),
			`In use while all were held: ${count(descriptors.daemon)} descriptors in the daemon, ${count(inNginx)} in nginx, ${count(Math.max(...descriptors.nginx))} of them in one worker.`].join('\n\n'),
		plots: {},
	};
}

function rooms({ n, a_second: rate, cpu, memory: { one, before, turns, ring_bytes: ring } }) {
	const cell = ({ p50, p99 }) => (p50 === undefined ? '' : `${p50} / ${p99}`);
	const line = (name, one) => [name, one.nginx, one.daemon, one.all, one.answers || '', cell(one.send), cell(one.delivery)];
	const each = (bytes) => Math.round(bytes / n), first = turns[0].used.heap - one.heap, message = turns[0].used.message;
	const [after, again] = turns.map((turn) => turn.after);
	return {
		text: [`${count(rate)} messages a second at fixed times, each to one waiter who asks again: over ${count(n)} rooms with one waiter each, and in one room with one waiter; and the same messages where nobody waits. CPU in us for each message, times in ms, p50 / p99.`,
			table(['', 'CPU nginx', 'CPU daemon', 'CPU', 'answers each', 'send', 'delivery'], [
				line(`${count(n)} rooms`, cpu.rooms.heard), line('one room', cpu.one.heard),
				line(`${count(n)} rooms, nobody waits`, cpu.rooms.unheard), line('one room, nobody waits', cpu.one.unheard),
			]),
			`CPU for each delivery, its send included, beside one room's: ${cpu.to_one} times (bar: 1.3): ${met(cpu.to_one <= 1.3)}. What waiters add to the sends: ${cpu.delivery_us.rooms} us in ${count(n)} rooms, ${cpu.delivery_us.one} in one. `
				+ `Where one message goes to ${count(n)} waiters of one room, who share its send and its answer, each costs ${cpu.shared.all} us.`,
			`Memory that malloc gave out in the daemon (without SQLite's), with ${count(n)} held polls and as many messages, and after others have pushed these out of memory (\`--ring-bytes ${ring}\`):`,
			table(['', 'rooms in memory', 'KB'], [
				['the polls are in one room', count(one.rooms), count(one.heap / 1e3)],
				['they hung up, other messages came', before.rooms, count(before.heap / 1e3)],
				['the polls are in a room each', count(turns[0].used.rooms), count(turns[0].used.heap / 1e3)],
				['they hung up, other messages came', after.rooms, count(after.heap / 1e3)],
				['once more, in a room each', count(turns[1].used.rooms), count(turns[1].used.heap / 1e3)],
				['they hung up, other messages came', again.rooms, count(again.heap / 1e3)],
			]),
			`A room takes ${each(first)} bytes beside its waiter, and a message of 100 bytes in it ${Math.round(message)}: ${count(each(first) + message)} (bar: 4,096): ${met(each(first) + message <= 4096)}. `
				+ `Afterwards it takes nothing (bar: none): ${met(again.rooms === before.rooms)}; of ${count(n)} rooms ${each(after.heap - before.heap)} bytes each were left, and ${each(again.heap - after.heap)} more the second time.`].join('\n\n'),
		plots: {},
	};
}

function growth({ every_ms: every, held, starts, lengths }) {
	const sizes = Object.keys(lengths), logs = Object.values(lengths);
	const cell = (one) => `${one.p50} / ${one.p99}${one.failed ? ` (${one.failed} failed)` : ''}`;
	const most = (what, bar) => [`${bar}`, met(Math.max(...logs.map(what)) <= bar)];
	const kinds = ['send', 'delivery', 'poll', 'catch-up', 'page'];
	const names = { delivery: `delivery to ${held} held polls`, poll: 'poll, nothing new', 'catch-up': 'catch-up of 100, anywhere in the older half', page: 'history, 50 anywhere' };
	const begun = (key) => [...logs.map(({ start }) => start[key]), ...most(({ start }) => start[key], 100)];
	const lines = [
		['start after a good end', ...begun('clean_ms')],
		['start after a kill', ...begun('killed_ms')],
		...kinds.map((kind) => {
			const [first, last] = [logs[0], logs.at(-1)].map(({ quiet }) => quiet[kind].p99);
			return [names[kind] ?? kind, ...logs.map(({ quiet }) => cell(quiet[kind])), `p99 ${allowed(first)}`, met(last <= allowed(first))];
		}),
		...Object.keys(logs[0].search).map((name) => [`search, ${name}`, ...logs.map(({ search }) => cell(search[name])),
			...most(({ search }) => (search[name].failed ? Infinity : search[name].p99), name.includes('rare') ? 20 : 100)]),
	];
	const beside = logs.flatMap(({ quiet, searched }, i) => kinds.map((kind) => {
		const bar = allowed(quiet[kind].p99);
		return [`${count(Number(sizes[i]))}: ${names[kind] ?? kind}`, cell(quiet[kind]), cell(searched[kind]), bar, met(searched[kind].p99 <= bar)];
	}));
	const searchers = logs.map(({ meanwhile: { commonest, beginning } }, i) => `${commonest.rate} and ${beginning.rate} searches a second with ${count(Number(sizes[i]))} messages`
		+ (commonest.failed + beginning.failed ? ` (${commonest.failed} and ${beginning.failed} were cut by \`--search-timeout\`)` : ''));
	const failed = logs.reduce((sum, { quiet, searched }) => sum + quiet.failed + searched.failed, 0);
	return {
		text: [`The log as it grows, ms: of starts (from exec to the first answer, with the file in the page cache) the median of ${starts}, else p50 / p99. Each kind of request is asked for every ${every} ms, searches one after the other. `
			+ 'Bars: for starts 100; for p99 of requests in the longest log 1.2 times that in the shortest or 3 ms more; for a rare word 20, for the commonest 100, in each log.',
		table(['', ...sizes.map((n) => `${count(Number(n))} messages`), 'bar', ''], lines),
		`A kill leaves a write-ahead log of ${logs.map(({ start }) => round(start.wal_bytes / 1e6)).join(', ')} MB.`,
		'The same requests while two clients search, each one after the other: the one for the commonest word, the other for a beginning. Bar: p99 1.2 times that without them or 3 ms more.',
		table(['', 'without', 'with searchers', 'bar, p99', ''], beside),
		`They got ${searchers.join('; ')}.${failed ? ` **${failed} of the other requests failed.**` : ' None of the other requests failed.'}`].join('\n\n'),
		plots: {},
	};
}

function bounds({ others, inserts, restart }) {
	const kinds = ['send', 'delivery', 'poll', 'history', 'healthz'];
	const cell = (one) => (one ? `${one.p50} / ${one.p99} / ${one.max}` : '');
	return {
		text: ['How long everybody else waits meanwhile, ms: p50 / p99 / max. Bar: p99 below 50.',
			table(['', ...kinds], Object.entries(others).map(([name, by]) => [name, ...kinds.map((kind) => cell(by[kind]))])),
			'Rows inserted by another program, from its commit to the last of 20 readers, ms. Bar: 50.',
			table(['', 'p50 / p99 / max', 'rows'], Object.entries(inserts).map(([name, one]) => [name, cell(one), one.n])),
			`Restart through an inherited socket with 500 held polls: the last was answered ${restart.last_ms} ms after SIGTERM (the worst of all runs: ${restart.worst_last_ms}; bar: 1,000), all were held by the next daemon after ${restart.all_held_again_ms} ms.`].join('\n\n'),
		plots: {
			bounds: bars({ title: 'Everybody else meanwhile, p99', unit: 'ms (each decade as wide)', log: true, bar: 50, series: kinds,
				groups: Object.entries(others).map(([name, by]) => ({ name, values: kinds.map((kind) => by[kind]?.p99) })) }),
		},
	};
}

/** What is told of pairs, with the bars of those figures that have one. */
const paired = (told, bars, [first, second]) => table(['', first, second, 'ratio', ''], Object.entries(told).flatMap(([what, figures]) =>
	Object.entries(figures).map(([name, one]) => [what ? `${what}: ${name}` : name, one[first], one[second], one.ratio, bars[name] ? met(bars[name](one.ratio)) : ''])));

/** How much more times and CPU may be, at most. */
const most = (max) => ({ 'a second': (ratio) => ratio >= 1 / max, 'CPU, us': (ratio) => ratio <= max, 'the last has it, ms': (ratio) => ratio <= max });

/** What tokens, grants and limits may cost, in times and CPU. */
const ACCESS_MAX = 1.05, PERSON_MAX = 128;

function access({ cost: { persons, ...cost } }) {
	return {
		text: ['A closed log with 1,000 grants, limits that are far away, and 50 tokens, beside an open log without limits; medians, and the median of the ratios of pairs. CPU is of nginx and the daemon for each delivery with its next poll, or for each send. Bar: 5 % more. Of a held poll 96 bytes are the daemon\'s own, in both; the compiler looks after that.',
			paired(cost, most(ACCESS_MAX), ['on', 'off']),
			`A person takes ${persons.bytes} bytes (of ${count(persons.n)}; bar: ${PERSON_MAX}, with what finds it ${PERSON_MAX + 16}): ${met(persons.bytes <= PERSON_MAX + 16)}.`].join('\n\n'),
		plots: {},
	};
}

/** What 100 edits a second beside them may cost those who send. */
const CHANGES_MAX = 1.05;

const changes = ({ told, edits_s: edits }) => ({
	text: [`16 connections that send, beside ${round(edits)} edits a second and without; medians, and the median of the ratios of pairs. CPU is of nginx and the daemon for each send, with that of the edits. Bar: ${CHANGES_MAX}.`,
		paired({ '': told }, { 'a second': most(CHANGES_MAX)['a second'] }, ['edits', 'none'])].join('\n\n'),
	plots: {},
});

/** What a build may cost more than the one before. */
const BESIDE_MAX = 1.03;

const beside = ({ told }) => ({
	text: [`Two builds of the daemon in turns; medians, and the median of the ratios of pairs. Bar: ${BESIDE_MAX}.`, paired(told, most(BESIDE_MAX), ['new', 'old'])].join('\n\n'),
	plots: {},
});

const writers = { fanout, saturation, flows, storms, stalled, held, rooms, sends, reads, growth, bounds, access, changes, beside };

const DATELESS = new Set(['flows', 'storms', 'stalled']);

/** A part as {text, plots: {name: svg}}. */
export function report(result) {
	const { text, plots } = writers[result.part](result);
	// A plot is looked at without its table.
	const marked = result.elsewhere > NOISE ? Object.fromEntries(Object.entries(plots).map(([name, svg]) =>
		[name, svg.replace('</text>', ' (the machine was not quiet)</text>')])) : plots;
	// Those are paired and say so: what counts is the commit.
	const of = DATELESS.has(result.part) ? { ...result, about: { ...result.about, date: undefined } } : result;
	return { text: `${text}\n\n${about(of)}`, plots: marked };
}

function main() {
	const file = path.join(root, 'docs/PERFORMANCE.md');
	let page = fs.readFileSync(file, 'utf8');
	for (const part of Object.keys(writers)) {
		const from = path.join(folder, `${part}.json`);
		if (!fs.existsSync(from))
			continue;
		const { text, plots } = report(JSON.parse(fs.readFileSync(from)));
		fs.mkdirSync(path.join(root, 'docs/performance'), { recursive: true });
		for (const [name, svg] of Object.entries(plots))
			fs.writeFileSync(path.join(root, 'docs/performance', `${name}.svg`), svg);
		const images = Object.keys(plots).map((name) => `![](performance/${name}.svg)`).join('\n');
		page = page.replace(new RegExp(`(<!-- ${part} -->\n)[^]*?(<!-- /${part} -->)`), (_, a, b) => `${a}\n${text}\n\n${images && `${images}\n\n`}${b}`);
	}
	fs.writeFileSync(file, page);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
	main();
