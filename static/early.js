// early.js: what index.html asked for before any module was there.

// A fetch that takes that answer, if it is just what is asked now, and by the same person; `drop()`: by now it is old.
export function withEarly({ path = null, token, answer, abort } = {}, mine, fetch) {
	let left = (token ?? '') === mine;
	const ask = (asked, init = {}) => {
		if (!left || asked !== path) return fetch(asked, init);
		left = false;
		init.signal?.addEventListener('abort', () => abort.abort());
		return answer;
	};
	ask.drop = () => {
		left = false;
	};
	return ask;
}
