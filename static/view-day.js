// view-day.js: the day of what stands at the top of the sight, with the days beside it and the picker behind it.
import { byId, on } from './view-parts.js';
import { dayOf, nameOfDay } from './view-rows.js';
import { wholeDay } from './when.js';

const dialog = byId('days');
const LATE_MS = 500; // behind midnight

export class DayView {
	#day = '';

	constructor(does) {
		for (const [id, by] of [['day-before', -1], ['day-after', 1]]) on(id, 'click', () => does.besideDay(this.#day, by));
		on('when', 'click', () => this.pick());
		// One stop of Tab is enough for all three.
		on('when', 'keydown', (event) => {
			const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
			if (by && !event.altKey) does.besideDay(this.#day, by);
		});
		on('jump', 'submit', () => {
			dialog.close();
			does.day(byId('day').value);
		});
		on('days', 'click', ({ target }) => (target === dialog || target.id === 'days-close') && dialog.close());
		const turn = () => setTimeout(() => {
			does.newDay();
			turn();
		}, wholeDay('today', new Date())[1] - Date.now() + LATE_MS);
		turn();
	}

	// undefined: there is nothing in sight.
	show(at) {
		const day = at === undefined ? '' : dayOf(at);
		if (day === this.#day) return;
		this.#day = day;
		byId('sight').hidden = !day;
		byId('when').textContent = day && nameOfDay(at);
	}

	pick(day = this.#day) {
		byId('day').value = day;
		dialog.showModal();
		byId('day').focus();
	}
}
