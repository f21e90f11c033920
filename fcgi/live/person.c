#include "person.h"

#include "store/message.h"

bool
person_ok(struct request *r)
{
	if (message_sender_ok(r->user) && !r->cut)
		return true;
	request_fail(r->all, r->conn, PROBLEM_BAD_NAME,
	    "a name must be at most %d bytes of UTF-8 without control characters to be a sender, not '%.*s'",
	    MESSAGE_SENDER_MAX, STR_ARGS(request_shown(r->user)));
	return false;
}
