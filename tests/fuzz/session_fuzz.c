/*
 * Bodies of POSTs to a few sessions, with namespaces and an application on top that does all that one can: whoever was
 * told of is told off once, an event comes for a member that is there, and nothing is left behind (LeakSanitizer).
 *
 * An input is a byte of options, then requests: the number of a session, '0' to '3', and the body, up to a byte 0x1D,
 * or 0x1C, which ends the turn of the loop too. In the place of a number, 'c' and 'e' and a number close and end that
 * session. A session that there is not is opened first. No GET is ever held, and nobody waits for a POST's answer, so
 * no FastCGI is needed. Whoever joins a namespace of /w is accepted in the next turn. An input is over when all packets
 * were handled.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/json.h"
#include "base/log.h"
#include "event/loop.h"
#include "fuzz.h"
#include "socketio/member.h"

enum {
	SESSIONS = 4,
	PEOPLE_MAX = 4096,
	DEPTH_MAX = 100,
	MESSAGE_MAX = 100000,
	NAMESPACES_MAX = 4,
	END_OF_REQUEST = 0x1D,
	END_OF_TURN = 0x1C,
};

/* What the application knows of a member. It outlives the member, for whatever is done may end that. */
struct person {
	struct member *member; /* NULL: gone */
	int session;
	bool joined, waits;
	bool late, again; /* an event was put off; it is asked again */
	struct member_bytes kept;
};

struct fuzz {
	struct budget *budget;
	struct loop *loop;
	struct rooms *rooms;
	struct members *members;
	struct sessions *sessions;
	struct {
		struct session *session;
		char id[TOKEN_ID_SIZE];
	} known[SESSIONS];
	struct person *people[PEOPLE_MAX];
	size_t n_people;
	struct str rest;
	bool asked;  /* the whole input */
	bool ending; /* nothing but the end of the turn is wanted */
	int event_fd;
};

/* The session of this number if it is still there. */
static struct session *
session_at(struct fuzz *f, int i)
{
	if (f->known[i].session != NULL &&
	    session_find(f->sessions, members_layer(f->members), str_of(f->known[i].id)) == NULL)
		f->known[i].session = NULL;
	return f->known[i].session;
}

/* The number of a member's session. */
static int
number_of(const struct fuzz *f, const struct member *m)
{
	for (int i = 0; i < SESSIONS; i++)
		if (f->known[i].session == member_session(m))
			return i;
	MUST(false);
	return -1;
}

/* ---- the application ---- */

static enum member_answer
on_connect(void *ctx, struct member *m, struct str auth, struct buf *reply, struct buf *error)
{
	struct fuzz *f = ctx;
	struct str nsp = member_namespace(m);
	struct person *p;
	int number = number_of(f, m);

	MUST(nsp.n >= 1 && nsp.n <= MEMBER_NAMESPACE_MAX && nsp.p[0] == '/' && str_utf8(nsp));
	MUST(auth.n == 0 || json_object(auth, DEPTH_MAX, NULL, NULL, NULL) == JSON_OK);
	MUST(member_find(f->members, nsp, str_of(member_id(m))) == NULL);
	if (str_starts(nsp, STR("/no"))) {
		buf_add(error, STR("{\"message\":\"no\"}"));
		return MEMBER_REFUSE;
	}
	if (nsp.n > 8 || f->n_people == PEOPLE_MAX || (p = calloc(1, sizeof *p)) == NULL)
		return MEMBER_UNKNOWN;
	for (size_t i = 0; i < f->n_people; i++)
		MUST(f->people[i]->member == NULL || f->people[i]->session != number ||
		     (!f->people[i]->waits && !str_eq(member_namespace(f->people[i]->member), nsp)));
	p->member = m;
	p->session = number;
	f->people[f->n_people++] = p;
	member_set_data(m, p);
	if (str_starts(nsp, STR("/w"))) {
		p->waits = true;
		return MEMBER_LATER;
	}
	buf_add(reply, STR(",\"pid\":\"1\""));
	if (str_eq(nsp, STR("/c")))
		session_add_cursor(member_session(m), member_cursor(m),
		    &(struct session_start){.room = STR("main"), .channel = member_channel(m)});
	return MEMBER_ACCEPT;
}

static void
on_connected(void *ctx, struct member *m, struct str auth)
{
	struct person *p = member_data(m);

	(void)ctx;
	MUST(p != NULL && p->member == m && !p->joined && !p->waits);
	p->joined = true;
	if (auth.n > 0)
		member_emit(m, STR("\"hello\""), NULL);
}

static void
let_go(struct person *p)
{
	for (unsigned i = 0; i < p->kept.n; i++)
		blob_drop(p->kept.v[i]);
	p->kept.n = 0;
}

static void
on_disconnected(void *ctx, struct member *m, bool left)
{
	struct person *p = member_data(m);

	(void)ctx;
	(void)left;
	if (p == NULL)
		return; /* it was refused */
	MUST(p->member == m);
	p->member = NULL;
	let_go(p);
}

static void
on_answer(void *ctx, struct member *m, struct str args, const struct member_bytes *bytes)
{
	struct person *p = member_data(m);

	(void)ctx;
	MUST(p != NULL && p->member == m && p->joined);
	member_emit(m, STR("\"answered\""), bytes);
	(void)args;
}

static void
check_event(struct fuzz *f, struct member *m, const struct packet *p, const struct member_bytes *bytes)
{
	struct person *person = member_data(m);
	size_t n = 0;
	struct buf b;

	MUST(person != NULL && person->member == m && person->joined && person->session == number_of(f, m));
	MUST(member_find(f->members, member_namespace(m), str_of(member_id(m))) == m);
	MUST(str_eq(p->nsp, member_namespace(m)));
	MUST(p->type == (bytes == NULL ? PACKET_EVENT : PACKET_BINARY_EVENT));
	MUST(p->attachments == (bytes == NULL ? 0 : bytes->n));
	for (unsigned i = 0; bytes != NULL && i < bytes->n; i++)
		n += bytes->v[i]->n;
	MUST(n + p->json.n <= MESSAGE_MAX && str_utf8(p->event));
	buf_init(&b, SIZE_MAX);
	buf_printf(&b, "[%.*s]", STR_ARGS(p->args));
	MUST(json_array(buf_str(&b), DEPTH_MAX, NULL, NULL) == JSON_OK);
	buf_fini(&b);
}

/* What the first letter of an event's name says; after each step the member may be gone, which a careful application
 * knows by the person. One that begins with w comes again in the next turn. */
static bool
on_event(void *ctx, struct member *m, const struct packet *p, const struct member_bytes *bytes)
{
	struct fuzz *f = ctx;
	struct person *person = member_data(m);
	struct buf b;

	check_event(f, m, p, bytes);
	MUST(!person->late);
	if (str_starts(p->event, STR("w")) && !person->again) {
		person->late = true;
		return false;
	}
	person->again = false;
	buf_init(&b, SIZE_MAX);
	buf_add_json(&b, p->event);
	if (p->args.n > 0)
		buf_add_char(&b, ',');
	buf_add(&b, p->args);
	for (size_t i = 0; i < p->event.n && i < 8 && person->member != NULL; i++)
		switch (p->event.p[i]) {
		case 'e':
			member_emit(m, buf_str(&b), bytes);
			break;
		case 'v':
			member_emit_volatile(m, buf_str(&b));
			break;
		case 'a':
			if (p->has_id)
				member_ack(m, p->id, p->args, bytes);
			break;
		case 'q':
			member_ask(m, buf_str(&b), bytes, on_answer, f);
			break;
		case 'b':
			member_broadcast(f->members, p->nsp, STR(""), NULL, buf_str(&b), bytes);
			break;
		case 'o':
			if (p->has_id)
				member_pass_on(m, buf_str(&b), bytes);
			else
				member_broadcast(f->members, p->nsp, STR(""), m, buf_str(&b), bytes);
			break;
		case 'r':
			member_broadcast(f->members, p->nsp, p->event, NULL, buf_str(&b), bytes);
			break;
		case 'j':
			(void)member_join(m, p->event);
			break;
		case 'l':
			member_leave(m, p->event);
			break;
		case 'k':
			let_go(person);
			if (bytes != NULL)
				for (person->kept = *bytes, i = 0; i < bytes->n; i++)
					blob_hold(bytes->v[i]);
			i = 8;
			break;
		case 'd':
			member_disconnect(m);
			MUST(person->member == NULL);
			break;
		case 'c':
			session_close(member_session(m));
			break;
		case 'x':
			session_end(member_session(m), STR("1"));
			MUST(person->member == NULL);
			break;
		default:
			break;
		}
	buf_fini(&b);
	return true;
}

static unsigned
on_packets(void *ctx, struct member *m, struct message *message, struct buf *body)
{
	(void)ctx;
	(void)m;
	(void)message;
	(void)body;
	return 0;
}

/* ---- requests ---- */

static void
check_all(struct fuzz *f)
{
	size_t open = 0;

	for (int i = 0; i < SESSIONS; i++) {
		struct session *s = session_at(f, i);
		size_t members = 0;

		for (size_t j = 0; j < f->n_people; j++) {
			const struct person *p = f->people[j];

			if (p->member == NULL || p->session != i)
				continue;
			MUST(s != NULL && p->joined != p->waits && member_session(p->member) == s);
			members += p->joined;
		}
		MUST(members <= NAMESPACES_MAX);
		if (s == NULL)
			continue;
		open++;
		MUST(!session_ready(s));
	}
	MUST(sessions_counts(f->sessions).sessions == open);
}

static void
request(struct fuzz *f, struct str text)
{
	char what = text.n > 0 ? text.p[0] : '0';
	struct session *s;
	bool limited;
	int number;

	if ((what == 'c' || what == 'e') && text.n > 1) {
		s = session_at(f, text.p[1] & (SESSIONS - 1));
		if (s != NULL && what == 'c')
			session_close(s);
		else if (s != NULL)
			session_end(s, STR("1"));
		return;
	}
	number = what & (SESSIONS - 1);
	s = session_at(f, number);
	/* As polling.c asks: one that could not queue all is there to the end of the turn, but takes nothing. */
	if (s == NULL || !session_alive(s)) {
		s = session_new(f->sessions, members_layer(f->members), false, NULL, &limited);
		MUST(s != NULL);
		f->known[number].session = s;
		memcpy(f->known[number].id, session_id(s), TOKEN_ID_SIZE);
	}
	if (text.n > 0)
		session_post(s, 0, str_skip(text, 1));
}

/* Who waits for an answer gets it: its POST goes on, and may put off the next. */
static void
accept_waiting(struct fuzz *f)
{
	struct buf reply, error;

	buf_init(&reply, 100);
	buf_add(&reply, STR(",\"pid\":\"2\""));
	buf_init(&error, 100);
	buf_add(&error, STR("{\"message\":\"no\"}"));
	for (size_t i = 0; i < f->n_people; i++) {
		struct person *p = f->people[i];

		if (p->member != NULL && p->late) {
			p->late = false;
			p->again = true;
			member_resume(p->member);
			continue;
		}
		if (p->member == NULL || !p->waits)
			continue;
		p->waits = false;
		if (i % 2 == 0)
			member_accept(p->member, &reply);
		else
			member_refuse(p->member, &error);
	}
	buf_fini(&reply);
	buf_fini(&error);
	check_all(f);
}

/* A turn of the loop: the requests that have come. */
static void
on_turn(void *ctx)
{
	struct fuzz *f = ctx;

	if (f->ending) {
		loop_stop(f->loop);
		return;
	}
	accept_waiting(f);
	if (f->asked && sessions_idle(f->sessions))
		loop_stop(f->loop);
	while (!f->asked) {
		size_t n = 0;
		bool end;

		while (n < f->rest.n && f->rest.p[n] != END_OF_REQUEST && f->rest.p[n] != END_OF_TURN)
			n++;
		end = n == f->rest.n;
		request(f, (struct str){f->rest.p, n});
		check_all(f);
		f->asked = end;
		if (end)
			return;
		f->rest = str_skip(f->rest, n + 1);
		if (f->rest.p[-1] == END_OF_TURN)
			return;
	}
}

static void
open_all(struct fuzz *f, size_t queue_bytes_max, size_t memory_max)
{
	struct budget *budget = budget_new(memory_max);
	struct member_options member = {.depth_max = DEPTH_MAX,
	    .message_max = MESSAGE_MAX,
	    .namespaces_max = NAMESPACES_MAX,
	    .attachments_max = PACKET_ATTACHMENTS_MAX,
	    .attachment_wait_ms = 1000000,
	    .event_wait_ms = 1000000,
	    .budget = budget};
	struct session_options session = {.ping_interval_ms = 1000000,
	    .ping_timeout_ms = 1000000,
	    .connect_timeout_ms = 1000000,
	    .sessions_max = SESSIONS,
	    .queue_bytes_max = queue_bytes_max,
	    .reply_max = 1000000,
	    .budget = budget};
	struct member_app app = {.ctx = f,
	    .connect = on_connect,
	    .connected = on_connected,
	    .event = on_event,
	    .disconnected = on_disconnected,
	    .packets = on_packets};

	log_set_level(LOG_ERROR);
	f->budget = budget;
	f->loop = loop_new();
	MUST(budget != NULL && f->loop != NULL && (f->rooms = rooms_new(f->loop, 0)) != NULL);
	rooms_reset(f->rooms, "fuzz", 0);
	f->members = members_new(&member, &app);
	MUST(f->members != NULL);
	f->sessions = sessions_new(f->loop, &session, f->rooms, NULL);
	MUST(f->sessions != NULL);
	/* Always readable: each turn begins with on_turn(). */
	f->event_fd = eventfd(1, EFD_CLOEXEC);
	MUST(f->event_fd >= 0 && loop_add_source(f->loop, f->event_fd, on_turn, f) == 0);
}

/* All ends as at a stop, so that what was not freed is found. */
static void
close_all(struct fuzz *f)
{
	if (f->loop == NULL)
		return;
	sessions_free(f->sessions);
	members_free(f->members);
	rooms_free(f->rooms);
	budget_free(f->budget);
	loop_free(f->loop);
	close(f->event_fd);
}

/* One of each size of queue is kept from input to input. */
static struct fuzz kept[4];

static void
close_kept(void)
{
	for (int i = 0; i < 4; i++)
		close_all(&kept[i]);
}

/* Nobody is left for the next input. */
static void
end_all(struct fuzz *f)
{
	for (int i = 0; i < SESSIONS; i++)
		if (session_at(f, i) != NULL)
			session_end(f->known[i].session, STR("1"));
	for (size_t i = 0; i < f->n_people; i++) {
		MUST(f->people[i]->member == NULL);
		free(f->people[i]);
	}
	f->n_people = 0;
	f->ending = true;
	loop_run(f->loop);
	f->ending = false;
	MUST(sessions_counts(f->sessions).sessions == 0);
	MUST(budget_counts(f->budget).bytes == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const size_t queues[] = {150, 400, 2000, 1000000}, memory[] = {1000000, 700, 3000, 20000};
	struct fuzz *f;

	if (n == 0)
		return 0;
	f = &kept[bytes[0] & 3];
	if (kept[0].loop == NULL && kept[1].loop == NULL && kept[2].loop == NULL && kept[3].loop == NULL)
		atexit(close_kept);
	if (f->loop == NULL)
		open_all(f, queues[bytes[0] & 3], memory[bytes[0] & 3]);
	f->rest = (struct str){(const char *)bytes + 1, n - 1};
	f->asked = false;
	loop_run(f->loop);
	end_all(f);
	return 0;
}
