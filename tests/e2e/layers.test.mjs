// layers.test.mjs: scripts/layers finds what must not be included.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { root, run, tempDir } from './harness.mjs';

describe('scripts/layers', () => {
	/** A copy of fcgi/ with one more line at the head of a file: what the script says of it, and how it ends. */
	const plant = async (file, line) => {
		const folder = path.join(tempDir(), 'fcgi');
		fs.cpSync(path.join(root, 'fcgi'), folder, { recursive: true });
		if (file)
			fs.writeFileSync(path.join(folder, file), `${line}\n${fs.readFileSync(path.join(root, 'fcgi', file), 'utf8')}`);
		const { code, stdout } = await run(path.join(root, 'scripts/layers'), [folder]);
		fs.rmSync(path.dirname(folder), { recursive: true });
		return { code, said: stdout.replaceAll(`${folder}/`, '') };
	};

	it('finds nothing in the sources as they are', async () => {
		assert.deepEqual(await plant(), { code: 0, said: '' });
	});

	for (const [what, file, line, said] of [
		['an include upward', 'store/store_poll.c', '#include "live/room.h"', 'a file of store/ must not include live/room.h'],
		['one from base to what the kernel gives', 'base/buf.h', '#include "event/loop.h"', 'a file of base/ must not include event/loop.h'],
		['one from store to web', 'store/store.h', '#include "web/request.h"', 'a file of store/ must not include web/request.h'],
		['one from web to store', 'web/request.c', '#include "store/message.h"', 'a file of web/ must not include store/message.h'],
		['one from socketio to api', 'socketio/relay.c', '#include "api/poll.h"', 'a file of socketio/ must not include api/poll.h'],
		['one from api to socketio', 'api/poll.c', '#include "socketio/packet.h"', 'a file of api/ must not include socketio/packet.h'],
		['the private header of another noun', 'socketio/relay.c', '#include "session_state.h"', 'session_state.h is for the files of session alone'],
		['that of a noun in another folder', 'live/commit.c', '#include "store/store_db.h"', 'store/store_db.h is for the files of store alone'],
		['SQLite outside the store', 'live/room.c', '#include <sqlite3.h>', '<sqlite3.h> is for the files of store/store and store/index and store/gap and store/words_fts5 and tool/database alone'],
		['utf8proc outside words', 'store/terms.c', '#include <utf8proc.h>', '<utf8proc.h> is for the files of store/words alone'],
		['what speaks SQL outside the store', 'live/commit.c', '#include "store/store_sql.h"', '"store_sql.h" is for the files of store/store and store/index alone'],
		['libfcgi outside fcgi', 'web/request.c', '#  include <fcgiapp.h>', '<fcgiapp.h> is for the files of web/fcgi alone'],
		['yajl outside json', 'api/send.c', '#include <yajl/yajl_parse.h>', '<yajl/yajl_parse.h> is for the files of base/json alone'],
		['libcurl outside http', 'tool/asking.c', '#include <curl/curl.h>', '<curl/curl.h> is for the files of tool/http alone'],
		['epoll outside the loop', 'main.c', '#include <sys/epoll.h>', '<sys/epoll.h> is for the files of event/loop alone'],
	])
		it(`fails at ${what}`, async () => {
			assert.deepEqual(await plant(file, line), { code: 1, said: `${file}:1: ${said}\n` });
		});
});
