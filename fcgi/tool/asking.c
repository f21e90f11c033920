#include "asking.h"

#include "base/clock.h"
#include "base/token.h"
#include "say.h"

enum { DELAY_LEAST_MS = 500, DELAY_MAX_MS = 30000, RETRY_AFTER_MAX_MS = 300000, TRY_LEAST_MS = 100 };

int
asking_open(struct asking *a, struct site *site, const struct call *call)
{
	int result = site_read(site, call);

	a->http = NULL;
	a->site = site;
	if (result != 0)
		return result;
	a->http = http_open(site);
	return a->http == NULL ? COMMAND_FAILED : 0;
}

void
asking_close(struct asking *a, struct site *site)
{
	http_close(a->http);
	a->http = NULL;
	site_fini(site);
}

int
asking_read_timeout(struct asking *a, const struct call *call)
{
	const char *text = command_value(call, "timeout");
	uint64_t seconds = ASKING_TIMEOUT_S;

	if (text != NULL && (!str_uint(str_of(text), ASKING_TIMEOUT_MAX_S, &seconds) || seconds == 0))
		return command_wrong(call, "--timeout is 1 to %d seconds, not '%s'", ASKING_TIMEOUT_MAX_S, text);
	a->within_ms = (int64_t)seconds * 1000;
	return 0;
}

/* How long the next pause is. */
static int64_t
next_pause(int64_t *delay_ms, int64_t least_ms)
{
	unsigned char random[TOKEN_SECRET_SIZE];
	int64_t pause_ms;

	*delay_ms = *delay_ms * 2 < DELAY_LEAST_MS ? DELAY_LEAST_MS : *delay_ms * 2;
	if (*delay_ms > DELAY_MAX_MS)
		*delay_ms = DELAY_MAX_MS;
	token_secret(random);
	pause_ms = *delay_ms / 2 + *delay_ms / 2 * random[0] / 255;
	if (least_ms > RETRY_AFTER_MAX_MS)
		least_ms = RETRY_AFTER_MAX_MS;
	return pause_ms < least_ms ? least_ms : pause_ms;
}

void
asking_pause(int64_t *delay_ms, int64_t least_ms)
{
	clock_sleep_ms(next_pause(delay_ms, least_ms));
}

static int
give_up(const struct asking *a, const struct http_answer *answer)
{
	say_error("%s gave no answer within %lld s: %s", a->site->shown, (long long)a->within_ms / 1000, answer->why);
	return COMMAND_UNANSWERED;
}

/* Waits before the next try: 0, or how the program ends, said. */
static int
rest(struct asking *a, const struct http_answer *answer)
{
	int64_t pause_ms = next_pause(&a->delay_ms, answer->retry_after_ms);

	if (a->within_ms > 0 && clock_ms() + pause_ms >= a->end_ms)
		return give_up(a, answer);
	if (a->telling && !a->told)
		say_warning("%s: %s; asking again and again", a->site->shown, answer->why);
	a->told = true;
	clock_sleep_ms(pause_ms);
	return 0;
}

static int
end(const struct asking *a, const struct http_answer *answer)
{
	switch (answer->outcome) {
	case HTTP_NOT_ALLOWED:
		say_error("%s does not allow it: %s", a->site->shown, answer->why);
		return COMMAND_NOT_ALLOWED;
	case HTTP_REFUSED:
		say_error("%s refuses it: %s", a->site->shown, answer->why);
		return COMMAND_REFUSED;
	default:
		say_error("%s cannot be asked: %s", a->site->shown, answer->why);
		return COMMAND_FAILED;
	}
}

/* How long the next try may take. */
static int64_t
try_within(const struct asking *a, int64_t try_ms)
{
	int64_t left_ms = a->within_ms == 0 ? try_ms : a->end_ms - clock_ms();

	if (left_ms < TRY_LEAST_MS)
		left_ms = TRY_LEAST_MS;
	return try_ms < left_ms ? try_ms : left_ms;
}

static int
ask(struct asking *a, const char *target, const struct str *json, int64_t try_ms, struct str *body)
{
	int result = 0;

	a->end_ms = clock_ms() + a->within_ms;
	a->perhaps = false;
	a->delay_ms = 0;
	while (result == 0) {
		const struct http_answer *answer = http_ask(a->http, target, json, try_within(a, try_ms));

		if (answer->outcome == HTTP_DONE) {
			if (a->telling && a->told)
				say_note("longline: %s answers again", a->site->shown);
			a->told = false;
			*body = buf_str(&answer->body);
			return 0;
		}
		a->perhaps |= answer->perhaps;
		result = answer->outcome == HTTP_AGAIN ? rest(a, answer) : end(a, answer);
	}
	return result;
}

int
asking_get(struct asking *a, const char *target, int64_t try_ms, struct str *body)
{
	return ask(a, target, NULL, try_ms, body);
}

int
asking_post(struct asking *a, const char *target, struct str json, int64_t try_ms, struct str *body)
{
	return ask(a, target, &json, try_ms, body);
}
