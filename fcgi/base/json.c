#include "json.h"

#include <stdio.h>
#include <string.h>

#include "json_text.h"

struct parse {
	yajl_handle yajl;
	struct str text;
	bool want_array; /* the outermost value is an array, not an object */
	size_t depth, depth_max;
	size_t start; /* of the array or object that is a member of the outermost one */
	size_t end;   /* of the outermost value */
	bool too_deep, not_wanted, no_memory;
	struct buf name;
	json_member_fn *fn;
	void *ctx;
};

/* Whether the value that begins now may stand there: the outermost one must be of the kind that is wanted. */
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
	if (p->depth == 1)
		p->start = yajl_get_bytes_consumed(p->yajl) - 1;
	/* The object around the members does not count: the depth is that of an array in it. */
	p->depth++;
	p->too_deep = p->depth - (p->want_array ? 0 : 1) > p->depth_max;
	return !p->too_deep;
}

static int
shallower(struct parse *p, enum json_type type)
{
	p->depth--;
	p->end = yajl_get_bytes_consumed(p->yajl);
	member(p, type, (struct str){p->text.p + p->start, p->end - p->start});
	return 1;
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
		p->no_memory = !buf_ok(&p->name);
	}
	return !p->no_memory;
}

static int
on_end_map(void *ctx)
{
	return shallower(ctx, JSON_OTHER);
}

static int
on_start_array(void *ctx)
{
	struct parse *p = ctx;

	return outermost_ok(p, true, false) && deeper(p);
}

static int
on_end_array(void *ctx)
{
	return shallower(ctx, JSON_ARRAY);
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

static enum json_result
parse(struct parse *p, char error[JSON_ERROR_SIZE])
{
	static const yajl_callbacks callbacks = {on_null, on_boolean, NULL, NULL, on_number, on_string, on_start_map,
	    on_map_key, on_end_map, on_start_array, on_end_array};
	enum json_result result = JSON_OK;
	bool good;

	if (!str_utf8(p->text)) {
		if (error != NULL)
			snprintf(error, JSON_ERROR_SIZE, "not well-formed UTF-8");
		return JSON_BAD;
	}
	if (json_has_control(p->text)) {
		if (error != NULL)
			snprintf(error, JSON_ERROR_SIZE, "a control character stands in it");
		return JSON_BAD;
	}
	p->yajl = yajl_alloc(&callbacks, NULL, p);
	if (p->yajl == NULL)
		return JSON_NO_MEMORY;
	buf_init(&p->name, p->text.n + 1);
	good = json_feed(p->yajl, p->text);
	if (p->no_memory)
		result = JSON_NO_MEMORY;
	else if (p->too_deep)
		result = JSON_TOO_DEEP;
	else if (!good) {
		result = JSON_BAD;
		say(error, p);
	} else if (!json_nothing_behind(p->text, p->end)) {
		result = JSON_BAD;
		if (error != NULL)
			snprintf(error, JSON_ERROR_SIZE, "trailing garbage at byte %zu", p->end);
	} else if (json_lone_surrogate(p->text)) {
		result = JSON_BAD;
		if (error != NULL)
			snprintf(error, JSON_ERROR_SIZE, "half of a surrogate pair is escaped without its other half");
	}
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
