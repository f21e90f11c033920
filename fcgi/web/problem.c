#include "problem.h"

static const struct {
	int status;
	const char *code;
} TABLE[PROBLEMS] = {
    [PROBLEM_BAD_PARAMETER] = {400, "bad_parameter"},
    [PROBLEM_UNKNOWN_PARAMETER] = {400, "unknown_parameter"},
    [PROBLEM_DUPLICATE_PARAMETER] = {400, "duplicate_parameter"},
    [PROBLEM_BAD_JSON] = {400, "bad_json"},
    [PROBLEM_BAD_UTF8] = {400, "bad_utf8"},
    [PROBLEM_UNKNOWN_MEMBER] = {400, "unknown_member"},
    [PROBLEM_BAD_FIELD] = {400, "bad_field"},
    [PROBLEM_MISSING_TEXT] = {400, "missing_text"},
    [PROBLEM_EMPTY_TEXT] = {400, "empty_text"},
    [PROBLEM_TOO_DEEP] = {400, "too_deep"},
    [PROBLEM_BAD_SEARCH] = {400, "bad_search"},
    [PROBLEM_BAD_NAME] = {400, "bad_name"},
    [PROBLEM_BAD_UPGRADE] = {400, "bad_upgrade"},
    [PROBLEM_SENDER_TAKEN] = {400, "sender_taken"},
    [PROBLEM_UNAUTHORIZED] = {401, "unauthorized"},
    [PROBLEM_FORBIDDEN_ORIGIN] = {403, "forbidden_origin"},
    [PROBLEM_FORBIDDEN_ROOM] = {403, "forbidden_room"},
    [PROBLEM_FORBIDDEN_MESSAGE] = {403, "forbidden_message"},
    [PROBLEM_NOT_FOUND] = {404, "not_found"},
    [PROBLEM_METHOD_NOT_ALLOWED] = {405, "method_not_allowed"},
    [PROBLEM_PRECONDITION_FAILED] = {412, "precondition_failed"},
    [PROBLEM_BODY_TOO_LARGE] = {413, "body_too_large"},
    [PROBLEM_MESSAGE_TOO_LARGE] = {413, "message_too_large"},
    [PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {415, "unsupported_media_type"},
    [PROBLEM_UNKNOWN_HOST] = {421, "unknown_host"},
    [PROBLEM_KEY_CONFLICT] = {422, "key_conflict"},
    [PROBLEM_UPGRADE_REQUIRED] = {426, "upgrade_required"},
    [PROBLEM_RATE_LIMITED] = {429, "rate_limited"},
    [PROBLEM_INTERNAL] = {500, "internal"},
    [PROBLEM_QUEUE_FULL] = {503, "queue_full"},
    [PROBLEM_BUSY] = {503, "busy"},
    [PROBLEM_STORE_FAILED] = {503, "store_failed"},
    [PROBLEM_DISK_FULL] = {503, "disk_full"},
    [PROBLEM_DATABASE_LOCKED] = {503, "database_locked"},
    [PROBLEM_WRITE_TIMEOUT] = {503, "write_timeout"},
    [PROBLEM_SEARCH_TIMEOUT] = {503, "search_timeout"},
    [PROBLEM_STORAGE_FULL] = {507, "storage_full"},
};

int
problem_status(enum problem p)
{
	return TABLE[p].status;
}

const char *
problem_code(enum problem p)
{
	return TABLE[p].code;
}

const char *
problem_title(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 201:
		return "Created";
	case 204:
		return "No Content";
	case 304:
		return "Not Modified";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 412:
		return "Precondition Failed";
	case 413:
		return "Content Too Large";
	case 415:
		return "Unsupported Media Type";
	case 421:
		return "Misdirected Request";
	case 422:
		return "Unprocessable Content";
	case 426:
		return "Upgrade Required";
	case 429:
		return "Too Many Requests";
	case 503:
		return "Service Unavailable";
	case 507:
		return "Insufficient Storage";
	default:
		return "Internal Server Error";
	}
}

void
problem_add_json(struct buf *b, enum problem p, struct str detail, struct str members)
{
	buf_add(b, STR("{\"type\":\"about:blank\",\"title\":"));
	buf_add_json(b, str_of(problem_title(problem_status(p))));
	buf_printf(b, ",\"status\":%d,\"detail\":", problem_status(p));
	buf_add_json(b, detail);
	buf_printf(b, ",\"code\":\"%s\"", problem_code(p));
	buf_add(b, members);
	buf_add(b, STR("}\n"));
}
