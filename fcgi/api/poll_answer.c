#include <inttypes.h>
#include <stdio.h>

#include "cursor.h"
#include "poll_state.h"

void
poll_answer_begin(struct poll_answer *a, struct poll *p, size_t limit, bool no_gap)
{
	*a = (struct poll_answer){.poll = p, .limit = limit, .no_gap = no_gap};
}

/* Starts the JSON only when there is something to tell: most polls find nothing, and wait. */
static struct buf *
body_of(struct poll_answer *a)
{
	struct buf *body = &a->poll->body;

	if (a->begun)
		return body;
	a->begun = true;
	buf_reset(body, 256 * 1024);
	buf_add(body, STR("{\"epoch\":\""));
	buf_add(body, str_of(rooms_epoch(a->poll->rooms)));
	buf_add(body, STR("\",\"messages\":["));
	a->from = body->n;
	return body;
}

void
poll_answer_add_read(struct poll_answer *a, struct str json, size_t n, int64_t last)
{
	buf_add(body_of(a), json);
	a->n = n;
	a->last = last;
}

/* false: the answer is full, and m is not in it. */
static bool
add_message(struct poll_answer *a, const struct message *m)
{
	struct buf *body = body_of(a);

	if (a->n == a->limit || (a->n > 0 && body->n - a->from + m->json.n > a->poll->options.reply_max)) {
		a->more = true;
		return false;
	}
	if (a->n++ > 0)
		buf_add_char(body, ',');
	buf_add(body, m->json);
	a->last = m->f.id;
	return true;
}

static void
end(struct poll_answer *a)
{
	buf_printf(body_of(a), "],\"next\":%" PRId64 ",\"more\":%s%s%s}\n",
	    a->more ? a->last : rooms_head(a->poll->rooms), a->more ? "true" : "false",
	    a->reset ? ",\"reset\":true" : "", a->gap ? ",\"gap\":true" : "");
}

/* The answer of the bytes, framed; NULL without memory. */
static struct blob *
make_reply(struct poll *p, unsigned origin, int preferred)
{
	char header[64] = "";

	if (preferred >= 0)
		snprintf(header, sizeof header, "Preference-Applied: wait=%d\r\n", preferred);
	return buf_ok(&p->body) ? request_json(p->requests, origin, str_of(header), buf_str(&p->body)) : NULL;
}

void
poll_answer_send(struct poll_answer *a, struct fcgi_conn *conn, int preferred)
{
	struct slot *slot = fcgi_slot(conn);

	end(a);
	request_send(a->poll->requests, conn, make_reply(a->poll, slot->origin, preferred));
}

void
poll_answer_send_reset(struct poll *p, struct fcgi_conn *conn, int preferred)
{
	struct poll_answer a;

	poll_answer_begin(&a, p, 0, false);
	a.reset = true;
	poll_answer_send(&a, conn, preferred);
}

void
poll_answer_send_empty(struct poll *p, struct fcgi_conn *conn, int preferred)
{
	unsigned origin = ((struct slot *)fcgi_slot(conn))->origin;
	struct poll_empty *empty = &p->empty[origin];
	struct poll_answer a;

	if (preferred < 0 && empty->reply != NULL && empty->head == rooms_head(p->rooms) &&
	    empty->resets == rooms_resets(p->rooms)) {
		request_send(p->requests, conn, blob_hold(empty->reply));
		return;
	}
	poll_answer_begin(&a, p, 0, false);
	if (preferred >= 0) {
		poll_answer_send(&a, conn, preferred);
		return;
	}
	end(&a);
	blob_drop(empty->reply);
	*empty = (struct poll_empty){make_reply(p, origin, -1), rooms_head(p->rooms), rooms_resets(p->rooms)};
	request_send(p->requests, conn, empty->reply == NULL ? NULL : blob_hold(empty->reply));
}

/* What one room has above since, into the answer; false when there is nothing to tell. */
static bool
add_room(struct poll_answer *a, const struct room *room, int64_t since)
{
	const struct ring_chain *chain = room_chain(room);

	for (size_t i = room_above(room, since); i < chain->n; i = room_onward(room, i + 1))
		if (!add_message(a, ring_at(chain, i)))
			break;
	a->gap = a->gap || (!a->no_gap && room_deleted(room) > since);
	return a->n > 0 || a->gap;
}

bool
poll_answer_add_rooms(struct poll_answer *a, struct room *const *rooms, size_t n, int64_t since)
{
	struct cursor_walk walk;
	const struct message *m;

	for (size_t i = 0; i < n; i++)
		a->gap = a->gap || (rooms[i] != NULL && !a->no_gap && room_deleted(rooms[i]) > since);
	cursor_walk_begin(&walk, rooms, n, since);
	do
		m = cursor_walk_next(&walk);
	while (m != NULL && add_message(a, m));
	return a->n > 0 || a->gap;
}

bool
poll_answer_shared(struct poll *p, struct room *room, const struct poll_woken *woken, struct blob **reply)
{
	const struct ring_chain *chain = room_chain(room);
	size_t place = room_above(room, woken->since);
	int64_t first = place < chain->n ? ring_at(chain, place)->f.id : 0;
	struct room_answer *cached = room_answer(room, ROOM_POLL_ANSWER, woken->origin);
	struct poll_answer a;

	if (cached != NULL && cached->reply != NULL && first != 0 && cached->first == first &&
	    cached->head == rooms_head(p->rooms) && cached->limit == woken->limit &&
	    room_deleted(room) <= woken->since && woken->preferred < 0) {
		*reply = blob_hold(cached->reply);
		return true;
	}
	poll_answer_begin(&a, p, woken->limit, false);
	if (!add_room(&a, room, woken->since))
		return false;
	end(&a);
	*reply = make_reply(p, woken->origin, woken->preferred);
	if (cached != NULL && *reply != NULL && !a.gap && woken->preferred < 0) {
		blob_drop(cached->reply);
		cached->reply = blob_hold(*reply);
		cached->first = first;
		cached->head = rooms_head(p->rooms);
		cached->limit = woken->limit;
	}
	return true;
}
