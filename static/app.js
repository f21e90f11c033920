// app.js: wires the line, the room that is open, and the document together.
import { exported } from './export.js';
import { Feed } from './feed.js';
import { notice, permitted } from './notices.js';
import { DiskStore, Outbox } from './outbox.js';
import { Memory } from './prefs.js';
import { ROOM, offsetOf } from './query.js';
import { Reader } from './reader.js';
import { RoomList } from './roomlist.js';
import { Search } from './search.js';
import { Timeline } from './timeline.js';
import { Server } from './transport.js';
import { View, dayOf, save } from './view.js';
import { fileItem, newKey, textItem } from './write.js';

const TICK_MS = 5_000;
const ASLEEP_MS = 20_000; // a tick this late means that the machine slept

const forbidden = (read) => {
	try {
		return read();
	} catch {
		return null; // storage may be forbidden
	}
};
const own = `longline ${new URL('.', location.href).pathname}`; // two Longlines of one site share nothing
const prefs = new Memory(forbidden(() => localStorage), own);
const session = new Memory(forbidden(() => sessionStorage), own);
const server = new Server((...request) => fetch(...request));

let room = '';
let timeline = new Timeline();
let reader = null;
let fresh = 0;
let goal = null; // puts the reader where he wanted to go, once it is there
let remark = ''; // to be said in the list once it is there
let pending = false;

const rooms = new RoomList(server, prefs, (list, unread) => {
	view.rooms(list, room);
	view.title(`${unread ? `(${unread}) ` : ''}#${room} · Longline`);
});

const view = new View({
	submit(typed) {
		outbox.add(textItem(room, typed));
		prefs.setOf(room, 'drafts', null);
		mark(null);
		toNewest();
	},
	files: attach,
	name: (text) => prefs.set('name', text),
	draft: (text) => prefs.setOf(room, 'drafts', text || null),
	decide: (what, key) => feed.decide(what, key),
	reconnect: () => wake({ force: true }),
	woken() {
		feed.look(view.visible);
		if (!view.visible) return;
		wake();
		view.log.backTo('mark');
		if (view.log.following) fresh = 0;
		show();
	},
	ended(atEnd) {
		if (atEnd) fresh = 0;
		newest();
	},
	seen(id) {
		if (view.visible && !reader.newer.open) read(id, timeline.after(id) + reader.newer.known);
	},
	edges({ top, bottom }) {
		if (top) reader.back();
		if (bottom) reader.onward();
	},
	older: () => reader.back(),
	newer: () => reader.onward(),
	oldest: () => (timeline.older === null ? view.log.toTop() : open({ after: 0 }, () => view.log.toTop())),
	newest: toNewest,
	day: (day) => open({ on: day, tz: offsetOf(day) }, () => {
		// These are the newest if nothing came since.
		if (dayOf(timeline.messages[0]?.at) < day) view.log.toEnd();
		else view.log.reveal(`message ${timeline.first}`);
	}),
	firstUnread: () => open({ around: timeline.mark }, () => view.log.reveal('mark')),
	readAll() {
		mark(null);
		show();
	},
	go,
	moreRooms: () => rooms.more(),
	sift: (typed) => rooms.sift(typed),
	again: readAddress,
	walk: (by) => go(rooms.next(by)),
	search: (text, scope) => {
		view.found.fresh();
		search.find(text, [scope === 'all' ? '*' : room]);
	},
	moreHits: () => search.more(),
	closed: () => search.clear(),
	export(form) {
		const [list, title] = search.hits.length ? [search.hits, 'search'] : [timeline.messages, room];
		const { name, type, content } = exported(list, form, title);
		save(name, new Blob([content], { type }));
	},
	notify,
});

const search = new Search(server, ({ hits, state }) => view.found.show(hits, state));

const outbox = new Outbox(server, {
	store: new DiskStore(forbidden(() => indexedDB), own), // without one each of its promises fails, which does no harm
	on(type, item, own, reply) {
		if (own) feed.tell({ type, item: { ...item }, reply });
		if (type === 'sent' || item.state === 'failed') view.barred(type !== 'sent' && !!item.barred);
		if (item.room === room) timeline.outbox(type, item, reply);
		show();
	},
});

const feed = new Feed(server, {
	outbox,
	tabs: {
		name: own, id: newKey(), locks: navigator.locks, Channel: globalThis.BroadcastChannel,
	},
	on: {
		told(message) {
			rooms.readAlso(message.room, message.mark);
			rooms.show();
		},
		event: (event) => hears[event.type](event),
	},
});

const hears = {
	state(event) {
		view.connection(event);
		if (event.name !== 'connected') return;
		outbox.wake();
		reader.wake();
	},
	ready: () => reader.ready(),
	news: ({ messages }) => heard(messages),
	hole() {
		reader.hole();
		rooms.ask();
	},
	gap: ({ since }) => gap(since),
	reset() {
		rooms.forget();
		reader.unready();
		mark(null);
		remark = 'The log on the server was replaced. This is what it holds now.';
		open({});
		rooms.ask();
	},
	refused: ({ problem }) => say(`The server refuses to show this room: ${problem}`),
};

function enter(name) {
	// Only after a reload.
	const here = reader ? null : session.get('mark');
	reader?.stop();
	room = name;
	fresh = 0;
	timeline = new Timeline();
	for (const item of outbox.items) if (item.room === room) timeline.outbox('item', item);
	mark(here?.room === room ? here.id : rooms.readOf(room));
	reader = new Reader(server, {
		room,
		timeline,
		on: {
			changed(what) {
				if (what === 'opened') arrive();
				else if (what === 'far') far();
				else show();
			},
			arrived,
			problem: (text) => say(text),
		},
	});
	view.room(room);
	view.form.draft(prefs.of(room, 'drafts') ?? '');
	if (feed.ready) reader.ready();
	rooms.enter(room);
}

function go(name) {
	location.hash = `#${name}`;
}

function open(where, place = null) {
	goal = place;
	reader.open(where);
}

function draw(place) {
	pending = false;
	reader.keep(view.log.following);
	const complete = reader.opened && timeline.newer === null;
	view.log.rows(timeline.rows(dayOf), { complete, busy: reader.busy, loaded: reader.opened, place });
	newest();
}

function show() {
	if (pending) return;
	pending = true;
	queueMicrotask(() => pending && draw());
}

// What is opening would take it away.
function say(text = remark) {
	remark = text;
	if (!remark || reader.opening) return;
	timeline.note('warning', remark);
	remark = '';
	show();
}

function newest() {
	if (reader) view.newest({ hidden: view.log.following, fresh, newer: reader.newer });
}

function toNewest() {
	fresh = 0;
	if (timeline.newer !== null) open({});
	else view.log.toEnd();
	newest();
}

function arrive() {
	const place = goal;
	goal = null;
	say();
	draw(place ?? (() => {
		view.log.toEnd();
		view.log.backTo('mark');
	}));
	if (timeline.mark === null && timeline.newer === null) mark(timeline.last);
	const above = timeline.mark !== null && timeline.older !== null && timeline.mark < timeline.first;
	view.firstUnread(above && !place);
	newest();
	rooms.refresh();
}

function far() {
	if (view.log.following) open({});
	show();
}

function heard(messages) {
	for (const message of messages) rooms.heard(message);
	reader.heard(messages.filter((message) => message.room === room));
	rooms.show();
	tellOutside(messages);
}

function arrived(messages) {
	const { length } = messages;
	const begin = messages[0].id - 1;
	const marked = timeline.mark !== null && (timeline.newer !== null || timeline.after(timeline.mark) > length);
	if (view.visible && view.log.following) {
		const { id } = messages.at(-1);
		if (!marked) mark(id);
		read(id, 0);
		view.log.announce(messages);
		return;
	}
	fresh += length;
	const allRead = timeline.newer === null && timeline.after(rooms.readOf(room) ?? begin) <= length;
	if (!marked || allRead) mark(begin);
	newest();
}

function mark(id) {
	timeline.mark = id;
	session.set('mark', id === null ? null : { room, id });
	if (id === null) view.firstUnread(false);
}

function read(id, left) {
	if (!rooms.read(room, id, left)) return;
	prefs.setOf(room, 'read', rooms.markOf(room));
	feed.tell({ type: 'read', room, mark: rooms.markOf(room) });
	rooms.show();
}

// Only a question about this room alone tells whether it lost something.
async function gap(since) {
	const asked = room;
	const answer = await server.poll({ rooms: [room], since, wait: 0, limit: 1 }).catch(() => ({ gap: true }));
	if (answer.gap && room === asked) say('Some messages were deleted before they could be shown here.');
}

async function attach({ sender, files }) {
	const where = room;
	for (const file of files) await fileItem(where, sender, file).then((item) => outbox.add(item), (error) => say(error.message));
	toNewest();
}

async function notify(on) {
	const yes = on && await permitted();
	prefs.set('notify', yes);
	view.notify(yes, on && !yes ? 'This browser does not allow it here.' : '');
}

// One tab speaks for all, and only when none of them is looked at.
function tellOutside(messages) {
	if (!feed.leading || feed.watched || !prefs.get('notify')) return;
	const message = messages.findLast(({ sender, room: name }) => rooms.visited.includes(name) && sender !== (prefs.get('name') || null));
	if (message) notice(message);
}

function readAddress() {
	const [name = '', number = ''] = (forbidden(() => decodeURIComponent(location.hash.slice(1))) ?? '').split('/');
	const id = /^\d{1,15}$/.test(number) ? Number(number) : null;
	const known = name === '' || ROOM.test(name);
	const next = known ? name || 'main' : 'main';
	const changed = next !== room;
	if (changed) enter(next);
	if (!known) remark = `“${name}” cannot be a room: up to 64 of A-Z, a-z, 0-9, dot, dash and underscore. This is main.`;
	const reveal = () => view.log.reveal(`message ${id}`, { target: true });
	if (id && timeline.has(id)) reveal();
	else if (id) open({ around: id }, () => reveal() || say(`Message ${id} is not in this room, or no longer.`));
	else if (changed) open({});
	else say();
}

function wake(how) {
	feed.wake(how);
	reader.wake(how);
}

let ticked = Date.now();

view.form.name(prefs.get('name', ''));
view.notify(prefs.get('notify', false));
readAddress();
feed.look(view.visible);
feed.start();

addEventListener('hashchange', readAddress);
// Told "offline", a quick request finds out whether it is true.
for (const type of ['online', 'offline']) addEventListener(type, () => wake());
addEventListener('pagehide', () => feed.stop());
addEventListener('pageshow', (event) => {
	if (!event.persisted) return;
	feed.start();
	wake();
});
setInterval(() => {
	const late = Date.now() - ticked > ASLEEP_MS;
	ticked = Date.now();
	if (!view.visible) return;
	if (late) wake();
	rooms.refresh();
}, TICK_MS);
