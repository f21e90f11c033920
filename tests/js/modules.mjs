// modules.mjs: the page's modules, for tests in node.
//
// The files end in .js, as every web server knows them; node of the age of Debian 12 takes them for modules only beside
// a package.json that says so, which the page should not have to carry. So they are read from a copy that has one.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const source = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../static');
const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'longline-page-'));
process.on('exit', () => fs.rmSync(copy, { recursive: true, force: true }));
fs.writeFileSync(path.join(copy, 'package.json'), '{"type":"module"}');
for (const name of fs.readdirSync(source).filter((file) => file.endsWith('.js'))) {
	fs.copyFileSync(path.join(source, name), path.join(copy, name));
}

export const { Backoff, Failure, Live, Outbox, Server } = await import(pathToFileURL(path.join(copy, 'transport.js')));
export const { Timeline } = await import(pathToFileURL(path.join(copy, 'timeline.js')));
