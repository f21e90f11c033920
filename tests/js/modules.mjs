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

const load = (name) => import(pathToFileURL(path.join(copy, name)));

export const { Failure, Pause, Server } = await load('transport.js');
export const { Live } = await load('live.js');
export const { Timeline } = await load('timeline.js');
export const { Outbox, DiskStore } = await load('outbox.js');
export const { amended, parted } = await load('changes.js');
export const ansi = await load('ansi.js');
export const output = await load('output.js');
export const picture = await load('picture.js');
export const acts = await load('acts.js');
export const { textItem } = await load('write.js');
export const { Own } = await load('own.js');
export const { Mend } = await load('mend.js');
export const { Reader } = await load('reader.js');
export const { Feed } = await load('feed.js');
export const { Tabs } = await load('tabs.js');
export const { Lease } = await load('lease.js');
export const { Drafts } = await load('drafts.js');
export const { Rooms } = await load('rooms.js');
export const { Words } = await load('words.js');
export const { Wishes } = await load('wishes.js');
export const { hearing } = await load('hears.js');
export const { RoomList } = await load('roomlist.js');
export const { Memory } = await load('prefs.js');
export const credential = await load('credential.js');
export const { Sign } = await load('sign.js');
export const { Search } = await load('search.js');
export const query = await load('query.js');
export const suggest = await load('suggest.js');
export const when = await load('when.js');
export const { patternOf } = await load('view-words.js');
export const { Views } = await load('views.js');
export const markup = await load('markup.js');
export const { excerpt, exported, linesOf, plain } = await load('export.js');
