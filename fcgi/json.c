#include "json.h"

#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

struct parse {
	yajl_handle yajl;
	struct str text;
	bool want_array; /* the outermost value is an array, not an object */
	size_t depth, depth_max, array_start;
	size_t end; /* of the outermost value */
	bool too_deep, not_wanted;
	struct buf name;
	json_member_fn *fn;
	void *ctx;
};

/* Whether the value that begins now is the outermost one: 1 good, 0 bad, -1 it is not the outermost. */
static bool
outermost_ok(struct parse *p, bool is_array, bool is_object)
{
	if (p->depth > 0)
		return true;
	p->not_wanted = p->want_array ? !is_array : !is_object;
	return !p->not_wanted;
}

static void
member(struct parse *p, enum json_type type, struct str value)
{
	if (p->fn != NULL && p->depth == 1)
		p->fn(p->ctx, buf_str(&p->name), type, value);
}

static int
on_scalar(struct parse *p, struct str text)
{
	if (!outermost_ok(p, false, false))
		return 0;
	member(p, JSON_OTHER, text);
	return 1;
}

static int
on_null(void *ctx)
{
	return on_scalar(ctx, STR("null"));
}

static int
on_boolean(void *ctx, int value)
{
	return on_scalar(ctx, value ? STR("true") : STR("false"));
}

/* As text: yajl's own conversion would refuse an integer of more than 64 bits, which is good JSON. */
static int
on_number(void *ctx, const char *p, size_t n)
{
	return on_scalar(ctx, (struct str){p, n});
}

static int
on_string(void *ctx, const unsigned char *s, size_t n)
{
	struct parse *p = ctx;

	if (!outermost_ok(p, false, false))
		return 0;
	member(p, JSON_STRING, (struct str){(const char *)s, n});
	return 1;
}

static int
deeper(struct parse *p)
{
	/* The object around the members does not count: the depth is that of an array in it. */
	p->depth++;
	p->too_deep = p->depth - (p->want_array ? 0 : 1) > p->depth_max;
	return !p->too_deep;
}

static int
on_start_map(void *ctx)
{
	struct parse *p = ctx;

	return outermost_ok(p, false, true) && deeper(p);
}

static int
on_map_key(void *ctx, const unsigned char *s, size_t n)
{
	struct parse *p = ctx;

	if (p->depth == 1) {
		buf_reset(&p->name, SIZE_MAX);
		buf_add(&p->name, (struct str){(const char *)s, n});
	}
	return 1;
}

static int
on_end_map(void *ctx)
{
	struct parse *p = ctx;

	p->depth--;
	p->end = yajl_get_bytes_consumed(p->yajl);
	member(p, JSON_OTHER, STR(""));
	return 1;
}

static int
on_start_array(void *ctx)
{
	struct parse *p = ctx;

	if (p->depth == 1)
		p->array_start = yajl_get_bytes_consumed(p->yajl) - 1;
	return outermost_ok(p, true, false) && deeper(p);
}

static int
on_end_array(void *ctx)
{
	struct parse *p = ctx;
	size_t end = yajl_get_bytes_consumed(p->yajl);

	p->depth--;
	p->end = end;
	if (p->depth == 1)
		member(p, JSON_ARRAY, (struct str){p->text.p + p->array_start, end - p->array_start});
	return 1;
}

/* The value of the four hex digits at i; 0 where there are none, or not so many. */
static unsigned
hex4(struct str text, size_t i)
{
	unsigned v = 0;

	for (size_t end = i + 4; i < end; i++) {
		char c = i < text.n ? text.p[i] : ' ';

		if (c >= '0' && c <= '9')
			v = v << 4 | (unsigned)(c - '0');
		else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
			v = v << 4 | (unsigned)((c | 0x20) - 'a' + 10);
		else
			return 0;
	}
	return v;
}

/*
 * yajl lets the escape of half a surrogate pair pass, and nothing can carry it on: it has no UTF-8. The next one from
 * *at on, whose backslash *at then is; false when there is none.
 */
static bool
next_lone_surrogate(struct str text, size_t *at)
{
	for (size_t i = *at; i + 1 < text.n; i++) {
		unsigned v;

		if (text.p[i] != '\\')
			continue;
		if (text.p[++i] != 'u')
			continue;
		v = hex4(text, i + 1);
		*at = i - 1;
		i += 4;
		if (v >= 0xDC00 && v <= 0xDFFF)
			return true;
		if (v < 0xD800 || v > 0xDBFF)
			continue;
		if (i + 6 >= text.n || text.p[i + 1] != '\\' || text.p[i + 2] != 'u')
			return true;
		v = hex4(text, i + 3);
		if (v < 0xDC00 || v > 0xDFFF)
			return true;
		i += 6;
	}
	return false;
}

static bool
lone_surrogate(struct str text)
{
	size_t at = 0;

	return next_lone_surrogate(text, &at);
}

void
json_mend(char *p, size_t n)
{
	for (size_t at = 0; next_lone_surrogate((struct str){p, n}, &at); at += 6)
		memcpy(p + at, "\\ufffd", 6);
}

/* Whether nothing but blanks stands behind the value: yajl lets a token pass that is not finished when the text ends.
 */
static bool
nothing_behind(struct str text, size_t end)
{
	for (size_t i = end; i < text.n; i++)
		if (text.p[i] != ' ' && text.p[i] != '\t' && text.p[i] != '\n' && text.p[i] != '\r')
			return false;
	return true;
}

static void
say(char error[JSON_ERROR_SIZE], struct parse *p)
{
	unsigned char *text;
	size_t n;

	if (error == NULL)
		return;
	if (p->not_wanted) {
		snprintf(error, JSON_ERROR_SIZE, "expected %s", p->want_array ? "an array" : "an object");
		return;
	}
	text = yajl_get_error(p->yajl, 0, (const unsigned char *)p->text.p, p->text.n);
	snprintf(error, JSON_ERROR_SIZE, "%s", text == NULL ? "not JSON" : (char *)text);
	n = strlen(error);
	while (n > 0 && error[n - 1] == '\n')
		error[--n] = '\0';
	/* yajl's own count stands at 1 where the text ends too early. */
	if (text != NULL && strstr(error, "EOF") == NULL)
		snprintf(error + n, JSON_ERROR_SIZE - n, " at byte %zu", yajl_get_bytes_consumed(p->yajl));
	yajl_free_error(p->yajl, text);
}

/* JSON has no place for control characters but its three blanks (RFC 8259 section 2); yajl takes \v and \f for such. */
static bool
has_control(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 && text.p[i] != '\t' && text.p[i] != '\n' && text.p[i] != '\r')
			return true;
	return false;
}

static enum json_result
parse(struct parse *p, char error[JSON_ERROR_SIZE])
{
	static const yajl_callbacks callbacks = {on_null, on_boolean, NULL, NULL, on_number, on_string, on_start_map,
	    on_map_key, on_end_map, on_start_array, on_end_array};
	yajl_status status;
	enum json_result result = JSON_OK;

	if (!str_utf8(p->text)) {
		if (error != NULL)
			snprintf(error, JSON_ERROR_SIZE, "not well-formed UTF-8");
		return JSON_BAD;
	}
	if (has_control(p->text)) {
		if (error != NULL)
			snprintf(error, JSON_ERROR_SIZE, "a control character stands in it");
		return JSON_BAD;
	}
	p->yajl = yajl_alloc(&callbacks, NULL, p);
	if (p->yajl == NULL)
		return JSON_NO_MEMORY;
	buf_init(&p->name, p->text.n + 1);
	status = yajl_parse(p->yajl, (const unsigned char *)p->text.p, p->text.n);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(p->yajl);
	if (p->too_deep)
		result = JSON_TOO_DEEP;
	else if (status != yajl_status_ok) {
		result = JSON_BAD;
		say(error, p);
	} else if (!nothing_behind(p->text, p->end)) {
		result = JSON_BAD;
		if (error != NULL)
			snprintf(error, JSON_ERROR_SIZE, "trailing garbage at byte %zu", p->end);
	} else if (lone_surrogate(p->text)) {
		result = JSON_BAD;
		if (error != NULL)
			snprintf(error, JSON_ERROR_SIZE, "half of a surrogate pair is escaped without its other half");
	} else if (!buf_ok(&p->name))
		result = JSON_NO_MEMORY;
	buf_fini(&p->name);
	yajl_free(p->yajl);
	return result;
}

enum json_result
json_object(struct str text, size_t depth_max, json_member_fn *fn, void *ctx, char error[JSON_ERROR_SIZE])
{
	struct parse p = {.text = text, .depth_max = depth_max, .fn = fn, .ctx = ctx};

	return parse(&p, error);
}

enum json_result
json_array(struct str text, size_t depth_max, json_member_fn *fn, void *ctx)
{
	struct parse p = {.text = text, .depth_max = depth_max, .want_array = true, .fn = fn, .ctx = ctx};

	return parse(&p, NULL);
}

/* A place in the nesting of a payload. */
struct level {
	bool is_map, placeholder;
	enum { KEY_OTHER, KEY_PLACEHOLDER, KEY_NUM } key; /* the last one read */
	int num;
};

struct payload_parse {
	yajl_handle yajl;
	struct json_payload *out;
	size_t depth, depth_max, end;
	bool too_deep, not_wanted;
	struct buf levels;
};

static struct level *
level(struct payload_parse *p)
{
	return (struct level *)(void *)p->levels.p + p->depth - 1;
}

/* After a value: counts the elements of the outermost array, and notes where the first one ends. */
static void
count_element(struct payload_parse *p, enum json_type type, bool number)
{
	if (p->depth != 1 || level(p)->is_map)
		return;
	if (p->out->n++ == 0) {
		p->out->first = type;
		p->out->first_number = number;
		p->out->first_end = yajl_get_bytes_consumed(p->yajl);
	}
}

static int
payload_scalar(struct payload_parse *p, enum json_type type, bool number)
{
	p->not_wanted = p->depth == 0;
	if (p->not_wanted)
		return 0;
	count_element(p, type, number);
	return 1;
}

static int
payload_null(void *ctx)
{
	return payload_scalar(ctx, JSON_OTHER, false);
}

static int
payload_boolean(void *ctx, int value)
{
	struct payload_parse *p = ctx;

	if (p->depth > 0 && level(p)->is_map && level(p)->key == KEY_PLACEHOLDER)
		level(p)->placeholder = value;
	return payload_scalar(p, JSON_OTHER, false);
}

static int
payload_number(void *ctx, const char *text, size_t n)
{
	struct payload_parse *p = ctx;
	uint64_t v;

	if (p->depth > 0 && level(p)->is_map && level(p)->key == KEY_NUM)
		level(p)->num = str_uint((struct str){text, n}, 31, &v) ? (int)v : -1;
	return payload_scalar(p, JSON_OTHER, true);
}

static int
payload_string(void *ctx, const unsigned char *s, size_t n)
{
	struct payload_parse *p = ctx;

	if (p->depth == 1 && !level(p)->is_map && p->out->n == 0) {
		buf_add(&p->out->strings, (struct str){(const char *)s, n});
		p->out->first_value = buf_str(&p->out->strings);
	}
	return payload_scalar(p, JSON_STRING, false);
}

static int
payload_deeper(struct payload_parse *p, bool is_map)
{
	if (p->depth == 0)
		p->out->is_array = !is_map;
	p->too_deep = p->depth == p->depth_max;
	if (p->too_deep || !buf_reserve(&p->levels, sizeof(struct level)))
		return 0;
	p->levels.n += sizeof(struct level);
	p->depth++;
	*level(p) = (struct level){.is_map = is_map, .num = -1};
	return 1;
}

static int
payload_start_map(void *ctx)
{
	return payload_deeper(ctx, true);
}

static int
payload_start_array(void *ctx)
{
	return payload_deeper(ctx, false);
}

static int
payload_key(void *ctx, const unsigned char *s, size_t n)
{
	struct payload_parse *p = ctx;
	struct str key = {(const char *)s, n};

	level(p)->key = str_eq(key, STR("_placeholder")) ? KEY_PLACEHOLDER
	                : str_eq(key, STR("num"))        ? KEY_NUM
	                                                 : KEY_OTHER;
	return 1;
}

static int
payload_end(void *ctx)
{
	struct payload_parse *p = ctx;
	struct level l = *level(p);

	p->depth--;
	p->end = yajl_get_bytes_consumed(p->yajl);
	p->levels.n -= sizeof(struct level);
	if (l.is_map && l.placeholder) {
		if (l.num < 0)
			p->out->bad_placeholder = true;
		else
			p->out->placeholders |= 1U << l.num;
	}
	if (p->depth > 0)
		count_element(p, l.is_map ? JSON_OTHER : JSON_ARRAY, false);
	return 1;
}

enum json_result
json_payload(struct str text, size_t depth_max, struct json_payload *payload)
{
	static const yajl_callbacks callbacks = {payload_null, payload_boolean, NULL, NULL, payload_number,
	    payload_string, payload_start_map, payload_key, payload_end, payload_start_array, payload_end};
	struct payload_parse p = {.out = payload, .depth_max = depth_max};
	yajl_status status;
	enum json_result result = JSON_OK;

	*payload = (struct json_payload){.n = 0};
	buf_init(&payload->strings, text.n + 1);
	if (has_control(text))
		return JSON_BAD;
	buf_init(&p.levels, (depth_max + 1) * sizeof(struct level));
	p.yajl = yajl_alloc(&callbacks, NULL, &p);
	if (p.yajl == NULL)
		return JSON_NO_MEMORY;
	status = yajl_parse(p.yajl, (const unsigned char *)text.p, text.n);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(p.yajl);
	if (p.too_deep)
		result = JSON_TOO_DEEP;
	else if (!buf_ok(&p.levels) || !buf_ok(&payload->strings))
		result = JSON_NO_MEMORY;
	else if (status != yajl_status_ok || !nothing_behind(text, p.end))
		result = JSON_BAD;
	buf_fini(&p.levels);
	yajl_free(p.yajl);
	return result;
}
