// view-form.js: the form: a name, a text, and files, until they are given away.
import { byId, on } from './view-parts.js';
import { senderOf } from './write.js';

const field = byId('text');
const name = byId('name');
const compose = byId('compose');

export class FormView {
	#does;
	#waiting = null; // what is done once it is known who writes
	editing = false; // the field holds a message that was sent

	constructor(does) {
		this.#does = does;
		const submit = () => {
			if (this.editing) {
				this.#save(does);
				return;
			}
			if (field.value.trim() === '') return;
			this.#named(() => {
				does.submit({ sender: this.sender, text: field.value });
				this.draft('');
				field.focus();
			});
		};
		on('compose', 'submit', submit);
		const onEnter = (id, run) => on(id, 'keydown', (event) => {
			if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
			event.preventDefault();
			run();
		});
		onEnter('text', submit);
		onEnter('name', () => {
			if (!this.#waiting) field.focus();
			else if (this.sender) this.#named(this.#waiting);
			else byId('nameless').focus();
		});
		on('name', 'input', () => {
			const fits = senderOf(name.value);
			if (fits !== name.value) name.value = fits;
			this.taken('');
			does.name(this.sender || null); // '' is a choice
		});
		on('nameless', 'click', () => {
			const run = this.#waiting;
			does.name('');
			this.name('');
			this.#named(run);
		});
		on('compose', 'keydown', (event) => {
			if (event.key !== 'Escape' || !this.#waiting) return;
			event.preventDefault();
			this.#ask(null);
			field.focus();
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
		this.#files(does);
	}

	// Where one goes on writing, or else reading.
	focus() {
		(compose.hidden ? byId('log') : field).focus();
	}

	get sender() {
		return name.value.trim();
	}

	// Nobody writes without a name who was not asked for it: the first thing that is sent waits.
	#named(run) {
		const ask = this.#does.nameless();
		this.#ask(ask ? run : null);
		if (ask) name.focus();
		else run();
	}

	#ask(run) {
		this.#waiting = run;
		byId('ask').hidden = !run;
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
		this.#ask(null);
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

	#files(does) {
		const take = (given) => {
			if (!given?.length || compose.hidden || this.editing) return;
			const files = [...given];
			this.#named(() => does.files({ sender: this.sender, files }));
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
