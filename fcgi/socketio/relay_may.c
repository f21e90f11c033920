/* Whose a member is, and what is said to one that may not. */
#include "base/clock.h"
#include "relay_state.h"

struct str
relay_by(const struct participant *p)
{
	return p->pass == NULL ? STR("") : p->pass->by;
}

enum problem
relay_may(const struct participant *p, unsigned may, struct str room)
{
	if (p->pass == NULL)
		return PROBLEMS;
	if (p->pass->revoked || p->pass->expires_ms <= clock_wall_ms())
		return PROBLEM_UNAUTHORIZED;
	return sight_may(p->pass->sight, room) & may ? PROBLEMS : PROBLEM_FORBIDDEN_ROOM;
}

int64_t
relay_access_version(const struct relay *r, const struct participant *p)
{
	return p->pass == NULL || r->options.access == NULL ? 0 : access_version(r->options.access);
}

void
relay_add_refusal(struct buf *text, const struct participant *p, enum problem why, unsigned may, struct str room)
{
	bool stranger = p->pass == NULL || p->pass->kind == PASS_STRANGER;

	if (why == PROBLEM_UNAUTHORIZED)
		buf_add(text, STR("this token was revoked, or has expired"));
	else
		buf_printf(text, "%s may not %s room '%.*s'%s", stranger ? "a stranger" : "this token or user",
		    may == MAY_READ ? "read" : "write to", STR_ARGS(room),
		    stranger ? ": sign in, or send a token" : "");
}

void
relay_add_error(struct buf *error, enum problem why, struct str message, struct str more)
{
	buf_add(error, STR("{\"message\":"));
	buf_add_json(error, message);
	buf_printf(error, ",\"data\":{\"code\":\"%s\"%.*s}}", problem_code(why), STR_ARGS(more));
}
