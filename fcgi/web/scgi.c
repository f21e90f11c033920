#include "scgi.h"

#include <string.h>

#include "record.h"

/* SCGI_WHOLE: "123:" is here; *begins is where the bytes of the netstring do. */
static enum scgi_result
read_length(struct str bytes, size_t *length, size_t *begins)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes.n; i++) {
		char c = bytes.p[i];

		if (c == ':' && i > 0) {
			*length = n;
			*begins = i + 1;
			return SCGI_WHOLE;
		}
		if (c < '0' || c > '9' || (i == 0 && !scgi_begins(c)))
			return SCGI_BAD;
		n = n * 10 + (size_t)(c - '0');
		if (n > RECORD_PARAMS_MAX)
			return SCGI_BAD;
	}
	return SCGI_PART;
}

/* What comes before the next byte 0. false: there is none. */
static bool
take_string(struct str *rest, struct str *string)
{
	const char *end = rest->n == 0 ? NULL : memchr(rest->p, '\0', rest->n);

	if (end == NULL)
		return false;
	*string = (struct str){rest->p, (size_t)(end - rest->p)};
	*rest = str_skip(*rest, string->n + 1);
	return true;
}

static const struct fcgi_param *
find(const struct fcgi_request *r, struct str name)
{
	for (size_t i = 0; i < r->n_params; i++)
		if (str_eq(r->params[i].name, name))
			return &r->params[i];
	return NULL;
}

static bool
take_params(struct fcgi_request *r, struct str rest)
{
	while (rest.n > 0) {
		struct fcgi_param p;

		if (!take_string(&rest, &p.name) || !take_string(&rest, &p.value) || p.name.n == 0)
			return false;
		if (r->n_params == FCGI_PARAMS_READ_MAX || find(r, p.name) != NULL)
			return false;
		r->params[r->n_params++] = p;
	}
	return true;
}

static bool
headers_ok(const struct fcgi_request *r, uint64_t *body_n)
{
	const struct fcgi_param *scgi = find(r, STR("SCGI"));

	return r->n_params > 0 && str_eq(r->params[0].name, STR("CONTENT_LENGTH")) &&
	       str_uint(r->params[0].value, INT64_MAX, body_n) && scgi != NULL && str_eq(scgi->value, STR("1"));
}

enum scgi_result
scgi_read(struct str bytes, struct fcgi_request *r, size_t *used, uint64_t *body_n)
{
	size_t length, begins;
	enum scgi_result result = read_length(bytes, &length, &begins);

	if (result != SCGI_WHOLE)
		return result;
	if (bytes.n - begins < length + 1)
		return SCGI_PART;
	r->n_params = 0;
	if (bytes.p[begins + length] != ',' || !take_params(r, (struct str){bytes.p + begins, length}) ||
	    !headers_ok(r, body_n))
		return SCGI_BAD;
	*used = begins + length + 1;
	return SCGI_WHOLE;
}
