// app.js: wires the line, the room that is open, and the document together.
import { Acts, curlOf } from './acts.js';
import { missed } from './alarms.js';
import { awake } from './awake.js';
import { Credential, GivenName, claimsOf, invitationIn } from './credential.js';
import { Days } from './days.js';
import { Drafts } from './drafts.js';
import { withEarly } from './early.js';
import { exported } from './export.js';
import { Feed } from './feed.js';
import { hearing } from './hears.js';
import { leaseOf } from './lease.js';
import { Mend } from './mend.js';
import { DiskStore, Outbox } from './outbox.js';
import { Own } from './own.js';
import { Memory, allowed } from './prefs.js';
import { RoomList } from './roomlist.js';
import { Search } from './search.js';
import { Seek } from './seek.js';
import { Sign } from './sign.js';
import { Server, world } from './transport.js';
import { save } from './view-content.js';
import { clipboard } from './view-pick.js';
import { dayOf, minuteOf } from './view-rows.js';
import { View } from './view.js';
import { Views } from './views.js';
import { Visit } from './visit.js';
import { Wishes } from './wishes.js';
import { fileItem, newKey } from './write.js';

const FIRST_MS = 2_000; // the first page of the history has the line for itself for so long at most

// An invitation leaves the address before anything is asked.
const { hash } = location;
if (invitationIn(hash) !== null) history.replaceState(null, '', location.pathname + location.search);

const own = `longline ${new URL('.', location.href).pathname}`; // two Longlines of one site share nothing
const credential = new Credential(allowed(() => localStorage), own, invitationIn(hash));
const scope = credential.scope(); // nor do two persons of one browser
const prefs = new Memory(allowed(() => localStorage), scope);
allowed(() => localStorage.setItem(`${own}.scope`, scope)); // for the script in index.html
const session = new Memory(allowed(() => sessionStorage), scope);
session.only(own); // they signed out in another tab, perhaps
const drafts = new Drafts(prefs, session);
const ask = withEarly(globalThis.early, credential.token, (...request) => fetch(...request));
const server = new Server(credential.signed(ask));

function follow() {
	const { hash: now } = location;
	if (invitationIn(now) !== null) history.replaceState(null, '', `#${visit.room}`);
	if (sign.invited(now)) return;
	visit.follow(now, history.state);
	seek.follow(now);
}

const wishes = new Wishes(prefs);
// Whether a list went down to the last room.
const lists = {
	whole: false,
	async rooms(...asked) {
		const page = await server.rooms(...asked);
		lists.whole ||= !page.more;
		return page;
	},
};
const rooms = new RoomList({
	server: lists, prefs, wishes,
	draw(list, what) {
		view.rooms.show(list, what);
		view.rooms.level(wishes.level(what.open), what.open);
		view.log.relink();
		visit.fence();
		if (lists.whole) seek.listed();
	},
	failed: () => outbox.items.filter(({ state }) => state === 'failed').map(({ room }) => room),
	tell: (marks) => feed.tell(marks),
	held: () => view.rooms.held,
	counted: look,
});
const search = new Search(server, (found) => {
	view.found.show(found);
	if (found.refused) saved();
	if (found.answered) views.opened(found.text, found.hits[0]?.id ?? 0);
});

const view = new View({
	submit: (typed) => visit.submit(typed),
	async files({ room, sender, files }) {
		const add = (item) => outbox.add(item);
		for (const file of files) await fileItem(room, sender, file).then(add, (error) => visit.say(error.message));
		if (room === visit.room) visit.toNewest();
	},
	name(text) {
		prefs.set('name', text);
		wished();
	},
	nameless: () => sign.stranger && !view.form.sender && prefs.get('name') === null && prefs.get('given') === null,
	curl: (room) => curlOf(location.href, room, !sign.stranger),
	menu: (id, beside) => acts.menu(id, beside),
	act: (what, id, beside) => acts.act(what, id, beside),
	lines: (ids) => acts.lines(ids),
	copy: (words) => acts.copy(words),
	leads: (word) => acts.leads(word),
	editLast: () => mend.last(),
	save: (text) => mend.save(text),
	leave: () => mend.leave(),
	erase: (id) => mend.erase(id),
	draft: (text) => drafts.set(visit.room, text),
	decide(what, key) {
		const item = { ...outbox.items.find((one) => one.key === key) };
		feed.decide(what, key, view.form.sender);
		if (what === 'discard' && item.key) view.offer('Discarded.', () => outbox.restore(item));
	},
	reconnect() {
		sign.again();
		wake({ force: true });
	},
	sign: () => sign.open(),
	signIn: (typed) => sign.in(typed),
	signOut: () => sign.out(),
	signClosed: () => sign.closed(),
	takeInvitation: () => sign.take(),
	woken() {
		feed.look(view.visible);
		if (!view.visible) return;
		if (credential.changed) location.reload(); // and nobody told us
		rooms.remember();
		wake();
		visit.look();
	},
	uncovered: () => visit.look(),
	ended: (atEnd) => visit.ended(atEnd),
	seen(views) {
		visit.seen(views);
		seek.learn(visit.timeline.messages);
	},
	rests() {
		const place = visit.placeAt(location.hash);
		if (place) allowed(() => history.replaceState(place, '')); // a browser may find it too often
	},
	older: () => visit.reader.back(),
	newer: () => visit.reader.onward(),
	oldest: () => days.leave(() => visit.toOldest()),
	newest: () => days.leave(() => visit.toNewest()),
	sight: (at) => view.day.show(at),
	pick: (day) => view.day.pick(day),
	day: (day) => days.to(day),
	besideDay: (day, by) => days.beside(day, by),
	newDay: () => rooms.show(),
	firstUnread: () => visit.toUnread(),
	readAll: () => visit.readAll(),
	readRooms: () => visit.readAll(null),
	left: () => rooms.show(),
	pin: (room) => wished(wishes.pin(room)),
	order: (order) => wished(wishes.sort(order)),
	ring: (level) => wished(wishes.ring(visit.room, level)),
	words(typed) {
		wished(wishes.choose(typed));
		rooms.forgetAlarms();
		look();
	},
	moreRooms: () => rooms.more(),
	sift: (typed) => rooms.sift(typed),
	again: follow,
	walk(by) {
		const next = rooms.next(by);
		if (next !== null) location.hash = `#${next}`;
	},
	search: (text, again) => seek.typed(text, again),
	hints: (text, caret) => seek.hints(text, caret),
	hit: (by) => seek.hit(by),
	keep: () => views.toggle(seek.text, search.hits[0]?.id),
	unkeep: (text) => views.toggle(text),
	moreHits: () => search.more(),
	closed: () => seek.close(),
	export(form) {
		const [list, title] = search.hits.length ? [search.hits, 'search'] : [visit.timeline.messages, visit.room];
		save(exported(list, form, title));
	},
	dense(yes) {
		prefs.set('dense', yes);
		view.dense(yes);
	},
	async notify(on) {
		const yes = on && await globalThis.Notification?.requestPermission() === 'granted';
		prefs.set('notify', yes);
		view.notify(yes, on && !yes ? 'This browser does not allow it here.' : '');
	},
});

const sign = new Sign({ credential, fetch: ask, show: view.sign, prefs, session, reload: () => location.reload() });
const given = new GivenName((sender) => {
	prefs.set('given', sender);
	named();
	wished();
});

const claims = claimsOf(credential.token);
const mine = new Own(prefs, claims && `user:${claims.sub}`);

const outbox = new Outbox(server, {
	person: credential.person,
	store: new DiskStore(allowed(() => indexedDB), own), // without one each of its promises fails, which does no harm
	on(what, item, own, reply) {
		if (own) feed.tell({ type: what, item: { ...item }, reply });
		const type = what === 'again' ? 'item' : what;
		if (type === 'sent') given.sent(reply.id, item.sender);
		if (type === 'sent') mine.sent(item, reply.id, own);
		if (type === 'sent' || item.state === 'failed') view.barred(type !== 'sent' && !!item.barred);
		if (type === 'item' && item.state === 'failed') {
			if (item.code === 'sender_taken') view.form.taken(item.sender); // which says it aloud itself
			else view.alarm(item);
		}
		if (type === 'item' && item.state === 'waiting') sign.refused(item);
		if (type !== 'item' || item.state === 'failed') rooms.show();
		visit.unsent(type, item, reply);
	},
});

const tab = newKey();
const lease = navigator.locks ? null : leaseOf(allowed(() => localStorage), { id: tab, clock: world.clock });
const locks = navigator.locks ?? lease;
const feed = new Feed(server, {
	outbox,
	tabs: { name: scope, id: tab, locks, Channel: globalThis.BroadcastChannel },
	on: {
		told: ({ marks, back }) => rooms.readElsewhere(marks, back),
		event: (event) => hears[event.type](event),
	},
});

const mend = new Mend({ server, drafts, own: mine, view, sign });
const visit = new Visit({ server, prefs, session, drafts, outbox, rooms, wishes, search, feed, view, sign, own: mine, mend, dayOf });
mend.visit = visit;
const days = new Days({ server, visit, dayOf });
const saved = () => view.saved.show(views, { room: visit.room, text: seek.text, refused: search.refused });
const seek = new Seek({ search, view, visit, rooms, server, wishes, whole: () => lists.whole, saved });
const acts = new Acts({ visit, view, rooms, own: mine, mend, clipboard, page: () => location.href, when: minuteOf });
const views = new Views({ server, prefs, feed, names: (text) => seek.names(text), draw: saved });
const hears = hearing({ visit, rooms, wishes, go, outbox, feed, view, sign, given, prefs, session, search, own: mine, mend, seek, views });

function wake(how) {
	feed.wake(how);
	visit.reader.wake(how);
}

// Shows what a person has chosen of rooms.
function wished() {
	wishes.called(view.form.sender);
	view.rooms.wishes(wishes);
	rooms.show();
	visit.changed('wishes');
}

// For alarms that nobody heard.
function look() {
	return missed({ server, rooms, wishes, alarm: (message) => visit.alarm(message) });
}

function go(hash) {
	if (location.hash === hash) follow();
	else location.hash = hash;
}

function named() {
	const name = prefs.get('given') ?? claimsOf(credential.token)?.name;
	view.form.name(name ?? prefs.get('name'), name !== undefined);
	view.sign.who(sign.stranger, name);
}

named();
view.dense(prefs.get('dense', false));
view.notify(prefs.get('notify', false));
visit.follow(invitationIn(hash) === null ? hash : '', history.state);
if (invitationIn(hash) === null) seek.follow(hash);
wished();
const joined = sign.invited(hash) && credential.token === invitationIn(hash);
if (joined) visit.say('An invitation has signed you in. “Sign out” is in the options.');
feed.look(view.visible);
ask.drop();
setTimeout(() => feed.start(), FIRST_MS); // or before, visit.js: once the first page is there
outbox.load();

addEventListener('hashchange', follow);
addEventListener('storage', ({ key }) => {
	if ((key === null || key.startsWith(own)) && credential.changed) location.reload(); // in another tab
	if (key === `${scope}.views`) saved();
	if (key === `${scope}.name`) {
		named();
		wished();
	}
	if (wishes.has(key, scope)) {
		wishes.load();
		wished();
	}
	lease?.look();
});
awake({ feed, rooms, view, wake, credential });
