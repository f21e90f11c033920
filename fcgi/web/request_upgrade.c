#include "request.h"

bool
request_scgi_ok(struct request *r)
{
	const char *wrong = NULL;

	if (!r->scgi)
		return true;
	if (r->method != METHOD_GET)
		wrong = "a method other than GET";
	else if (!str_eq(r->protocol, STR("HTTP/1.1")))
		wrong = "another protocol than HTTP/1.1";
	else if (r->body_too_large)
		wrong = "a body";
	if (wrong == NULL)
		return true;
	request_fail(r->all, r->conn, PROBLEM_BAD_UPGRADE, "%s cannot become a WebSocket", wrong);
	return false;
}
