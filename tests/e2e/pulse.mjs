// pulse.mjs: the others, while somebody misbehaves: a thread of its own in which one client sends all the time and another
// follows by held polls, both through nginx, and the time of each send and each delivery is taken.
//
// The test drives it by `pulse(server)`. It has a thread of its own so that what the test does with thousands of sockets is
// not taken for slowness of the daemon.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { client, ms, room, sleep, within } from './harness.mjs';

const EVERY_MS = 8;

/** Starts it. `beat(fn)` runs fn and resolves to {sends, deliveries} (lists of ms) and `errors` from meanwhile. */
export async function pulse(server, t) {
	// A room of its own: the last send of one that was ended may be stored when the next one begins.
	const worker = new Worker(new URL(import.meta.url), { workerData: { pulse: true, url: server.url, name: room('pulse') } });
	const waiting = [];
	worker.on('message', (message) => waiting.shift()(message));
	const ask = () => {
		const answer = new Promise((resolve) => waiting.push(resolve));
		worker.postMessage('take');
		return within(ms(60_000), answer, 'the pulse');
	};
	t.after(() => worker.terminate());
	await ask();
	return {
		async beat(fn) {
			await ask();
			await fn();
			return ask();
		},
	};
}

async function main({ url, name }) {
	const one = client(url);
	const sent = new Map();
	let sends = [], deliveries = [], errors = [];
	let { next } = (await one.poll({ room: name, wait: 0 })).json;

	const follow = async () => {
		for (;;) {
			const res = await one.poll({ room: name, since: next, wait: 20 });
			const at = performance.now();
			if (res.status !== 200)
				throw new Error(`poll answered ${res.status}: ${res.text}`);
			for (const { text } of res.json.messages) {
				deliveries.push(at - sent.get(text));
				sent.delete(text);
			}
			next = res.json.next;
		}
	};
	const send = async () => {
		for (let n = 0; ; n++) {
			sent.set(`${n}`, performance.now());
			const res = await one.send(`${n}`, { room: name });
			sends.push(res.took);
			if (res.status !== 201)
				throw new Error(`send answered ${res.status}: ${res.text}`);
			await sleep(EVERY_MS);
		}
	};
	// What is still on its way counts with the time it has waited so far: a standstill must not hide itself.
	parentPort.on('message', () => {
		const waits = [...sent.values()].map((at) => performance.now() - at);
		parentPort.postMessage({ sends, deliveries: [...deliveries, ...waits], errors });
		[sends, deliveries, errors] = [[], [], []];
	});
	for (const loop of [follow, send])
		loop().catch((error) => errors.push(String(error)));
}

if (!isMainThread && workerData?.pulse)
	main(workerData);
