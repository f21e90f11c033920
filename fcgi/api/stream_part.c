#include "stream_state.h"

enum {
	RETRY_MIN_MS = 1000,
	RETRY_SPREAD_MS = 2000,
	PLACES = 8, /* of a room, whose parts are kept at a time */
};

/* false: it is full, and m is not in it. */
static bool
add_message(struct stream *s, struct stream_part *part, enum stream_form form, size_t from, const struct message *m)
{
	size_t before = s->body.n;

	if (before - from >= STREAM_PART_MAX && part->any) {
		part->more = true;
		return false;
	}
	stream_form_message(form, &s->body, str_of(rooms_epoch(s->rooms)), &m->f, m->json);
	if (part->any && s->body.n - from > STREAM_PART_MAX) {
		if (buf_ok(&s->body))
			s->body.n = before;
		part->more = true;
		return false;
	}
	part->any = true;
	part->last = m->f.id;
	return true;
}

/* A gap is told before the messages, and its id is where these begin; so whoever is cut off in between is told of it
 * once more. Without messages it is the head. */
static void
add_gap(struct stream *s, enum stream_form form, bool any, int64_t since)
{
	stream_form_word(form, &s->body, STREAM_GAP, str_of(rooms_epoch(s->rooms)), any ? since : rooms_head(s->rooms));
}

/* What memory has of these rooms above since, as text in s->body. Whether there is anything to tell. */
static bool
make(struct stream *s, struct stream_part *part, enum stream_form form, struct room *const *rooms, size_t n,
    int64_t since, bool no_gap)
{
	struct cursor_walk walk;
	const struct message *m;
	size_t from;

	*part = (struct stream_part){.last = since};
	for (size_t i = 0; i < n; i++)
		part->gap = part->gap || (rooms[i] != NULL && !no_gap && room_deleted(rooms[i]) > since);
	cursor_walk_begin(&walk, rooms, n, since);
	m = cursor_walk_next(&walk);
	if (m == NULL && !part->gap)
		return false;
	buf_reset(&s->body, 4 * (size_t)STREAM_PART_MAX);
	if (part->gap)
		add_gap(s, form, m != NULL, since);
	from = s->body.n;
	while (m != NULL && add_message(s, part, form, from, m))
		m = cursor_walk_next(&walk);
	s->counts.made++;
	return true;
}

static struct blob *
framed(struct stream *s)
{
	return buf_ok(&s->body) ? fcgi_frame_part(buf_str(&s->body)) : NULL;
}

/* The same of one room, as a ready part, which it shares with all that stand where it stands. */
static bool
share(struct stream *s, struct stream_part *part, enum stream_form form, struct room *room, int64_t since,
    struct blob **blob)
{
	const struct ring_chain *chain = room_chain(room);
	size_t place = room_above(room, since);
	int64_t first = place < chain->n ? ring_at(chain, place)->f.id : 0;
	struct room_answer *cached = room_answer(room, ROOM_STREAM_ANSWER + form, (unsigned)(first % PLACES));

	if (cached != NULL && cached->reply != NULL && first != 0 && cached->first == first &&
	    cached->head == rooms_head(s->rooms) && room_deleted(room) <= since) {
		*part = (struct stream_part){.any = true, .last = cached->last, .more = cached->limit > 0};
		*blob = blob_hold(cached->reply);
		return true;
	}
	if (!make(s, part, form, &room, 1, since, false))
		return false;
	*blob = framed(s);
	if (cached != NULL && *blob != NULL && !part->gap) {
		blob_drop(cached->reply);
		cached->reply = blob_hold(*blob);
		cached->first = first;
		cached->head = rooms_head(s->rooms);
		cached->last = part->last;
		cached->limit = part->more;
	}
	return true;
}

bool
stream_part_make(struct stream *s, struct stream_part *part, enum stream_form form, struct room *const *rooms, size_t n,
    int64_t since, bool no_gap, struct blob **blob)
{
	if (n == 1 && rooms[0] != NULL && !no_gap && room_busy(rooms[0]))
		return share(s, part, form, rooms[0], since, blob);
	if (!make(s, part, form, rooms, n, since, no_gap))
		return false;
	*blob = framed(s);
	return true;
}

struct blob *
stream_part_beat(struct stream *s, enum stream_form form)
{
	struct stream_beat *beat = &s->beats[form];

	if (beat->part == NULL || beat->head != rooms_head(s->rooms) || beat->resets != rooms_resets(s->rooms)) {
		buf_reset(&s->body, 4 * (size_t)STREAM_PART_MAX);
		stream_form_word(form, &s->body, STREAM_ALIVE, str_of(rooms_epoch(s->rooms)), rooms_head(s->rooms));
		blob_drop(beat->part);
		*beat = (struct stream_beat){framed(s), rooms_head(s->rooms), rooms_resets(s->rooms)};
	}
	return beat->part == NULL ? NULL : blob_hold(beat->part);
}

enum output_result
stream_give(struct stream *s, struct fcgi_conn *conn, const struct buf *text)
{
	struct streaming *st = fcgi_slot(conn);
	enum stream_form form = (enum stream_form)st->slot.stream.form;
	struct blob *part = NULL;

	if (!st->slot.stream.begun)
		s->requests->replies++;
	if (buf_ok(text) && st->slot.stream.begun)
		part = fcgi_frame_part(buf_str(text));
	else if (buf_ok(text))
		part = request_part(s->requests, st->slot.origin, stream_form_type(form), buf_str(text));
	st->slot.stream.begun = true;
	return fcgi_more(s->requests->fcgi, conn, part);
}

enum output_result
stream_give_open(struct stream *s, struct fcgi_conn *conn, int64_t since)
{
	enum stream_form form = (enum stream_form)((struct streaming *)fcgi_slot(conn))->slot.stream.form;
	struct buf b;
	enum output_result result;

	buf_init(&b, 4096);
	stream_form_retry(form, &b, (unsigned)(RETRY_MIN_MS + jitter_below(&s->jitter, RETRY_SPREAD_MS)));
	stream_form_word(form, &b, STREAM_OPEN, str_of(rooms_epoch(s->rooms)), since);
	result = stream_give(s, conn, &b);
	buf_fini(&b);
	return result;
}
