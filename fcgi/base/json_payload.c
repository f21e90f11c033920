#include "json.h"
#include "json_text.h"

/* A place in the nesting of a payload. */
struct level {
	bool is_map, placeholder;
	enum { KEY_OTHER, KEY_PLACEHOLDER, KEY_NUM } key; /* the last one read */
	int num;
};

struct parse {
	yajl_handle yajl;
	struct json_payload *out;
	size_t depth, depth_max, end;
	bool too_deep;
	struct buf levels;
};

static struct level *
level(struct parse *p)
{
	return (struct level *)(void *)p->levels.p + p->depth - 1;
}

/* After a value: counts the elements of the outermost array, and notes where the first one ends. */
static void
count_element(struct parse *p, enum json_type type, bool number)
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
scalar(struct parse *p, enum json_type type, bool number)
{
	if (p->depth == 0)
		return 0;
	count_element(p, type, number);
	return 1;
}

static int
on_null(void *ctx)
{
	return scalar(ctx, JSON_OTHER, false);
}

static int
on_boolean(void *ctx, int value)
{
	struct parse *p = ctx;

	if (p->depth > 0 && level(p)->is_map && level(p)->key == KEY_PLACEHOLDER)
		level(p)->placeholder = value;
	return scalar(p, JSON_OTHER, false);
}

static int
on_number(void *ctx, const char *text, size_t n)
{
	struct parse *p = ctx;
	uint64_t v;

	if (p->depth > 0 && level(p)->is_map && level(p)->key == KEY_NUM)
		level(p)->num = str_uint((struct str){text, n}, 31, &v) ? (int)v : -1;
	return scalar(p, JSON_OTHER, true);
}

static int
on_string(void *ctx, const unsigned char *s, size_t n)
{
	struct parse *p = ctx;

	if (p->depth == 1 && !level(p)->is_map && p->out->n == 0) {
		buf_add(&p->out->strings, (struct str){(const char *)s, n});
		p->out->first_value = buf_str(&p->out->strings);
	}
	return scalar(p, JSON_STRING, false);
}

static int
deeper(struct parse *p, bool is_map)
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
on_start_map(void *ctx)
{
	return deeper(ctx, true);
}

static int
on_start_array(void *ctx)
{
	return deeper(ctx, false);
}

static int
on_key(void *ctx, const unsigned char *s, size_t n)
{
	struct parse *p = ctx;
	struct str key = {(const char *)s, n};

	level(p)->key = str_eq(key, STR("_placeholder")) ? KEY_PLACEHOLDER
	                : str_eq(key, STR("num"))        ? KEY_NUM
	                                                 : KEY_OTHER;
	return 1;
}

static int
on_end(void *ctx)
{
	struct parse *p = ctx;
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
	static const yajl_callbacks callbacks = {on_null, on_boolean, NULL, NULL, on_number, on_string, on_start_map,
	    on_key, on_end, on_start_array, on_end};
	struct parse p = {.out = payload, .depth_max = depth_max};
	enum json_result result = JSON_OK;
	bool good;

	*payload = (struct json_payload){.n = 0};
	buf_init(&payload->strings, text.n + 1);
	if (json_has_control(text))
		return JSON_BAD;
	buf_init(&p.levels, (depth_max + 1) * sizeof(struct level));
	p.yajl = yajl_alloc(&callbacks, NULL, &p);
	if (p.yajl == NULL)
		return JSON_NO_MEMORY;
	good = json_feed(p.yajl, text);
	if (p.too_deep)
		result = JSON_TOO_DEEP;
	else if (!buf_ok(&p.levels) || !buf_ok(&payload->strings))
		result = JSON_NO_MEMORY;
	else if (!good || !json_nothing_behind(text, p.end))
		result = JSON_BAD;
	buf_fini(&p.levels);
	yajl_free(p.yajl);
	return result;
}
