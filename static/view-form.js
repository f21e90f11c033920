// view-form.js: the form: a name, a text, and files, until they are given away.
import { byId, on } from './view-rows.js';
import { senderOf } from './write.js';

const field = byId('text');
const name = byId('name');

export class FormView {
	constructor(does) {
		const submit = () => {
			if (field.value.trim() === '') return;
			does.submit({ sender: name.value.trim(), text: field.value });
			this.draft('');
			field.focus();
		};
		on('compose', 'submit', submit);
		const onEnter = (id, run) => on(id, 'keydown', (event) => {
			if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
			event.preventDefault();
			run();
		});
		onEnter('text', submit);
		onEnter('name', () => field.focus());
		on('name', 'input', () => {
			const fits = senderOf(name.value);
			if (fits !== name.value) name.value = fits;
			does.name(name.value.trim());
		});
		on('text', 'input', () => {
			this.#fit();
			does.draft(field.value);
		});
		this.#files(does);
	}

	name(text) {
		name.value = senderOf(text);
	}

	draft(text) {
		field.value = text;
		this.#fit();
	}

	#fit() {
		field.style.height = 'auto';
		field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
	}

	#files(does) {
		const take = (files) => files?.length && does.files({ sender: name.value.trim(), files: [...files] });
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
