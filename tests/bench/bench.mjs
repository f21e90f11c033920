// bench.mjs: measures the parts that are named, and writes of each build/bench/PART.json, tables and plots.
//
// Environment: BENCH    parts, with commas between (all of them)
//              N        held requests, or readers (5,000)
//              ROOMS    rooms with a waiter each (10,000)
//              NGINX_WORKERS  of the nginx with the polls of `held`, who need two descriptors each (4)
//              PAIRS    how often the servers take turns (5)
//              SECONDS  of each run in a closed loop (1)
//              OLD      another longlined, for the part `beside`, which is only measured when it is named
//              ROWS     lengths of the logs, with commas between (10,000 and 1,000,000)
import fs from 'node:fs';
import path from 'node:path';
import { access } from './access.mjs';
import { beside } from './beside.mjs';
import { bounds } from './bounds.mjs';
import { changes } from './changes.mjs';
import { fanout, saturation } from './fanout.mjs';
import { flows } from './flows.mjs';
import { pin } from './generator.mjs';
import { held } from './held.mjs';
import { growth } from './lengths.mjs';
import { reads } from './reads.mjs';
import { folder, report } from './report.mjs';
import { rooms } from './rooms.mjs';
import { sends } from './sends.mjs';
import { about, quiet } from './servers.mjs';
import { stalled } from './stalled.mjs';
import { storms } from './storms.mjs';

const parts = { fanout, saturation, flows, storms, stalled, held, rooms, sends, reads, growth, bounds, access, changes };
/** Of what is measured only when it is named. */
const named = { beside };

const number = (name, fallback) => {
	const value = Number(process.env[name] || fallback);
	if (!(value > 0))
		throw new Error(`${name} must be a positive number, not '${process.env[name]}'`);
	return value;
};

const options = { n: number('N', 5_000), pairs: number('PAIRS', 5), seconds: number('SECONDS', 1), rooms: number('ROOMS', 10_000), workers: number('NGINX_WORKERS', 4) };
options.rows = (process.env.ROWS || '10000,1000000').split(',').map(Number);
pin(process.pid);
const names = (process.env.BENCH || Object.keys(parts).join()).split(',');
const unknown = names.find((name) => !parts[name] && !named[name]);
if (unknown)
	throw new Error(`there is no part '${unknown}'; there are ${Object.keys({ ...parts, ...named }).join(', ')}`);
fs.mkdirSync(folder, { recursive: true });

async function measure(name) {
	const began = Date.now();
	const result = { part: name, about: about(), options, ...await quiet(() => (parts[name] ?? named[name])(options)) };
	fs.writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify(result, null, '\t')}\n`);
	const { text, plots } = report(result);
	for (const [plot, svg] of Object.entries(plots))
		fs.writeFileSync(path.join(folder, `${plot}.svg`), svg);
	console.log(`\n## ${name} (${((Date.now() - began) / 1000).toFixed(0)} s)\n\n${text}`);
}

try {
	for (const name of names)
		await measure(name);
} catch (error) {
	// To end by the error itself would leave the servers running.
	console.error(error);
	process.exit(1);
}
process.exit(0);
