#include "draft.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "base/token.h"

static const struct str NAMES[DRAFT_FIELDS] = {{"room", 4}, {"sender", 6}, {"event", 5}, {"key", 3}, {"text", 4}};

static void fail(struct draft *d, enum problem problem, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
fail(struct draft *d, enum problem problem, const char *format, ...)
{
	va_list ap;

	if (d->bad)
		return;
	d->bad = true;
	d->problem = problem;
	va_start(ap, format);
	vsnprintf(d->detail, sizeof d->detail, format, ap);
	va_end(ap);
}

/* The field of this name, or DRAFT_FIELDS. */
static enum draft_field
field_of(struct str name)
{
	enum draft_field i = 0;

	while (i < DRAFT_FIELDS && !str_eq(name, NAMES[i]))
		i++;
	return i;
}

/* What `over` says wins over what stands in f. */
static void
merge(struct draft_fields *f, const struct draft_fields *over)
{
	for (enum draft_field i = 0; i < DRAFT_FIELDS; i++)
		if (over->has[i]) {
			f->v[i] = over->v[i];
			f->has[i] = true;
		}
}

struct json_reading {
	struct draft *d;
	struct draft_fields f;
};

static void
take_format(struct draft *d, enum json_type type, struct str value)
{
	enum message_format format = type == JSON_STRING ? message_format_of(value) : MESSAGE_AS_IT_IS;

	if (d->has_format)
		fail(d, PROBLEM_BAD_FIELD, "member 'format' is given more than once");
	else if (type != JSON_STRING)
		fail(d, PROBLEM_BAD_FIELD, "member 'format' must be a string");
	else if (format == MESSAGE_AS_IT_IS)
		fail(d, PROBLEM_BAD_FIELD, "'format' must be plain or markdown, not '%.*s'",
		    STR_ARGS(request_shown(value)));
	d->format = format;
	d->has_format = true;
}

static void
on_member(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct json_reading *reading = ctx;
	struct draft *d = reading->d;
	bool is_args = str_eq(name, STR("args"));
	enum draft_field field = field_of(name);

	if (str_eq(name, STR("format"))) {
		take_format(d, type, value);
		return;
	}
	if (!is_args && field == DRAFT_FIELDS) {
		fail(d, PROBLEM_UNKNOWN_MEMBER,
		    "unknown member '%.*s'; known are room, sender, event, text, args, format and key",
		    STR_ARGS(request_shown(name)));
		return;
	}
	if (is_args ? d->has_args : reading->f.has[field])
		fail(d, PROBLEM_BAD_FIELD, "member '%.*s' is given more than once", STR_ARGS(name));
	else if (type != (is_args ? JSON_ARRAY : JSON_STRING))
		fail(d, PROBLEM_BAD_FIELD, "member '%.*s' must be %s", STR_ARGS(name),
		    is_args ? "an array" : "a string");
	else if (is_args) {
		d->args = value;
		d->has_args = true;
	} else {
		reading->f.v[field] = buf_keep(&d->strings, value);
		reading->f.has[field] = true;
	}
}

static void
read_json(struct draft *d, struct str body, size_t depth_max)
{
	struct json_reading reading = {.d = d};
	char error[JSON_ERROR_SIZE] = "";
	enum json_result result;

	buf_init(&d->strings, 2 * body.n + 1);
	result = buf_reserve(&d->strings, 2 * body.n + 1) ? json_object(body, depth_max, on_member, &reading, error)
	                                                  : JSON_NO_MEMORY;
	/* Of a body that is no JSON, only that is told, not what is wrong in its first members. */
	d->bad = d->bad && result == JSON_OK;
	switch (result) {
	case JSON_OK:
		merge(&d->f, &reading.f);
		if (reading.f.has[DRAFT_TEXT] && d->has_args)
			fail(d, PROBLEM_BAD_FIELD, "give 'text' or 'args', not both");
		return;
	case JSON_BAD:
		fail(d, str_utf8(body) ? PROBLEM_BAD_JSON : PROBLEM_BAD_UTF8, "the body is not good JSON: %s", error);
		return;
	case JSON_TOO_DEEP:
		fail(d, PROBLEM_TOO_DEEP, "a member is nested deeper than %zu (depth-max)", depth_max);
		return;
	case JSON_NO_MEMORY:
		fail(d, PROBLEM_INTERNAL, "no memory");
		return;
	}
}

/*
 * Whether the fields are a message's. People also send plain text with curl -d, which calls everything a form: a body
 * that has other fields, one twice or no text is not a form, and is the text itself.
 */
static bool
read_form(const struct query *q, struct draft_fields *f)
{
	if (q->too_many)
		return false;
	for (size_t i = 0; i < q->n; i++) {
		enum draft_field field = field_of(q->fields[i].name);

		if (field == DRAFT_FIELDS || f->has[field] || !q->fields[i].has_value)
			return false;
		f->v[field] = q->fields[i].value;
		f->has[field] = true;
	}
	return f->has[DRAFT_TEXT];
}

static bool
media_type_is(struct str content_type, struct str type)
{
	return str_eq_nocase(str_trim(str_cut(&content_type, ';')), type);
}

static void
read_body(struct draft *d, const struct request *r, size_t depth_max)
{
	struct str type = r->content_type;

	if (media_type_is(type, STR("application/json"))) {
		read_json(d, r->body, depth_max);
		return;
	}
	if (media_type_is(type, STR("application/x-www-form-urlencoded"))) {
		struct draft_fields form = {0};

		if (query_parse(&d->form, r->body) != 0) {
			fail(d, PROBLEM_INTERNAL, "no memory");
			return;
		}
		if (read_form(&d->form, &form)) {
			merge(&d->f, &form);
			return;
		}
	} else if (media_type_is(type, STR("application/octet-stream"))) {
		d->args = STR("[{\"_placeholder\":true,\"num\":0}]");
		d->has_args = true;
		buf_init(&d->strings, 2 * r->body.n + 16);
		buf_add_char(&d->strings, '"');
		token_add_base64(&d->strings, r->body);
		buf_add_char(&d->strings, '"');
		if (!buf_ok(&d->strings))
			fail(d, PROBLEM_INTERNAL, "no memory");
		d->attachments = buf_str(&d->strings);
		return;
	} else if (media_type_is(type, STR("text/markdown"))) {
		d->format = MESSAGE_MARKDOWN;
	} else if (type.n > 0 && !media_type_is(type, STR("text/plain"))) {
		fail(d, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
		    "content type '%.*s' is not known here; known are application/json, "
		    "application/x-www-form-urlencoded, "
		    "text/plain, text/markdown and application/octet-stream",
		    STR_ARGS(request_shown(type)));
		return;
	}
	d->f.v[DRAFT_TEXT] = r->body;
	d->f.has[DRAFT_TEXT] = true;
}

/* A number of elements, and the first one if it is a string. */
struct elements {
	size_t n;
	enum json_type type;
	struct buf string;
};

static void
on_element(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct elements *e = ctx;

	(void)name;
	if (e->n++ > 0)
		return;
	e->type = type;
	if (type == JSON_STRING)
		buf_add(&e->string, value);
}

/* Arguments that are exactly one string are the same message as that text, so they are stored as it. */
static void
simplify(struct draft *d, size_t depth_max)
{
	struct elements e = {0};

	if (d->bad || !d->has_args)
		return;
	buf_init(&e.string, d->args.n);
	if (json_array(d->args, depth_max, on_element, &e) == JSON_OK && e.n == 1 && e.type == JSON_STRING &&
	    buf_ok(&e.string)) {
		d->has_args = false;
		d->f.v[DRAFT_TEXT] = buf_keep(&d->strings, buf_str(&e.string));
		d->f.has[DRAFT_TEXT] = true;
	}
	buf_fini(&e.string);
}

static void
check_fields(struct draft *d)
{
	const struct draft_fields *f = &d->f;

	for (enum draft_field i = 0; i < DRAFT_FIELDS; i++)
		if (!str_utf8(f->v[i]))
			fail(d, PROBLEM_BAD_UTF8, "the %.*s is not well-formed UTF-8", STR_ARGS(NAMES[i]));
	if (f->has[DRAFT_ROOM] && !message_room_ok(f->v[DRAFT_ROOM]))
		fail(d, PROBLEM_BAD_FIELD, "'room' must be 1 to %d of A-Z a-z 0-9 . _ -, not '%.*s'", MESSAGE_ROOM_MAX,
		    STR_ARGS(request_shown(f->v[DRAFT_ROOM])));
	if (f->has[DRAFT_EVENT] && !message_event_ok(f->v[DRAFT_EVENT]))
		fail(d, PROBLEM_BAD_FIELD,
		    "'event' must be 1 to %d bytes, and no name that Socket.IO reserves or that changes have; not "
		    "'%.*s'",
		    MESSAGE_EVENT_MAX, STR_ARGS(request_shown(f->v[DRAFT_EVENT])));
	if (f->v[DRAFT_SENDER].n > MESSAGE_SENDER_MAX)
		fail(d, PROBLEM_BAD_FIELD, "'sender' must be at most %d bytes, not %zu", MESSAGE_SENDER_MAX,
		    f->v[DRAFT_SENDER].n);
	if (!message_sender_ok(f->v[DRAFT_SENDER]))
		fail(d, PROBLEM_BAD_FIELD, "'sender' must have no control characters");
	if (f->has[DRAFT_KEY] && (f->v[DRAFT_KEY].n < 1 || f->v[DRAFT_KEY].n > MESSAGE_KEY_MAX))
		fail(d, PROBLEM_BAD_FIELD, "'key' must be 1 to %d bytes, not %zu", MESSAGE_KEY_MAX, f->v[DRAFT_KEY].n);
}

static void
check_body(struct draft *d, size_t message_max)
{
	size_t n = d->has_args ? d->args.n + d->attachments.n / 4 * 3 : d->f.v[DRAFT_TEXT].n;

	if (!d->has_args && !d->f.has[DRAFT_TEXT])
		fail(d, PROBLEM_MISSING_TEXT, "there is neither 'text' nor 'args'");
	if (!d->has_args && n == 0)
		fail(d, PROBLEM_EMPTY_TEXT, "the text is empty");
	if (n > message_max)
		fail(d, PROBLEM_MESSAGE_TOO_LARGE, "a message may have %zu bytes (message-max), not %zu", message_max,
		    n);
}

/* What the headers and the query say; false: answered. */
static bool
read_outside(struct draft *d, struct request *r)
{
	static const char *const known[] = {"room", "sender", "event", "key", NULL};
	struct draft_fields f = {0};

	if (!request_query(r, &d->query, known, NULL))
		return false;
	if (r->idempotency_key.n > 0) {
		d->f.v[DRAFT_KEY] = r->idempotency_key;
		d->f.has[DRAFT_KEY] = true;
	}
	for (size_t i = 0; i < d->query.n; i++) {
		enum draft_field field = field_of(d->query.fields[i].name);

		if (field == DRAFT_FIELDS)
			continue;
		f.v[field] = d->query.fields[i].value;
		f.has[field] = true;
	}
	merge(&d->f, &f);
	check_fields(d);
	if (d->bad && d->problem == PROBLEM_BAD_FIELD)
		d->problem = PROBLEM_BAD_PARAMETER; /* it stands in the URL or a header */
	return true;
}

bool
draft_read(struct draft *d, struct request *r, const struct draft_limits *limits)
{
	if (!read_outside(d, r))
		return false;
	if (r->body_too_large || r->body.n > limits->body_max)
		fail(d, PROBLEM_BODY_TOO_LARGE, "the body is larger than %zu bytes (body-max)", limits->body_max);
	if (!d->bad)
		read_body(d, r, limits->depth_max);
	check_fields(d);
	check_body(d, limits->message_max);
	simplify(d, limits->depth_max);
	if (d->has_args && d->has_format)
		fail(d, PROBLEM_BAD_FIELD, "'format' is of a text: it cannot be given with 'args'");
	return true;
}

void
draft_fini(struct draft *d)
{
	buf_fini(&d->strings);
	query_fini(&d->form);
	query_fini(&d->query);
}
