// view-form.js: the form: a name, a text, and files, until they are given away.
import { byId, on } from './view-parts.js';
import { senderOf } from './write.js';

const field = byId('text');
const name = byId('name');
const compose = byId('compose');
const ASK = byId('ask-what').textContent;

export class FormView {
	#does;
	#files = []; // what waits until it is known who writes: each { room, files }
	#text = false; // and whether the text does
	room = '';
	editing = false; // the field holds a message that was sent

	// `offer`: that what was given up can be taken back.
	constructor(does, offer) {
		this.#does = does;
		const submit = () => {
			if (this.editing) {
				this.#save(does);
				return;
			}
			const text = field.value.trim() !== '';
			if (text || this.#files.length) this.#give(text);
		};
		on('compose', 'submit', submit);
		const onEnter = (id, run) => on(id, 'keydown', (event) => {
			if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
			event.preventDefault();
			run();
		});
		onEnter('text', submit);
		onEnter('name', () => {
			if (byId('ask').hidden) field.focus();
			else if (this.sender) this.#give(this.#text);
			else byId('nameless').focus();
		});
		on('name', 'input', () => {
			const fits = senderOf(name.value);
			if (fits !== name.value) name.value = fits;
			this.taken('');
			does.name(this.sender || null); // '' is a choice
		});
		on('nameless', 'click', () => {
			does.name('');
			this.name('');
			this.#give(this.#text);
		});
		on('compose', 'keydown', (event) => {
			if (event.key !== 'Escape' || event.defaultPrevented || byId('ask').hidden) return;
			event.preventDefault();
			const files = this.#files.splice(0);
			this.#ask(false);
			field.focus();
			if (files.length) {
				offer('The files are not sent.', () => {
					this.#files.push(...files);
					this.#give(false);
				});
			}
		});
		on('newline', 'pointerdown', (event) => event.preventDefault()); // the keyboard of a phone stays
		on('newline', 'click', () => {
			field.setRangeText('\n', field.selectionStart, field.selectionEnd, 'end');
			field.focus();
			field.dispatchEvent(new Event('input'));
		});
		on('fence-sign', 'click', () => does.sign());
		on('text', 'input', () => {
			this.#fit();
			if (!this.editing) does.draft(field.value);
		});
		on('text', 'keydown', (event) => {
			const { key, altKey, ctrlKey, metaKey, shiftKey, isComposing } = event;
			if (altKey || ctrlKey || metaKey || shiftKey || isComposing) return;
			if (key === 'ArrowUp' && field.value === '' && !this.editing) does.editLast();
			else if (key === 'Escape' && this.editing) does.leave();
			else return;
			event.preventDefault();
		});
		on('edit-leave', 'click', () => does.leave());
		this.#takes(does);
	}

	// Where one goes on writing, or else reading.
	focus() {
		(compose.hidden ? byId('log') : field).focus();
	}

	get sender() {
		return name.value.trim();
	}

	// Nobody writes without a name who was not asked for it: what is given first waits. Files go to the room where they were
	// given, before the text.
	async #give(text) {
		const ask = this.#does.nameless();
		const { room, sender } = this;
		const files = ask ? [] : this.#files.splice(0);
		this.#ask(ask && text);
		if (ask) name.focus();
		for (const one of files) await this.#does.files({ ...one, sender });
		if (ask || !text || room !== this.room || this.editing || field.value.trim() === '') return;
		this.#does.submit({ sender, text: field.value });
		this.draft('');
		field.focus();
	}

	#ask(text) {
		const { length } = this.#files.flatMap(({ files }) => files);
		this.#text = text;
		byId('ask').hidden = !text && !length;
		byId('ask-what').textContent = length ? `${ASK} ${length === 1 ? '1 file waits' : `${length} files wait`} for it.` : ASK;
		field.required = !length; // or a browser would not send files alone
		window.onbeforeunload = length ? (event) => event.preventDefault() : null;
	}

	// `given`: the server says so, whatever is typed. '': none was chosen; null: it is to be asked for.
	name(text, given = false) {
		name.value = senderOf(text ?? '');
		name.placeholder = text === '' ? 'no name' : 'your name';
		name.readOnly = given;
		name.title = given ? 'The name that the server knows you by' : '';
		this.taken('');
	}

	taken(sender) {
		const why = byId('name-why');
		name.ariaInvalid = sender ? 'true' : null;
		why.hidden = !sender;
		why.textContent = sender ? `“${sender}” is somebody’s name here. Choose another and press Retry, or sign in if it is yours.` : '';
	}

	// A line that says why nothing can be written here, in the place of the fields.
	fence(why, offer) {
		const words = byId('fence-why');
		byId('fence-sign').hidden = !offer;
		if (words.textContent === why) return; // this is asked often, and to fit a long draft costs time
		words.textContent = why;
		if (why && compose.contains(document.activeElement)) byId('log').focus({ preventScroll: true });
		byId('fence').hidden = !why;
		compose.hidden = !!why;
		this.#fit();
	}

	// null: the field is for new messages again.
	edit(text) {
		const had = !byId('editing').hidden;
		this.editing = text !== null;
		this.saving(false);
		this.why('');
		byId('editing').hidden = !this.editing;
		byId('attach').disabled = this.editing;
		byId('name').disabled = this.editing;
		byId('send').textContent = this.editing ? 'Save' : 'Send';
		if (this.editing) this.draft(text);
		if (this.editing || had) field.focus();
	}

	// Until the server has answered.
	saving(yes) {
		field.readOnly = yes;
		byId('send').disabled = yes;
		if (!yes && this.editing && document.activeElement === document.body) field.focus(); // it was on the button
	}

	// Why an edit is not saved.
	why(text) {
		byId('edit-why').textContent = text;
	}

	#save(does) {
		if (field.value.trim() === '') this.why('An empty message cannot be saved; its menu deletes it.');
		else does.save(field.value);
	}

	draft(text) {
		this.#ask(false);
		field.value = text;
		this.#fit();
	}

	// Behind what stands there, and the caret behind it.
	insert(text) {
		const before = field.value.trimEnd();
		field.value = `${before && `${before}\n\n`}${text}`;
		field.focus();
		field.setSelectionRange(field.value.length, field.value.length);
		field.dispatchEvent(new Event('input'));
		field.scrollTop = field.scrollHeight;
	}

	#fit() {
		field.style.height = 'auto';
		field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
	}

	#takes(does) {
		const take = (given) => {
			if (!given?.length || compose.hidden || this.editing) return;
			this.#files.push({ room: this.room, files: [...given] });
			this.#give(this.#text);
		};
		const file = byId('file');
		byId('attach').hidden = false;
		on('attach', 'click', () => file.click());
		on('file', 'change', () => {
			take(file.files);
			file.value = '';
		});
		on('text', 'paste', (event) => {
			// A cell copied from a spreadsheet comes as text and as a picture of it.
			if (!event.clipboardData.files.length || event.clipboardData.types.includes('text/plain')) return;
			event.preventDefault();
			take(event.clipboardData.files);
		});
		on('body', 'dragover', (event) => event.dataTransfer.types.includes('Files') && event.preventDefault());
		on('body', 'drop', (event) => {
			if (!event.dataTransfer.files.length) return;
			event.preventDefault();
			take(event.dataTransfer.files);
		});
	}
}
