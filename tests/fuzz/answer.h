/*
 * answer: what fuzz targets ask of every answer: it is whole, no stranger's byte has made a line of its head, and what
 * is called JSON or packets can be read as that. From good answers it learns names for the inputs that follow.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <sqlite3.h>

#include "base/json.h"
#include "base/json_text.h"
#include "base/token.h"
#include "fuzz.h"
#include "socketio/packet.h"

enum { ANSWER_SESSIONS = 4, ANSWER_DEPTH_MAX = 1100 };

/* What inputs may name: $0 to $3 a session's id, $p a pid, $i the id of a message, $e the epoch. */
struct names {
	char sid[ANSWER_SESSIONS][TOKEN_ID_SIZE];
	size_t n_sids; /* ever learned; the next takes the place of the oldest */
	char pid[128], id[24], epoch[24];
};

struct answer {
	int status;
	bool goes_on; /* a stream: what is there of it so far */
	struct str type, headers, body;
};

static inline void
names_expand(struct buf *b, struct str s, const struct names *names)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = i + 1 < s.n ? s.p[i + 1] : '\0';

		if (s.p[i] != '$' || c == '\0' || strchr("0123pie", c) == NULL) {
			buf_add_char(b, s.p[i]);
			continue;
		}
		buf_add(b, str_of(c == 'p'   ? names->pid
		                  : c == 'i' ? names->id
		                  : c == 'e' ? names->epoch
		                             : names->sid[c - '0']));
		i++;
	}
}

/* The bytes behind `mark` up to the next of `ends` become *to, if they fit. */
static inline bool
names_learn(char *to, size_t size, struct str body, const char *mark, const char *ends)
{
	size_t n = strlen(mark), end;

	for (size_t i = 0; i + n < body.n; i++) {
		if (memcmp(body.p + i, mark, n) != 0)
			continue;
		for (end = i + n; end < body.n && strchr(ends, body.p[end]) == NULL;)
			end++;
		if (end - i - n >= size || end == body.n)
			return false;
		memcpy(to, body.p + i + n, end - i - n);
		to[end - i - n] = '\0';
		return true;
	}
	return false;
}

static inline void
names_learn_all(struct names *names, const struct answer *a)
{
	if (a->status != 200 && a->status != 201)
		return;
	if (str_starts(a->body, STR("0{\"sid\":\"")))
		names_learn(names->sid[names->n_sids++ % ANSWER_SESSIONS], TOKEN_ID_SIZE, a->body, "\"sid\":\"", "\"");
	names_learn(names->pid, sizeof names->pid, a->body, "\"pid\":\"", "\"");
	names_learn(names->id, sizeof names->id, a->body, "\"id\":", ",}");
	names_learn(names->epoch, sizeof names->epoch, a->body, "\"epoch\":\"", "\"");
}

static inline bool
answer_base64(struct str s)
{
	size_t pad = 0;

	while (pad < 2 && pad < s.n && s.p[s.n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i + pad < s.n; i++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", s.p[i]) == NULL ||
		    s.p[i] == '\0')
			return false;
	return s.n % 4 == 0;
}

/* What a session's GET brings: packets of Engine.IO, and in them those of Socket.IO. */
static inline void
answer_check_packets(struct str body)
{
	struct packet_walk walk = {.rest = body};
	struct str one;
	struct packet p;
	struct buf names;
	unsigned due = 0;

	while (packet_next(&walk, &one)) {
		MUST(one.n > 0);
		MUST((one.p[0] == 'b') == (due > 0));
		switch (one.p[0]) {
		case '0':
			MUST(json_object(str_skip(one, 1), 1, NULL, NULL, NULL) == JSON_OK);
			break;
		case '1':
		case '2':
		case '6':
			MUST(one.n == 1);
			break;
		case '4':
			buf_init(&names, one.n + 1);
			MUST(str_utf8(one));
			MUST(packet_decode(str_skip(one, 1), ANSWER_DEPTH_MAX, &p, &names));
			MUST(!json_lone_surrogate(p.json));
			due = p.attachments;
			buf_fini(&names);
			break;
		case 'b':
			MUST(answer_base64(str_skip(one, 1)));
			due--;
			break;
		default:
			MUST(!"a packet that there is not");
		}
	}
	MUST(due == 0);
}

static inline bool
answer_valid_for_sqlite(struct str text)
{
	static sqlite3_stmt *stmt;
	bool valid;

	if (stmt == NULL) {
		sqlite3 *db;

		MUST(sqlite3_open(":memory:", &db) == SQLITE_OK);
		MUST(sqlite3_prepare_v2(db, "SELECT json_valid(?1)", -1, &stmt, NULL) == SQLITE_OK);
	}
	sqlite3_bind_text64(stmt, 1, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
	MUST(sqlite3_step(stmt) == SQLITE_ROW);
	valid = sqlite3_column_int(stmt, 0) == 1;
	sqlite3_reset(stmt);
	return valid;
}

/* One header of the head: printable, and a name. */
static inline void
answer_check_line(struct answer *a, struct str line, size_t *length)
{
	struct str value = line, name = str_cut(&value, ':');
	uint64_t n;

	MUST(name.n > 0 && name.n < line.n && str_starts(value, STR(" ")));
	for (size_t i = 0; i < line.n; i++)
		MUST(line.p[i] >= 0x20 && line.p[i] <= 0x7E);
	value = str_trim(value);
	if (str_eq(name, STR("Status"))) {
		MUST(a->status == 0 && value.n > 4 && str_uint((struct str){value.p, 3}, 599, &n));
		a->status = (int)n;
	} else if (str_eq(name, STR("Content-Type")))
		a->type = value;
	else if (str_eq(name, STR("X-Accel-Buffering")))
		a->goes_on = true;
	else if (str_eq(name, STR("Content-Length"))) {
		MUST(str_uint(value, SIZE_MAX, &n));
		*length = (size_t)n;
	}
}

/* An answer as CGI has it: head and body. Views of cgi. */
static inline struct answer
answer_check(struct str cgi)
{
	struct answer a = {0};
	size_t length = SIZE_MAX;
	struct str rest = cgi;

	for (;;) {
		struct str line = str_cut(&rest, '\n');

		MUST(line.n > 0 && line.p[line.n - 1] == '\r' && line.p + line.n < cgi.p + cgi.n);
		if (line.n == 1)
			break;
		answer_check_line(&a, (struct str){line.p, line.n - 1}, &length);
	}
	a.body = rest;
	if (a.goes_on) {
		MUST(a.status == 200 && length == SIZE_MAX && rest.n > 0);
		return a;
	}
	MUST(a.status >= 200 && (length == SIZE_MAX ? rest.n == 0 : length == rest.n));
	if (str_starts(a.type, STR("application/"))) {
		MUST(str_utf8(rest) && answer_valid_for_sqlite(rest));
		MUST(json_object(rest, ANSWER_DEPTH_MAX, NULL, NULL, NULL) == JSON_OK);
	} else if (str_eq(a.type, STR("text/plain; charset=UTF-8")) && a.status == 200 && rest.n > 0)
		answer_check_packets(rest);
	else if (str_eq(a.type, STR("text/event-stream")))
		MUST(str_starts(rest, STR("retry: ")) && rest.p[rest.n - 1] == '\n');
	else
		MUST(rest.n == 0 || str_eq(rest, STR("ok")) || str_starts(a.type, STR("text/plain; version=")));
	return a;
}

#endif
