// report-flows.mjs: the parts of report.mjs about answers that go on, with their bars.
import { round, table } from './figures.mjs';
import { bars } from './plot.mjs';

const count = (n) => (n === undefined ? '' : Math.round(n).toLocaleString('en'));
const met = (is) => (is ? 'met' : '**not met**');
const kib = (bytes) => (bytes === undefined ? '' : round(bytes / 1024));

/** What a stream or WebSocket of the daemon may take, in bytes. */
const BYTES = { websocket: 800, stream: 120 };

/** The bars: who beside whom, what, and at most (or, of a rate, at least) how many times. */
const FLOOR = [['CPU', (one) => one.cpu, 1.15], ['last, beyond a commit', (one) => one.last_beyond_commit, 1.15]];
const NCHAN = (cpu, rate) => [['CPU, 1 under way', (one) => one.windows[1].cpu, 1.6], ['CPU, 8 under way', (one) => one.windows[8].cpu, cpu], ['deliveries/s, 8 under way', (one) => one.windows[8].rate, rate, true]];
const BARS = {
	'longline WebSocket, floor WebSocket': FLOOR,
	'longline WebSocket, longline /poll': [['CPU', (one) => one.cpu, 0.6], ['last', (one) => one.last, 0.95]],
	'longline WebSocket, reference WebSocket': [['last', (one) => one.last, 0.6], ['CPU', (one) => one.cpu, 0.75], ['CPU, 8 under way', (one) => one.windows[8].cpu, 0.2]],
	'longline WebSocket, nchan WebSocket': NCHAN(0.5, 2.5),
	'longline /stream, floor stream': FLOOR,
	'longline /stream, nchan EventSource': NCHAN(0.4, 3),
};

const servers = (n, rounds, by) => [
	`One message to ${count(n)} readers, medians of ${rounds}; then as many as will go, at most 1 and 8 under way. Times in ms, CPU in us for each delivery (and re-poll), memory in KiB for each reader.`,
	table(['', 'first', 'p50', 'last', 'CPU nginx', 'CPU server', 'bytes on the wire', 'memory nginx', 'memory server', 'deliveries/s, 1', 'CPU us', 'deliveries/s, 8', 'CPU us'],
		Object.entries(by).map(([name, { ms, cpu_us: cpu, wire, bytes, windows }]) => [name, ms.first, ms.p50, ms.last, cpu.nginx, cpu.daemon, wire, kib(bytes.nginx), kib(bytes.daemon),
			count(windows[1].deliveries_s), windows[1].cpu_us, count(windows[8].deliveries_s), windows[8].cpu_us])),
];

const ROUNDS = 3; // of one message, for each second as fast as it will go

const FLOORS = { 'longline WebSocket': 'floor WebSocket', 'longline /stream': 'floor stream' };

/** A line for each bar: its figure at each size, and where it is beside somebody else's, the floor's at each. */
function barLines(sizes) {
	const all = Object.values(sizes), find = (pair) => all.map(({ pairs }) => pairs.find(({ a, b }) => `${a}, ${b}` === pair)).filter(Boolean);
	return Object.entries(BARS).flatMap(([pair, lines]) => {
		const found = find(pair), [a, b] = pair.split(', '), least = find(`${FLOORS[a]}, ${b}`);
		return found.length === 0 ? [] : lines.map(([what, figure, bar, more]) => {
			const values = found.map(figure), good = values.map((value) => (more ? value >= bar : value <= bar));
			return [`${a} beside ${b}: ${what}`, more ? `${bar}x` : bar, ...values, least.map(figure).join(', '), good.every(Boolean) ? 'met' : good.some(Boolean) ? `**not met** with ${Object.keys(sizes).filter((_, i) => !good[i]).map((n) => count(Number(n))).join(', ')}` : '**not met**'];
		});
	});
}

export function flows({ n, rounds, sizes }) {
	const names = Object.keys(sizes[n].servers), turns = rounds / ROUNDS, commits = sizes[n].pairs.filter(({ b }) => b.startsWith('floor')).map(({ a, commit_ms: commit }) => `${commit} ms of ${a}`);
	return {
		text: [
			`Beside one another, paired: one message under way and settled, median of ${rounds} ratios; as many as will go, median of ${turns}. A rate is to be greater, all else smaller.`,
			table(['', 'bar', ...Object.keys(sizes).map((size) => `${count(Number(size))} readers`), 'the floor', ''], barLines(sizes)),
			`A commit is what a send that nobody hears takes longer than at the floor: ${commits.join(', ')}.`,
			...Object.entries(sizes).flatMap(([size, { servers: by }]) => servers(Number(size), rounds, by)),
		].join('\n\n'),
		plots: {
			'flows-cpu': bars({ title: `CPU for each delivery to ${count(n)}, 1 and 8 under way`, unit: 'us', series: ['1', '8'], groups: names.map((name) => ({ name, values: [1, 8].map((window) => sizes[n].servers[name].windows[window].cpu_us) })) }),
		},
	};
}

export function storms({ n, kinds, upgrades: up }) {
	return {
		text: [`${count(n)} that connect at once, through one worker of nginx: until all hold, ms; how many did not; errors in nginx's log. Then what each takes, in bytes, after a smaller crowd came and went.`,
			table(['', 'all hold', 'worst', 'failed', 'errors', '', 'daemon', 'nginx', 'bar, daemon', ''], Object.entries(kinds).map(([name, one]) => [name, one.all_hold_ms, one.worst_ms, one.failed, one.logged, met(!one.failed && !one.logged),
				one.bytes.daemon, count(one.bytes.nginx), BYTES[name], met(one.bytes.daemon <= BYTES[name])])),
			`${count(up.n)} sessions that all go from polling to WebSocket at once, while 8 connections send as fast as they are answered: all have after ${up.all_ms} ms, and ${count(up.messages)} messages go to each. Of all runs at most ${up.stayed} stayed, ${up.missing} messages were missing, ${up.wrong} doubled or out of order (bar: 0): ${met(!up.stayed && !up.missing && !up.wrong)}.`].join('\n\n'),
		plots: {},
	};
}

/** How much memory the stalled may take, in MB, and how much later p99 of others may be, in ms. */
const STALLED_MB = (places) => (places === 1 ? 2 : 12), LATER_MS = 2;

export function stalled({ readers, large, turns, kinds }) {
	const others = ([name, one]) => Object.entries(one.others).map(([kind, { free, stalled: slow, more }]) => [`${name}: ${kind}`, free, slow, more, met(more <= LATER_MS)]);
	return {
		text: [`${readers} readers that stop reading while messages of ${count(large)} bytes are sent: what the daemon has of malloc beyond what it has where they read, MB, median and worst; what it counts as not taken yet (\`memory_bytes\`), each thing once (the same messages leave other things in memory where they are read, so the bar holds for either); and what they get once they read on.`,
			table(['', 'MB', 'worst', 'bar', '', 'not taken', 'still there', 'messages got', 'due', ''], Object.entries(kinds).map(([name, one]) => [name, one.mb, one.worst_mb, STALLED_MB(one.places), met(Math.max(one.worst_mb, one.kept_mb) <= STALLED_MB(one.places)),
				one.kept_mb, one.open, [...new Set(one.got)].map(count).join(' and '), count(one.due), met(one.got.every((got) => got === one.due))])),
			`Everybody else, where nobody is stalled and where they are: p99 in ms, medians of ${turns} turns, and the median of the differences. Bar: ${LATER_MS} ms more.`,
			table(['', 'none stalled', 'stalled', 'more', ''], Object.entries(kinds).flatMap(others))].join('\n\n'),
		plots: {},
	};
}
