#include <stdio.h>
#include <string.h>

#include "base/token.h"
#include "import.h"
#include "progress.h"
#include "store/schema.h"

/* What the lines so far say of those that may come. */
struct checking {
	struct import *m;
	enum archive_kind before; /* of the last line */
	int64_t message;          /* the last one; 0: none that may have attachments */
	int64_t num;              /* its last attachment; -1: none yet */
	bool more;                /* which goes on */
	int64_t size;             /* its bytes so far */
	int64_t last;             /* id */
	int64_t proven;
	bool keys;
	unsigned char hash[TOKEN_HASH_SIZE];
};

/* The hash of a line and of all before it. */
static void
add_hash(struct checking *c, struct str line)
{
	unsigned char both[2 * TOKEN_HASH_SIZE];

	memcpy(both, c->hash, TOKEN_HASH_SIZE);
	token_hash(line, both + TOKEN_HASH_SIZE);
	token_hash((struct str){(char *)both, sizeof both}, c->hash);
}

static int
check_header(struct checking *c, const struct archive_line *l)
{
	const struct import_file *f = &c->m->file;

	if (l->version != ARCHIVE_VERSION)
		return import_file_wrong(f, "version is %lld: expected %d; use the longline that knows it",
		    (long long)l->version, ARCHIVE_VERSION);
	if (l->schema > schema_version)
		return import_file_wrong(f,
		    "schema is %lld, newer than the %d that this program knows: use a newer longline",
		    (long long)l->schema, schema_version);
	if (l->head > MESSAGE_ID_MAX)
		return import_file_wrong(f, "head is %lld: expected up to 2^53 - 1", (long long)l->head);
	c->m->head = l->head;
	c->keys = l->keys;
	return 0;
}

/* SQLite has the last word on what is JSON. */
static int
check_args(struct checking *c, const struct archive_line *l)
{
	struct database_value args = DATABASE_VALUE_TEXT(l->body);
	int64_t good;

	if (!l->is_args)
		return 0;
	if (database_one(c->m->database,
	        "SELECT instr(CAST(?1 AS BLOB), x'00') = 0"
	        " AND CASE WHEN json_valid(?1) THEN json_type(?1) = 'array' ELSE 0 END",
	        &args, 1, 0, &good) != 0)
		return -1;
	return good != 0 ? 0 : import_file_wrong(&c->m->file, "the arguments are no JSON array that SQLite takes");
}

static void
note_first(struct checking *c, int64_t id)
{
	if (id > 0 && (c->m->first == 0 || id < c->m->first))
		c->m->first = id;
}

static int
check_row(struct checking *c, const struct archive_line *l)
{
	const struct import_file *f = &c->m->file;
	bool spent = l->kind == ARCHIVE_SPENT;

	if (c->before == ARCHIVE_PROVEN)
		return import_file_wrong(f, "a message stands behind the proven names: expected them at the end");
	if (l->id < c->last || (l->id == c->last && !spent))
		return import_file_wrong(
		    f, "id is %lld behind %lld: expected them in their order", (long long)l->id, (long long)c->last);
	if (l->id > c->m->head)
		return import_file_wrong(f, "id is %lld, above the head %lld that the first line says",
		    (long long)l->id, (long long)c->m->head);
	if (!c->keys && l->key.n > 0)
		return import_file_wrong(f, "there is a key, though the first line says that there are none");
	note_first(c, l->id);
	note_first(c, l->changes);
	c->last = l->id;
	c->message = spent ? 0 : l->id;
	c->num = -1;
	c->m->messages += !spent;
	c->m->spent += spent;
	return check_args(c, l);
}

static int
check_attachment(struct checking *c, const struct archive_line *l)
{
	const struct import_file *f = &c->m->file;

	if (c->message == 0)
		return import_file_wrong(f, "an attachment stands behind no message");
	if (c->more ? l->num != c->num : l->num <= c->num)
		return import_file_wrong(f, "attachment is %lld behind %lld: expected %s", (long long)l->num,
		    (long long)c->num, c->more ? "the rest of that one" : "a greater number");
	c->size = (c->more ? c->size : 0) + (int64_t)l->data.n;
	if (c->size > ARCHIVE_ATTACHMENT_MAX)
		return import_file_wrong(
		    f, "an attachment has more than the %d bytes that SQLite takes", ARCHIVE_ATTACHMENT_MAX);
	c->m->attachments += !c->more;
	c->num = l->num;
	c->more = l->more;
	return 0;
}

static int
check_end(struct checking *c, const struct archive_line *l)
{
	const struct import *m = c->m;

	if (!l->more)
		return import_file_wrong(&m->file, "end is false: expected true");
	if (l->messages == m->messages && l->attachments == m->attachments && l->spent == m->spent &&
	    l->proven == c->proven)
		return 0;
	return import_file_wrong(&m->file,
	    "the last line says %lld messages, %lld attachments, %lld spent keys and %lld names,"
	    " but there are %lld, %lld, %lld and %lld: lines are missing or were put in",
	    (long long)l->messages, (long long)l->attachments, (long long)l->spent, (long long)l->proven,
	    (long long)m->messages, (long long)m->attachments, (long long)m->spent, (long long)c->proven);
}

static int
check_line(struct checking *c)
{
	const struct import_file *f = &c->m->file;
	const struct archive_line *l = &f->got;

	if ((f->number == 1) != (l->kind == ARCHIVE_HEADER))
		return import_file_wrong(
		    f, f->number == 1 ? "it is no first line of an export: expected {\"longline\":\"export\",…}"
		                      : "a first line stands within the file: are there two in one?");
	if (c->before == ARCHIVE_END)
		return import_file_wrong(f, "there is more behind the last line");
	if (c->more && l->kind != ARCHIVE_ATTACHMENT)
		return import_file_wrong(f, "expected the rest of attachment %lld", (long long)c->num);
	switch (l->kind) {
	case ARCHIVE_HEADER:
		return check_header(c, l);
	case ARCHIVE_MESSAGE:
	case ARCHIVE_SPENT:
		return check_row(c, l);
	case ARCHIVE_ATTACHMENT:
		return check_attachment(c, l);
	case ARCHIVE_PROVEN:
		c->message = 0;
		c->proven++;
		return 0;
	case ARCHIVE_END:
		return check_end(c, l);
	}
	return -1;
}

int
import_check(struct import *m)
{
	struct checking c = {.m = m, .before = ARCHIVE_HEADER};
	int result;

	while ((result = import_file_next(&m->file)) > 0) {
		if (check_line(&c) != 0)
			break;
		c.before = m->file.got.kind;
		add_hash(&c, buf_str(&m->file.line));
		progress_show("checking", m->file.next, m->file.begun.st_size);
	}
	progress_end();
	if (result != 0)
		return -1;
	if (m->file.number == 1)
		return import_file_wrong(&m->file, "the file is empty: expected an export");
	if (c.before != ARCHIVE_END)
		return import_file_wrong(&m->file, "the file ends here, without its last line: it is not whole");
	m->lines = m->file.number - 1;
	for (size_t i = 0; i < TOKEN_HASH_SIZE; i++)
		snprintf(m->hash + 2 * i, 3, "%02x", c.hash[i]);
	return 0;
}
