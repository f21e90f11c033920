/*
 * problem: the errors that a client can get: a fixed code word and a status each (docs/PROTOCOL.md lists them).
 */
#ifndef PROBLEM_H
#define PROBLEM_H

#include "base/buf.h"

enum problem {
	PROBLEM_BAD_PARAMETER,
	PROBLEM_UNKNOWN_PARAMETER,
	PROBLEM_DUPLICATE_PARAMETER,
	PROBLEM_BAD_JSON,
	PROBLEM_BAD_UTF8,
	PROBLEM_UNKNOWN_MEMBER,
	PROBLEM_BAD_FIELD,
	PROBLEM_MISSING_TEXT,
	PROBLEM_EMPTY_TEXT,
	PROBLEM_TOO_DEEP,
	PROBLEM_BAD_SEARCH,
	PROBLEM_BAD_NAME,
	PROBLEM_SENDER_TAKEN,
	PROBLEM_UNAUTHORIZED,
	PROBLEM_FORBIDDEN_ORIGIN,
	PROBLEM_FORBIDDEN_ROOM,
	PROBLEM_FORBIDDEN_MESSAGE,
	PROBLEM_NOT_FOUND,
	PROBLEM_METHOD_NOT_ALLOWED,
	PROBLEM_PRECONDITION_FAILED,
	PROBLEM_BODY_TOO_LARGE,
	PROBLEM_MESSAGE_TOO_LARGE,
	PROBLEM_UNSUPPORTED_MEDIA_TYPE,
	PROBLEM_UNKNOWN_HOST,
	PROBLEM_KEY_CONFLICT,
	PROBLEM_RATE_LIMITED,
	PROBLEM_INTERNAL,
	PROBLEM_QUEUE_FULL,
	PROBLEM_BUSY,
	PROBLEM_STORE_FAILED,
	PROBLEM_DISK_FULL,
	PROBLEM_DATABASE_LOCKED,
	PROBLEM_WRITE_TIMEOUT,
	PROBLEM_SEARCH_TIMEOUT,
	PROBLEM_STORAGE_FULL,
	PROBLEMS
};

int problem_status(enum problem p);
const char *problem_code(enum problem p);

/* The reason phrase of a status (RFC 9110 section 15). */
const char *problem_title(int status);

/* The application/problem+json body (RFC 9457); members: more of them, each with a comma before it. */
void problem_add_json(struct buf *b, enum problem p, struct str detail, struct str members);

#endif
