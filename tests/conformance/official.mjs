// official.mjs: Socket.IO's own suites of its protocols, unedited, against the conformance server behind its nginx. They
// ask at port 3000 of this machine, by polling and by WebSocket. What they say is shown; the exit status is 0 if nothing
// failed.
//
// Environment: SUITE  a checkout of the repository socketio/socket.io in which "npm ci" was run in both folders below
import fs from 'node:fs';
import path from 'node:path';
import { child, start } from '../e2e/harness.mjs';

const FOLDERS = ['docs/engine.io-protocol/v4-test-suite', 'docs/socket.io-protocol/v5-test-suite'];
const PORT = 3000;

const fail = (...lines) => {
	console.error(lines.map((line) => `conformance-official: ${line}`).join('\n'));
	process.exit(2);
};

/** One suite to its end; true if nothing failed. */
async function suite(folder) {
	console.log(`\n==== ${path.basename(path.dirname(folder))}/${path.basename(folder)}`);
	const self = child(process.execPath, ['node_modules/mocha/bin/mocha', '--reporter', 'spec', 'test-suite.js'], { cwd: folder });
	for (const stream of [self.proc.stdout, self.proc.stderr])
		stream.on('data', (text) => process.stdout.write(text));
	return (await self.ended).code === 0;
}

const checkout = path.resolve(process.env.SUITE || '.');
const folders = FOLDERS.map((folder) => path.join(checkout, folder));
if (!process.env.SUITE)
	fail('SUITE=CHECKOUT is missing: a checkout of the repository socketio/socket.io,', `with "npm ci" run in its ${FOLDERS.join(' and ')}`);
for (const folder of folders) {
	if (!fs.existsSync(path.join(folder, 'test-suite.js')))
		fail(`there is no ${folder}/test-suite.js: SUITE is to be a checkout of the repository socketio/socket.io`);
	if (!fs.existsSync(path.join(folder, 'node_modules/mocha/bin/mocha')))
		fail(`run "npm ci" in ${folder} first`);
}
const server = await start({
	port: PORT, env: { LONGLINED: process.env.CONFORMANCED || 'build/conformanced' },
	flags: '--ping-interval 300 --ping-timeout 200 --connect-timeout 1000 --cors *',
}).catch((error) => fail(error.message));
let ok = true;
for (const folder of folders)
	ok = await suite(folder) && ok;
await server.stop();
process.exit(ok ? 0 : 1);
