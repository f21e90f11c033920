// changes.js: messages that change others: what they make of those that are here or on their way; pure.

const DELETES = 'message deleted';
const EDITS = 'message changed';

// What a message is after a change. Of one that was deleted only its place stays.
export function after(message, { event, text, args, format = message.format, at }) {
	const { id, room } = message;
	if (event === DELETES) return { id, room, at: message.at, deleted: true, deleted_at: at };
	const { text: _, args: __, format: ___, attachments, snippet, edited_at, ...rest } = message;
	const marked = text !== undefined && format === 'markdown' && { format };
	return { ...rest, ...(text === undefined ? { args } : { text }), ...marked, edited_at: at ?? edited_at };
}

// The messages as these changes leave them, without those that they delete.
export function amended(messages, changes) {
	if (!changes.length) return messages;
	const newest = new Map(changes.map((change) => [change.changes, change]));
	return messages
		.map((message) => (newest.has(message.id) ? after(message, newest.get(message.id)) : message))
		.filter(({ deleted }) => !deleted);
}

// What was heard: messages, and changes, of those messages and of others.
export function parted(heard) {
	const messages = heard.filter(({ changes }) => changes === undefined);
	const changes = heard.filter(({ changes: target, event }) => target !== undefined && (event === DELETES || event === EDITS));
	return { messages: amended(messages, changes), changes };
}

// A page may have been read before a change that is heard before the page is here.
export class Meanwhile {
	#asking = new Set();

	heard(changes) {
		for (const heard of this.#asking) heard.push(...changes);
	}

	async page(request) {
		const heard = [];
		this.#asking.add(heard);
		try {
			const page = await request();
			return { ...page, messages: amended(page.messages, heard) };
		} finally {
			this.#asking.delete(heard);
		}
	}
}
