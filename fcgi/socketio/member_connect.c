#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "member_state.h"

static void
refuse(struct session *s, struct str nsp, struct str error)
{
	session_queue(s, member_make_packets(PACKET_CONNECT_ERROR, nsp, -1, STR(""), error, STR(""), NULL), 1);
}

/* The others that the session has joined go on. */
static void
refuse_one_more(struct members *all, struct session *s, struct str nsp)
{
	char error[96];

	snprintf(error, sizeof error, "{\"message\":\"a session may join %zu namespaces at most\"}",
	    all->options.namespaces_max);
	refuse(s, nsp, str_of(error));
}

/* NULL without memory. One that lacks a part must not go out: a client that finds no id in it, or no pid, does not know
 * itself as connected, and keeps what comes behind without counting it; so it would have that twice. */
static struct blob *
make_welcome(const struct member *m, struct str reply)
{
	struct blob *packet = NULL;
	struct buf b;

	buf_init(&b, 4096);
	buf_printf(&b, "{\"sid\":\"%s\"", m->id);
	buf_add(&b, reply);
	buf_add_char(&b, '}');
	if (buf_ok(&b))
		packet =
		    member_make_packets(PACKET_CONNECT, member_namespace(m), -1, STR(""), buf_str(&b), STR(""), NULL);
	buf_fini(&b);
	return packet;
}

static void
join(struct member *m, struct str auth, struct str reply)
{
	struct client *client = session_data(m->session);
	const struct member_app *app = &m->nsp->all->app;

	LIST_INSERT_HEAD(&m->nsp->members, m, nsp_link);
	table_add(&m->nsp->all->table, &m->entry);
	LIST_INSERT_HEAD(&client->members, m, link);
	client->n++;
	(void)session_connected(m->session);
	session_queue_welcome(m->session, make_welcome(m, reply), &m->cursor);
	app->connected(app->ctx, m, auth);
}

/* The application answers later, by member_accept(). false: no memory. */
static bool
put_off(struct client *client, struct member *m, struct str auth)
{
	struct joining *j = malloc(sizeof *j + auth.n);

	if (j == NULL)
		return false;
	j->member = m;
	j->auth_n = auth.n;
	if (auth.n > 0)
		memcpy(j->auth, auth.p, auth.n);
	client->joining = j;
	session_hold(m->session, false);
	/* The client has done its part. */
	j->first = session_connected(m->session);
	return true;
}

static const struct str UNKNOWN = {"{\"message\":\"Invalid namespace\"}", 31};

static void
refuse_member(struct member *m, struct str error)
{
	refuse(m->session, member_namespace(m), error);
	member_drop(m);
}

/* Asks the application. false: no memory. */
static bool
ask(struct members *all, struct member *m, struct str auth)
{
	struct buf reply, error;
	enum member_answer answer;
	bool good = true;

	buf_init(&reply, 4096);
	buf_init(&error, 4096);
	answer = all->app.connect(all->app.ctx, m, auth, &reply, &error);
	if ((answer == MEMBER_ACCEPT && !buf_ok(&reply)) || (answer == MEMBER_REFUSE && !buf_ok(&error)))
		answer = MEMBER_NO_MEMORY;
	switch (answer) {
	case MEMBER_ACCEPT:
		join(m, auth, buf_str(&reply));
		break;
	case MEMBER_LATER:
		good = put_off(session_data(m->session), m, auth);
		if (!good)
			member_drop(m);
		break;
	case MEMBER_REFUSE:
	case MEMBER_UNKNOWN:
		refuse_member(m, answer == MEMBER_UNKNOWN ? UNKNOWN : buf_str(&error));
		break;
	case MEMBER_NO_MEMORY:
		good = false;
		member_drop(m);
		break;
	}
	buf_fini(&reply);
	buf_fini(&error);
	return good;
}

bool
member_connect(struct members *all, struct session *s, const struct packet *p)
{
	struct client *client = session_data(s);
	struct member *m;

	if (p->nsp.n > MEMBER_NAMESPACE_MAX) {
		refuse(s, p->nsp, UNKNOWN);
		return true;
	}
	if (member_of(client, p->nsp) != NULL)
		return false;
	if (client->n >= all->options.namespaces_max) {
		refuse_one_more(all, s, p->nsp);
		return true;
	}
	m = member_new(all, s, p->nsp);
	return m != NULL && ask(all, m, p->json);
}

/* Takes m's CONNECT that was put off. */
static struct joining *
take_joining(struct member *m)
{
	struct client *client = session_data(m->session);
	struct joining *j = client->joining;

	assert(j != NULL && j->member == m);
	client->joining = NULL;
	if (j->first)
		session_not_connected(m->session);
	return j;
}

void
member_accept(struct member *m, const struct buf *reply)
{
	struct joining *j;

	if (!buf_ok(reply)) {
		session_end(m->session, STR("1"));
		return;
	}
	j = take_joining(m);
	session_release(m->session);
	join(m, (struct str){j->auth, j->auth_n}, buf_str(reply));
	free(j);
}

void
member_refuse(struct member *m, const struct buf *error)
{
	struct joining *j;

	if (!buf_ok(error)) {
		session_end(m->session, STR("1"));
		return;
	}
	j = take_joining(m);
	session_release(m->session);
	refuse_member(m, buf_str(error));
	free(j);
}

void
member_resume(struct member *m)
{
	struct session *s = m->session;
	struct client *client = session_data(s);
	struct joining *j;
	bool good;

	if (client->joining == NULL || client->joining->member != m) {
		member_resume_event(s);
		return;
	}
	j = take_joining(m);
	session_release(s);
	good = ask(m->nsp->all, m, (struct str){j->auth, j->auth_n});
	free(j);
	if (!good)
		session_end(s, STR("1"));
}
