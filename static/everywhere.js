// everywhere.js: in the feed of all rooms nothing is marked or read: that is done in the rooms.
export const EVERYWHERE = '*';

export class Unmarked {
	fresh = 0;

	enter() {
		this.fresh = 0;
	}

	arrived(messages, seen) {
		if (!seen) this.fresh += messages.length;
	}

	mark() {}

	deleted() {}

	first() {}

	seen() {
		return false;
	}
}
