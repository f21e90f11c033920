/*
 * What is read of a netstring, written anew, is the netstring; whoever has less of it waits, or knows by now that it is
 * bad.
 */
#include "web/scgi.h"

#include "fuzz.h"
#include "web/record.h"

static bool
inside(struct str view, const char *begin, size_t n)
{
	return view.p >= begin && view.p + view.n <= begin + n;
}

static void
add_string(struct buf *b, struct str s)
{
	MUST(s.n == 0 || memchr(s.p, '\0', s.n) == NULL);
	buf_add(b, s);
	buf_add_char(b, '\0');
}

static void
check_whole(const char *bytes, size_t n, const struct fcgi_request *r, size_t used, uint64_t body_n)
{
	struct buf content, b;
	bool scgi = false;
	uint64_t told;

	buf_init(&content, SIZE_MAX);
	buf_init(&b, SIZE_MAX);
	MUST(used <= n && r->n_params >= 2 && r->n_params <= FCGI_PARAMS_READ_MAX);
	for (size_t i = 0; i < r->n_params; i++) {
		const struct fcgi_param *p = &r->params[i];

		MUST(p->name.n > 0 && inside(p->name, bytes, used) && inside(p->value, bytes, used));
		for (size_t k = 0; k < i; k++)
			MUST(!str_eq(r->params[k].name, p->name));
		scgi = scgi || (str_eq(p->name, STR("SCGI")) && str_eq(p->value, STR("1")));
		add_string(&content, p->name);
		add_string(&content, p->value);
	}
	MUST(scgi && str_eq(r->params[0].name, STR("CONTENT_LENGTH")));
	MUST(str_uint(r->params[0].value, INT64_MAX, &told) && told == body_n);
	MUST(content.n <= RECORD_PARAMS_MAX);
	buf_add_int(&b, (int64_t)content.n);
	buf_add_char(&b, ':');
	buf_add(&b, buf_str(&content));
	buf_add_char(&b, ',');
	MUST(buf_ok(&b) && str_eq(buf_str(&b), (struct str){bytes, used}));
	buf_fini(&b);
	buf_fini(&content);
}

/* The first n bytes, in memory of just that size. */
static enum scgi_result
read_first(const uint8_t *bytes, size_t n, size_t *used)
{
	static struct fcgi_request r;
	char *exact = malloc(n + (n == 0));
	uint64_t body_n = 0;
	enum scgi_result result;

	MUST(exact != NULL);
	memcpy(exact, bytes, n);
	result = scgi_read((struct str){exact, n}, &r, used, &body_n);
	if (result == SCGI_WHOLE)
		check_whole(exact, n, &r, *used, body_n);
	free(exact);
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	size_t used = 0, less, ignored;
	enum scgi_result all, first;

	if (n < 2)
		return 0;
	all = read_first(bytes + 2, n - 2, &used);
	less = ((size_t)bytes[0] << 8 | bytes[1]) % (n - 1);
	first = read_first(bytes + 2, less, &ignored);
	if (all == SCGI_PART)
		MUST(first == SCGI_PART);
	if (all == SCGI_WHOLE)
		MUST(less < used ? first == SCGI_PART : first == SCGI_WHOLE && ignored == used);
	if (first == SCGI_BAD)
		MUST(all == SCGI_BAD);
	if (all == SCGI_WHOLE) {
		MUST(read_first(bytes + 2, used - 1, &ignored) == SCGI_PART);
		MUST(read_first(bytes + 2, used, &ignored) == SCGI_WHOLE && ignored == used);
	}
	return 0;
}
