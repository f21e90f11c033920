#include "request.h"

static bool
is_known(struct str name, const char *const *known)
{
	for (; *known != NULL; known++)
		if (str_eq(name, str_of(*known)))
			return true;
	return false;
}

static bool
names_ok(struct request *r, const struct query *q, const char *const *known, const char *repeatable)
{
	if (q->too_many) {
		request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER, "more than %d parameters", QUERY_FIELDS_MAX);
		return false;
	}
	for (size_t i = 0; i < q->n; i++) {
		struct str name = q->fields[i].name;

		if (name.n > 0 && name.p[0] == '_')
			continue;
		if (!is_known(name, known)) {
			request_fail(r->all, r->conn, PROBLEM_UNKNOWN_PARAMETER, "unknown parameter '%.*s'",
			    STR_ARGS(request_shown(name)));
			return false;
		}
		if (!str_utf8(q->fields[i].value)) {
			request_fail(r->all, r->conn, PROBLEM_BAD_UTF8, "parameter '%.*s' is not well-formed UTF-8",
			    STR_ARGS(name));
			return false;
		}
		for (size_t j = 0; j < i && (repeatable == NULL || !str_eq(name, str_of(repeatable))); j++)
			if (str_eq(q->fields[j].name, name)) {
				request_fail(r->all, r->conn, PROBLEM_DUPLICATE_PARAMETER,
				    "parameter '%.*s' is given more than once", STR_ARGS(name));
				return false;
			}
	}
	return true;
}

bool
request_query(struct request *r, struct query *q, const char *const *known, const char *repeatable)
{
	if (query_parse(q, r->query) != 0) {
		request_fail(r->all, r->conn, PROBLEM_INTERNAL, "no memory");
		return false;
	}
	if (names_ok(r, q, known, repeatable))
		return true;
	query_fini(q);
	return false;
}
