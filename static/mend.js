// mend.js: edits and deletes messages: one's own, and others' where one moderates.
import { stripped } from './ansi.js';
import { Failure } from './transport.js';
import { wellFormed } from './write.js';

const REASONS = {
	forbidden_message: () => 'The server says that this message is not yours, or too old to be changed.',
	forbidden_room: () => 'You may not write in this room.',
	not_found: () => 'This message is not there any more.',
	precondition_failed: () => 'This message was changed meanwhile.',
	rate_limited: ({ retryAfterMs }) => `Too fast: try again in ${Math.max(1, Math.ceil(retryAfterMs / 1000))} s.`,
	unauthorized: () => 'Sign in first.',
};
REASONS.too_many_requests = REASONS.rate_limited;

const wordsOf = (failure) => (Object.hasOwn(REASONS, failure.code ?? '') ? REASONS[failure.code](failure) : failure.message);

export class Mend {
	#saving = false;
	id = null; // of the message that is being edited

	constructor(parts) {
		Object.assign(this, parts); // server, own, drafts, sign, view, visit
	}

	begin(id) {
		const message = this.visit.timeline.get(id);
		if (message?.text === undefined) return;
		if (this.id === null) this.view.log.show(`message ${id}`);
		this.id = id;
		this.#saving = false;
		this.view.form.edit(stripped(message.text));
		this.visit.changed('edit');
	}

	last() {
		const { visit, own, view } = this;
		const begin = () => {
			const message = visit.timeline.messages.findLast((one) => one.text !== undefined && own.has(one));
			if (message && visit.mayWrite) this.begin(message.id);
		};
		own.learn(visit.timeline.messages);
		if (visit.timeline.newer === null) begin();
		else {
			visit.toNewest(() => {
				view.log.toEnd();
				begin();
			});
		}
	}

	leave() {
		if (this.id === null) return;
		this.id = null;
		this.view.form.edit(null);
		this.view.form.draft(this.drafts.of(this.visit.room));
		this.visit.changed('edit');
	}

	// What cannot be sent stays in the field.
	async save(typed) {
		const { id, view } = this;
		const text = wellFormed(typed);
		if (this.#saving) return;
		if (text === stripped(this.visit.timeline.get(id)?.text ?? '')) {
			this.leave();
			return;
		}
		this.#saving = true;
		view.form.saving(true);
		const why = await this.#change(id, text);
		if (this.id !== id) { // another room was entered meanwhile, or another message is edited
			if (why) this.visit.say(`An edit was not saved. ${why}`);
			return;
		}
		this.#saving = false;
		view.form.saving(false);
		if (why) view.form.why(why);
		else this.leave();
	}

	// Gives why it could not be deleted, or ''.
	async erase(id) {
		const why = await this.#change(id, null);
		if (!why && id === this.id) this.leave();
		return why;
	}

	// Others may change what is being edited.
	heard(changes) {
		const change = changes.findLast(({ changes: target }) => target === this.id);
		if (!change || this.#saving) return;
		this.view.form.why(change.event === 'message deleted' ? REASONS.not_found()
			: `${REASONS.precondition_failed()} To save replaces what it says now.`);
	}

	async #change(id, text) {
		const { visit: { room, timeline }, server, own, sign } = this;
		try {
			const { id: change, at } = await server.change(id, text, own.keyOf({ id, room }));
			// The line will say it too; it may be slow.
			if (room !== this.visit.room) return '';
			const event = text === null ? 'message deleted' : 'message changed';
			if (text === null || at) this.visit.reader.heard([{ id: change, room, event, changes: id, text: text ?? '', at }]);
			return '';
		} catch (error) {
			if (!(error instanceof Failure)) throw error;
			sign.refused(error);
			const gone = timeline.get(id)?.deleted ?? true;
			if (text === null && error.code === 'not_found' && gone) return '';
			return wordsOf(error);
		}
	}
}
