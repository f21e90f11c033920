#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "archive.h"
#include "base/json.h"
#include "base/token.h"

enum { DEPTH_MAX = 64 };

/* What a member's value is. */
enum value { NUMBER, COUNT, FLAG, TEXT, BASE64, ARRAY };

/* Which lines it may stand in. */
enum {
	HEADER = 1 << ARCHIVE_HEADER,
	MESSAGE = 1 << ARCHIVE_MESSAGE,
	ATTACHMENT = 1 << ARCHIVE_ATTACHMENT,
	SPENT = 1 << ARCHIVE_SPENT,
	PROVEN = 1 << ARCHIVE_PROVEN,
	END = 1 << ARCHIVE_END,
};

static const struct member {
	const char *name;
	enum value value;
	size_t at; /* in struct archive_line */
	unsigned lines;
	unsigned must; /* lines that cannot do without it, or without its twin of another name */
} MEMBERS[] = {
#define AT(member) offsetof(struct archive_line, member)
    {"longline", TEXT, AT(event), HEADER, HEADER},
    {"version", NUMBER, AT(version), HEADER, HEADER},
    {"schema", NUMBER, AT(schema), HEADER, HEADER},
    {"keys", FLAG, AT(keys), HEADER, HEADER},
    {"head", COUNT, AT(head), HEADER, HEADER},
    {"id", NUMBER, AT(id), MESSAGE | SPENT, MESSAGE | SPENT},
    {"room", TEXT, AT(room), MESSAGE | SPENT, MESSAGE | SPENT},
    {"at", NUMBER, AT(at_ms), MESSAGE | SPENT, MESSAGE | SPENT},
    {"event", TEXT, AT(event), MESSAGE, MESSAGE},
    {"event64", BASE64, AT(event), MESSAGE, MESSAGE},
    {"sender", TEXT, AT(sender), MESSAGE, MESSAGE},
    {"sender64", BASE64, AT(sender), MESSAGE, MESSAGE},
    {"by", TEXT, AT(by), MESSAGE | SPENT, 0},
    {"by64", BASE64, AT(by), MESSAGE | SPENT, 0},
    {"key", TEXT, AT(key), MESSAGE, 0},
    {"key64", BASE64, AT(key), MESSAGE, 0},
    {"changes", NUMBER, AT(changes), MESSAGE, 0},
    {"superseded", FLAG, AT(superseded), MESSAGE, 0},
    {"edited", NUMBER, AT(edited_ms), MESSAGE, 0},
    {"attachments", COUNT, AT(attachments), MESSAGE | END, END},
    {"format", TEXT, AT(format), MESSAGE, 0},
    {"keeps", TEXT, AT(keeps), MESSAGE, 0},
    {"text", TEXT, AT(body), MESSAGE, MESSAGE},
    {"text64", BASE64, AT(body), MESSAGE, MESSAGE},
    {"args", ARRAY, AT(body), MESSAGE, MESSAGE},
    {"args_text", TEXT, AT(body), MESSAGE, MESSAGE},
    {"args_text64", BASE64, AT(body), MESSAGE, MESSAGE},
    {"attachment", COUNT, AT(num), ATTACHMENT, ATTACHMENT},
    {"data", BASE64, AT(data), ATTACHMENT, ATTACHMENT},
    {"more", FLAG, AT(more), ATTACHMENT, 0},
    {"spent", TEXT, AT(key), SPENT, SPENT},
    {"spent64", BASE64, AT(key), SPENT, SPENT},
    {"proven", TEXT, AT(sender), PROVEN, PROVEN},
    {"proven64", BASE64, AT(sender), PROVEN, PROVEN},
    {"end", FLAG, AT(more), END, END},
    {"messages", COUNT, AT(messages), END, END},
    {"spent", COUNT, AT(spent), END, END},
    {"proven", COUNT, AT(proven), END, END},
#undef AT
};

enum { N_MEMBERS = sizeof MEMBERS / sizeof MEMBERS[0] };

/* Of these that are in a line, the first says what line it is. */
static const struct {
	const char *name;
	enum archive_kind kind;
} KINDS[] = {{"longline", ARCHIVE_HEADER}, {"attachment", ARCHIVE_ATTACHMENT}, {"end", ARCHIVE_END},
    {"spent", ARCHIVE_SPENT}, {"spent64", ARCHIVE_SPENT}, {"proven", ARCHIVE_PROVEN}, {"proven64", ARCHIVE_PROVEN},
    {"id", ARCHIVE_MESSAGE}};

struct reading {
	struct archive_line *line;
	struct buf *arena;
	char *why; /* empty as long as all is well */
	bool known;
	uint64_t seen; /* a bit for each of MEMBERS */
	size_t best;   /* of KINDS */
};

static void refuse(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
refuse(struct reading *r, const char *format, ...)
{
	va_list arguments;

	if (r->why[0] != '\0')
		return;
	va_start(arguments, format);
	vsnprintf(r->why, ARCHIVE_WHY_SIZE, format, arguments);
	va_end(arguments);
}

/* First round: what line it is. */
static void
look(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct reading *r = ctx;

	(void)type;
	(void)value;
	for (size_t i = 0; i < r->best; i++)
		if (str_eq(name, str_of(KINDS[i].name))) {
			r->best = i;
			r->line->kind = KINDS[i].kind;
			r->known = true;
		}
}

static bool
read_number(struct str text, int64_t *value)
{
	bool minus = text.n > 0 && text.p[0] == '-';
	uint64_t n;

	if (!str_uint(minus ? str_skip(text, 1) : text, (uint64_t)INT64_MAX + minus, &n))
		return false;
	*value = minus ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

/* Exactly what token_add_base64() writes: bytes have but one such text. */
static bool
read_base64(struct reading *r, struct str text, struct str *bytes)
{
	size_t from = r->arena->n;
	struct buf again;
	bool same;

	token_add_decoded(r->arena, text);
	*bytes = (struct str){r->arena->p + from, r->arena->n - from};
	buf_init(&again, text.n + 8);
	token_add_base64(&again, *bytes);
	/* Without memory it is not known, and that is said at the end. */
	r->arena->failed |= !buf_ok(&again);
	same = r->arena->failed || str_eq(buf_str(&again), text);
	buf_fini(&again);
	return same;
}

static bool
read_value(struct reading *r, const struct member *m, enum json_type type, struct str value)
{
	char *place = (char *)r->line + m->at;
	int64_t *number = (int64_t *)(void *)place;
	struct str *text = (struct str *)(void *)place;

	switch (m->value) {
	case NUMBER:
		return type == JSON_OTHER && read_number(value, number);
	case COUNT:
		return type == JSON_OTHER && read_number(value, number) && *number >= 0;
	case FLAG:
		*(bool *)place = type == JSON_OTHER && str_eq(value, STR("true"));
		return *(bool *)place || (type == JSON_OTHER && str_eq(value, STR("false")));
	case TEXT:
		*text = buf_keep(r->arena, value);
		return type == JSON_STRING;
	case BASE64:
		return type == JSON_STRING && read_base64(r, value, text);
	case ARRAY:
		*text = buf_keep(r->arena, value);
		return type == JSON_ARRAY;
	}
	return false;
}

static const char *const EXPECTED[] = {[NUMBER] = "a whole number of 64 bits",
    [COUNT] = "a whole number, 0 or more",
    [FLAG] = "true or false",
    [TEXT] = "a string",
    [BASE64] = "a string of base64 with its padding",
    [ARRAY] = "an array"};

static void
take(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct reading *r = ctx;
	size_t i = 0;

	while (i < N_MEMBERS && !(str_eq(name, str_of(MEMBERS[i].name)) && (MEMBERS[i].lines & 1U << r->line->kind)))
		i++;
	if (i == N_MEMBERS)
		refuse(r, "there is a member '%.*s', which this program does not know in such a line",
		    (int)(name.n > 64 ? 64 : name.n), name.p);
	else if (r->seen & UINT64_C(1) << i)
		refuse(r, "there are two members %s: expected one", MEMBERS[i].name);
	else if (!read_value(r, &MEMBERS[i], type, value))
		refuse(r, "%s is wrong: expected %s", MEMBERS[i].name, EXPECTED[MEMBERS[i].value]);
	if (i < N_MEMBERS)
		r->seen |= UINT64_C(1) << i;
}

static bool
seen(const struct reading *r, const char *name)
{
	for (size_t i = 0; i < N_MEMBERS; i++)
		if (strcmp(MEMBERS[i].name, name) == 0 && (r->seen & UINT64_C(1) << i))
			return true;
	return false;
}

/* That each place is filled by one member and no more, if it must be. */
static void
check_members(struct reading *r)
{
	for (size_t i = 0; i < N_MEMBERS; i++) {
		const struct member *m = &MEMBERS[i];
		size_t n = 0;

		if (!(m->lines & 1U << r->line->kind))
			continue;
		for (size_t j = 0; j < N_MEMBERS; j++)
			n += MEMBERS[j].at == m->at && (MEMBERS[j].lines & 1U << r->line->kind) &&
			     (r->seen & UINT64_C(1) << j);
		if (n == 0 && (m->must & 1U << r->line->kind))
			refuse(r, "there is no member %s", strcmp(m->name, "text") == 0 ? "text or args" : m->name);
		if (n > 1)
			refuse(r, "there is more than one member for %s: expected one of them", m->name);
	}
}

static void
check_line(struct reading *r)
{
	struct archive_line *l = r->line;

	check_members(r);
	if (r->why[0] != '\0')
		return;
	l->is_args = seen(r, "args") || seen(r, "args_text") || seen(r, "args_text64");
	l->edited = seen(r, "edited");
	if (l->kind == ARCHIVE_MESSAGE && (seen(r, "key") || seen(r, "key64")) && l->key.n == 0)
		refuse(r, "key is empty: expected 1 to 128 bytes");
	else if ((seen(r, "by") || seen(r, "by64")) && l->by.n == 0)
		refuse(r, "by is empty: expected 1 to 128 bytes");
	else if (seen(r, "format") && l->format.n == 0)
		refuse(r, "format is empty: expected plain or markdown");
	else if (seen(r, "changes") && l->changes <= 0)
		refuse(r, "changes is %lld: expected the id of an earlier message", (long long)l->changes);
	else if (l->kind == ARCHIVE_MESSAGE || l->kind == ARCHIVE_SPENT)
		(void)archive_check(l, r->why);
	else if (l->kind == ARCHIVE_ATTACHMENT && l->num > 9)
		refuse(r, "attachment is %lld: expected 0 to 9", (long long)l->num);
	else if (l->kind == ARCHIVE_HEADER && !str_eq(l->event, STR("export")))
		refuse(r, "longline is not \"export\": this is no export of Longline's");
}

bool
archive_read(struct str text, struct archive_line *l, struct buf *arena, char why[ARCHIVE_WHY_SIZE])
{
	struct reading r = {.line = l, .arena = arena, .why = why, .best = sizeof KINDS / sizeof KINDS[0]};
	char error[JSON_ERROR_SIZE];
	enum json_result result;

	why[0] = '\0';
	*l = (struct archive_line){.kind = ARCHIVE_MESSAGE};
	buf_reset(arena, SIZE_MAX);
	result = json_object(text, DEPTH_MAX, look, &r, error);
	if (result == JSON_BAD)
		refuse(&r, "it is no JSON object: %s", error);
	else if (result == JSON_TOO_DEEP)
		refuse(&r, "an array is more than %d deep: expected args_text then", DEPTH_MAX);
	else if (!r.known)
		refuse(&r, "it is no line of an export: expected a message, with an id, or what belongs to one");
	/* All that is decoded is shorter than what it stands in: texts that are kept do not move. */
	if (result == JSON_NO_MEMORY || !buf_reserve(arena, text.n + 1)) {
		refuse(&r, "out of memory");
		return false;
	}
	if (why[0] == '\0')
		(void)json_object(text, DEPTH_MAX, take, &r, error);
	if (why[0] == '\0')
		check_line(&r);
	if (why[0] == '\0' && !buf_ok(arena))
		refuse(&r, "out of memory");
	return why[0] == '\0';
}
