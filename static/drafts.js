// drafts.js: what is half written in each room: each tab has its own, and the last one typed is there for new tabs.

export class Drafts {
	constructor(prefs, session) {
		Object.assign(this, { prefs, session });
	}

	of(room) {
		return this.session.of(room, 'drafts') ?? this.prefs.of(room, 'drafts') ?? '';
	}

	// What another tab wrote meanwhile stays.
	set(room, text) {
		const before = this.of(room);
		this.session.setOf(room, 'drafts', text);
		if (text || this.prefs.of(room, 'drafts') === before) this.prefs.setOf(room, 'drafts', text || null);
	}
}
