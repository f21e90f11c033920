// view-sign.js: the dialogs for signing in, and what the options say of who is signed in.
import { byId, on } from './view-parts.js';

const dialog = byId('sign');
const field = byId('token');
const choice = byId('choice');

const open = (which) => which.open || which.showModal();

export class SignView {
	constructor(does) {
		on('sign-form', 'submit', () => does.signIn(field.value));
		on('token', 'input', () => this.problem(''));
		on('sign-close', 'click', () => dialog.close());
		on('sign-drop', 'click', () => does.signOut());
		on('sign', 'close', () => {
			field.value = '';
			does.signClosed();
		});
		on('choice-stay', 'click', () => choice.close());
		on('choice-take', 'click', () => does.takeInvitation());
	}

	// `why`: the reason, if it was not a person who asked for it; `known`: somebody is signed in, in vain.
	ask(why, known) {
		byId('options').close();
		byId('sign-drop').hidden = !known;
		this.problem(why);
		open(dialog);
		field.focus();
	}

	problem(text) {
		field.ariaInvalid = text ? 'true' : null;
		byId('sign-problem').textContent = text;
		if (!text || !dialog.open) return;
		field.focus();
		field.select();
	}

	busy(yes) {
		byId('sign-go').disabled = yes;
	}

	choose() {
		open(choice);
	}

	who(stranger, name) {
		byId('who').textContent = stranger ? 'Not signed in' : `Signed in${name ? ` as ${name}` : ''}`;
		byId('sign-in').hidden = !stranger;
		byId('sign-out').hidden = stranger;
	}
}
