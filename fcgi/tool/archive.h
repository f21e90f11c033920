/*
 * archive: a log as lines of JSON: what `longline export` writes and `longline import` reads. longline(1), "Export and
 * import", has the format.
 *
 *   {"longline":"export","version":1,"schema":7,"keys":true,"head":9}     the first line
 *   {"id":5,"room":"main","at":1769860800000,"event":"chat message","sender":"ann","attachments":1,"text":"hi"}
 *   {"attachment":0,"data":"AAEC"}                      of the message before it; with "more":true it goes on in the
 * next
 *   {"id":6,"room":"main","at":1769860800000,"spent":"k"}                 the key of a message that was deleted
 *   {"proven":"ann"}                                    a name that is somebody's
 *   {"end":true,"messages":1,"attachments":1,"spent":1,"proven":1}        the last line
 *
 * Messages and spent keys are in the order of their ids. A member that has its default is left out. Bytes that are no
 * UTF-8, and arguments that would not fit a line as they are, stand in members of other names (`text64`, `args_text`),
 * so that everything is kept to the byte.
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include "base/buf.h"

enum {
	ARCHIVE_VERSION = 1,
	ARCHIVE_LINE_MAX = 32 << 20,         /* bytes of a line: a text of 4,000,000 control characters has 24 MB */
	ARCHIVE_PIECE_MAX = 1536 << 10,      /* bytes of an attachment in one line */
	ARCHIVE_ATTACHMENT_MAX = 1000000000, /* bytes of one, as SQLite has them at the most */
	ARCHIVE_WHY_SIZE = 320,
};

struct archive_line {
	enum archive_kind {
		ARCHIVE_HEADER,
		ARCHIVE_MESSAGE,
		ARCHIVE_ATTACHMENT,
		ARCHIVE_SPENT,
		ARCHIVE_PROVEN,
		ARCHIVE_END,
	} kind;

	/* ARCHIVE_MESSAGE; of ARCHIVE_SPENT id, room, at, key and by, and of ARCHIVE_PROVEN sender: */
	int64_t id, at_ms;
	struct str room, event, sender, body, key, by; /* key and by: empty for none */
	bool is_args;                                  /* body is a JSON array */
	struct str format;                             /* `plain` or `markdown`; empty: not said */
	struct str keeps; /* of a change without: the format that its message has by now; empty: not said */
	int64_t changes;  /* 0: none */
	bool superseded;  /* of a change: the log has a newer one of the same message */
	bool edited;
	int64_t edited_ms;

	/* ARCHIVE_ATTACHMENT: */
	int64_t num;
	struct str data; /* bytes */
	bool more;       /* the next line has more of the same */

	/* ARCHIVE_HEADER: */
	int64_t version, schema, head;
	bool keys;

	/* How many there are: of ARCHIVE_MESSAGE its attachments as the log counts them, of ARCHIVE_END all. */
	int64_t attachments, messages, spent, proven;
};

/* Adds it as a line, with its end. */
void archive_add(struct buf *b, const struct archive_line *l);

/*
 * Whether a message or a spent key is as the log's rules want it, but for what only SQLite knows (args). Otherwise why
 * not, and what was expected.
 */
bool archive_check(const struct archive_line *l, char why[ARCHIVE_WHY_SIZE]);

/*
 * Reads a line without its end, and checks it. Its texts stand in arena, which is emptied before. false: what is wrong
 * with it, and what was expected.
 */
bool archive_read(struct str text, struct archive_line *l, struct buf *arena, char why[ARCHIVE_WHY_SIZE]);

#endif
