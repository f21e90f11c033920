// picture.js: pictures by their first bytes: what they are, and how large, so that their place is right before they are
// decoded; pure.

const WIDEST = 384, HIGHEST = 208; // pixels, as they are shown

// In base64.
const KINDS = {
	png: /^iVBORw0K/, jpeg: /^\/9j\//, gif: /^R0lGOD/, webp: /^UklGR.{7}RUJQ/, avif: /^.{8}eXBhdmlm/,
};
const HEAD = 65_536; // characters of base64 in which the size is looked for

export const kindOf = (base64) => Object.keys(KINDS).find((kind) => KINDS[kind].test(base64));

const SIZES = {
	png: (view) => [view.getUint32(16), view.getUint32(20)],
	gif: (view) => [view.getUint16(6, true), view.getUint16(8, true)],
	jpeg(view) {
		for (let at = 2; ; at += 2 + view.getUint16(at + 2)) {
			const mark = view.getUint8(at + 1);
			const frame = mark >= 0xc0 && mark <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(mark);
			if (frame) return [view.getUint16(at + 7), view.getUint16(at + 5)];
		}
	},
	webp(view) {
		const three = (at) => view.getUint16(at, true) + view.getUint8(at + 2) * 65_536 + 1;
		const form = view.getUint8(15);
		if (form === 0x58) return [three(24), three(27)]; // VP8X
		if (form === 0x20) return [26, 28].map((at) => view.getUint16(at, true) & 0x3fff); // VP8
		const bits = view.getUint32(21, true); // VP8L
		return [(bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1];
	},
};

// Width and height as it is shown; null: they are not told where they should be.
export function sizeOf(base64) {
	try {
		const bytes = Uint8Array.from(atob(base64.slice(0, HEAD)), (char) => char.charCodeAt(0));
		const [width, height] = SIZES[kindOf(base64)](new DataView(bytes.buffer));
		const scale = Math.min(1, WIDEST / width, HIGHEST / height);
		return width && height ? [width, height].map((one) => Math.max(1, Math.round(one * scale))) : null;
	} catch {
		return null; // it ends before, or is of a kind that is not known here
	}
}
