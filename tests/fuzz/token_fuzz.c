/*
 * Base64 is read as what was written; and of pids only those are taken that were given, in the namespace and the log
 * where they were, whatever is done to them.
 *
 * An input is a byte for each of the place and the value of a change, parts with 0x1F between: the namespace, the
 * offset, a pid as a stranger says it.
 */
#include "answer.h"
#include "event/loop.h"
#include "socketio/relay_state.h"

static struct relay *relay;
static struct rooms *rooms;
static struct loop *loop;

static void
close_all(void)
{
	relay_free(relay);
	rooms_free(rooms);
	loop_free(loop);
}

static void
open_all(void)
{
	/* Its secret is no secret, so that kept inputs may have good pids. */
	struct relay_options options = {.recovery = true, .recovery_messages = 10, .ephemeral = ""};

	loop = loop_new();
	MUST(loop != NULL && (rooms = rooms_new(loop, 0)) != NULL);
	rooms_reset(rooms, "0123456789abcdef", 0);
	relay = relay_new(&options, rooms, NULL, NULL);
	MUST(relay != NULL);
	atexit(close_all);
}

static void
check_base64(struct str bytes)
{
	struct buf text, again;

	buf_init(&text, 2 * bytes.n + 8);
	buf_init(&again, 2 * bytes.n + 8);
	token_add_base64(&text, bytes);
	MUST(buf_ok(&text) && text.n == (bytes.n + 2) / 3 * 4 && answer_base64(buf_str(&text)));
	token_add_decoded(&again, buf_str(&text));
	MUST(buf_ok(&again) && str_eq(buf_str(&again), bytes));
	/* What is none may be read as anything, but as no more than it can hold. */
	buf_reset(&again, SIZE_MAX);
	token_add_decoded(&again, bytes);
	MUST(buf_ok(&again) && again.n <= bytes.n / 4 * 3 + 2);
	buf_fini(&again);
	buf_fini(&text);
}

/* A pid that was taken is the one that would be given, zeros before its number apart. */
static void
check_taken(struct str pid, struct str nsp, struct str user, const struct comeback *back)
{
	char made[RELAY_PID_MAX];
	struct str want, id = str_cut(&pid, '.');

	relay_make_pid(relay, made, str_of(back->id), nsp, user, back->first);
	want = str_of(made);
	MUST(str_eq(str_cut(&want, '.'), id));
	while (pid.n > 1 && pid.p[0] == '0' && pid.p[1] != '.')
		pid = str_skip(pid, 1);
	MUST(str_eq(pid, want) && back->since >= back->first && back->since <= MESSAGE_ID_MAX);
}

/* One that was given is taken, and not with any byte changed, nor elsewhere, nor from another person. */
static void
check_given(struct str nsp, struct str user, struct str offset, int64_t head, unsigned at, char to)
{
	struct comeback back;
	char pid[RELAY_PID_MAX];
	size_t n;

	relay_make_pid(relay, pid, STR("abcdefghijklmnopqrst"), nsp, user, head);
	n = strlen(pid);
	MUST(relay_read_pid(relay, str_of(pid), offset, nsp, user, &back));
	MUST(back.first == head && strcmp(back.id, "abcdefghijklmnopqrst") == 0);
	check_taken(str_of(pid), nsp, user, &back);
	MUST(relay_read_pid(relay, str_of(pid), offset, nsp, STR("bob"), &back) == (user.n == 0));
	MUST(!relay_read_pid(relay, str_of(pid), offset, STR("/elsewhere"), user, &back) ||
	     str_eq(nsp, STR("/elsewhere")));
	at %= (unsigned)n;
	if (pid[at] == to)
		return;
	pid[at] = to;
	MUST(!relay_read_pid(relay, (struct str){pid, n}, offset, nsp, user, &back));
	MUST(!relay_read_pid(relay, (struct str){pid, at}, offset, nsp, user, &back));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct comeback back;
	struct str rest, nsp, offset;

	if (n < 3)
		return 0;
	if (relay == NULL)
		open_all();
	rest = (struct str){(const char *)bytes + 2, n - 2};
	check_base64(rest);
	nsp = str_cut(&rest, 0x1F);
	offset = str_cut(&rest, 0x1F);
	if (relay_read_pid(relay, rest, offset, nsp, STR(""), &back))
		check_taken(rest, nsp, STR(""), &back);
	/* As it can be: a namespace that is a room. */
	if (nsp.n > 0 && nsp.n <= MEMBER_NAMESPACE_MAX && nsp.p[0] == '/' && memchr(nsp.p, '\0', nsp.n) == NULL) {
		int64_t head = (int64_t)n * bytes[0] * 40000000001 % MESSAGE_ID_MAX;

		check_given(nsp, STR(""), offset, head, bytes[0], (char)bytes[1]);
		check_given(nsp, STR("ann"), offset, head, bytes[0], (char)bytes[1]);
	}
	return 0;
}
