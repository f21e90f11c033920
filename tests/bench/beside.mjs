// beside.mjs: this daemon beside another build of it, OLD, in turns: fan-out, sends, held polls.
import fs from 'node:fs';
import { generator } from './generator.mjs';
import { compared, fanout, held, sends, stop } from './pairs.mjs';
import { longline } from './servers.mjs';

const HELD = 1_000, PARKED = 10_000;

async function pair(workers) {
	const old = process.env.OLD;
	if (!old || !fs.existsSync(old))
		throw new Error(`OLD must be the path of another longlined, not '${old ?? ''}'`);
	const flags = process.env.FLAGS, servers = { new: await longline({ name: 'new', workers, flags }), old: await longline({ name: 'old', daemon: old, workers, flags }) };
	for (const server of Object.values(servers))
		server.load = await generator('poll', server.port, server.groups, server);
	return servers;
}

export async function beside({ pairs, seconds }) {
	const servers = await pair(1), told = {};
	told['a message to 1,000 polls of a room'] = await fanout(servers, 'room=main', HELD, pairs * 6);
	told['16 sends at a time'] = await sends(servers, pairs * 3, seconds * 1000);
	await stop(servers);
	const crowds = await pair(2);
	told['each of 10,000 held polls'] = compared({ new: [await held(crowds.new, 'room=main', PARKED)], old: [await held(crowds.old, 'room=main', PARKED)] });
	await stop(crowds);
	return { told };
}
