#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "live/commit.h"
#include "stream_state.h"

enum {
	PARTS_PER_TURN = 4, /* of one stream */
	PAGE_MESSAGES = 500,
	BUSY_PAUSE_MS = 250,  /* until it is tried again when too many reads wait */
	PAUSE_MAX_MS = 20000, /* then there is a sign of life in between */
};

struct stream_behind *
stream_behind_new(struct stream *s, struct fcgi_conn *conn, enum stream_form form, const struct store_rooms *rooms,
    const struct cursor *at)
{
	size_t named = rooms->all ? 0 : rooms->n;
	struct stream_behind *b = calloc(1, sizeof *b + named * sizeof b->names[0]);

	if (b == NULL)
		return NULL;
	b->all = s;
	b->handle = fcgi_handle(conn);
	b->form = form;
	b->at = *at;
	b->resets = rooms_resets(s->rooms);
	b->rooms.all = rooms->all;
	b->rooms.n = rooms->n;
	for (size_t i = 0; i < named; i++) {
		memcpy(b->names[i], rooms->names[i].p, rooms->names[i].n);
		b->rooms.names[i] = (struct str){b->names[i], rooms->names[i].n};
	}
	return b;
}

/* What a job had is let go, and its person pays. */
static void
end_job(struct stream_behind *b)
{
	b->doing = STREAM_GOES_ON;
	b->read = NULL;
	buf_fini(&b->page.json);
	sight_drop(b->sight);
	b->sight = NULL;
	gate_end_read(b->all->gate, &b->turn);
}

void
stream_behind_free(struct stream_behind *b)
{
	end_job(b);
	free(b);
}

void
stream_behind_leave(struct stream_behind *b, struct streaming *st)
{
	loop_timer_clear(b->all->loop, &st->timer);
	if (b->doing == STREAM_READS)
		readers_cancel(b->read);
	else if (b->doing != STREAM_LOOKS)
		stream_behind_free(b);
}

/* It goes on in a later turn. */
static void
pause_for(struct stream_behind *b, struct fcgi_conn *conn, int64_t ms)
{
	struct streaming *st = fcgi_slot(conn);

	b->doing = STREAM_PAUSES;
	b->long_pause = ms >= PAUSE_MAX_MS;
	loop_timer_set(b->all->loop, &st->timer, b->all->pause_kind, ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS);
}

/* Ends the stream of b, and b. */
static void
end(struct stream_behind *b, struct fcgi_conn *conn, enum stream_reason reason)
{
	struct stream *s = b->all;

	stream_behind_free(b);
	stream_end(s, conn, reason, false);
}

/* What came of giving: whether it goes on now. If not, it will, or is over. */
static bool
given(struct stream_behind *b, enum output_result result)
{
	struct stream *s = b->all;

	b->doing = STREAM_GOES_ON;
	if (result == OUTPUT_SENT)
		return true;
	if (result == OUTPUT_BLOCKED)
		b->doing = STREAM_IS_BLOCKED;
	else {
		stream_behind_free(b);
		stream_lost(s, STREAM_HUNG_UP);
	}
	return false;
}

/* Whether the answer has been opened, and it may go on now. If it has not been opened, it is; its cursor is known. */
static bool
opened(struct stream_behind *b, struct fcgi_conn *conn)
{
	if (((struct streaming *)fcgi_slot(conn))->slot.stream.begun)
		return true;
	return given(b, stream_give_open(b->all, conn, b->at.since));
}

/* ---- looking ---- */

/* Whether what comes back from a job goes on; false: it was ended. */
static bool
came_well(struct stream_behind *b, struct fcgi_conn *conn, bool ok)
{
	enum stream_reason why = STREAM_FAILED;

	if (!stream_may(b->all, conn, &b->rooms, &why))
		;
	else if (b->resets != rooms_resets(b->all->rooms))
		why = STREAM_RESTORED;
	else if (ok)
		return true;
	else
		why = STREAM_FAILED;
	end(b, conn, why);
	return false;
}

static void
looked(void *ctx, uint64_t handle, bool ok)
{
	struct stream_behind *b = ctx;
	struct fcgi_conn *conn = fcgi_find(b->all->requests->fcgi, handle);

	if (conn == NULL) {
		stream_behind_free(b);
		return;
	}
	end_job(b);
	if (!came_well(b, conn, ok))
		return;
	if (b->at.since > rooms_head(b->all->rooms)) {
		end(b, conn, STREAM_RESTORED);
		return;
	}
	b->looked = true;
	stream_go_on(b, conn);
}

static void
look(struct stream_behind *b, struct fcgi_conn *conn)
{
	end_job(b);
	b->doing = STREAM_LOOKS;
	if (commit_look(b->all->commit, looked, b, b->handle) != 0)
		end(b, conn, STREAM_FAILED);
}

/* ---- reading ---- */

/* In the reader's thread. */
static void
add_read(const void *ctx, struct buf *out, const struct message_fields *f)
{
	const struct stream_behind *b = ctx;

	stream_form_message(b->form, out, str_of(b->epoch), f, STR(""));
}

/* What was read goes out. Whether it goes on now. */
static bool
give_page(struct stream_behind *b, struct fcgi_conn *conn)
{
	struct stream *s = b->all;
	int64_t next = b->page.more ? b->page.last_id : b->page.head;
	bool gap = b->page.gap && !b->at.no_gap && !b->gap_told;
	enum output_result result = OUTPUT_SENT;

	b->at.since = b->page.since;
	b->at.newest = 0;
	if (!opened(b, conn))
		return false;
	if (gap || b->page.n > 0) {
		buf_reset(&s->body, 4 * (size_t)STREAM_PART_MAX);
		if (gap)
			stream_form_word(
			    b->form, &s->body, STREAM_GAP, str_of(b->epoch), b->page.n > 0 ? b->page.since : next);
		buf_add(&s->body, buf_str(&b->page.json));
		s->counts.made++;
		s->counts.given++;
		result = stream_give(s, conn, &s->body);
	}
	b->gap_told = b->gap_told || gap;
	b->at.since = next;
	end_job(b);
	return given(b, result);
}

static void
page_is_read(void *ctx, enum store_status status)
{
	struct stream_behind *b = ctx;
	struct fcgi_conn *conn = fcgi_find(b->all->requests->fcgi, b->handle);
	bool moved;

	b->read = NULL;
	b->doing = STREAM_GOES_ON;
	if (conn == NULL) {
		stream_behind_free(b);
		return;
	}
	/* Tokens or grants changed meanwhile: it is read once more, with what they say now. */
	moved = status == STORE_STALE || slot_pass(conn)->sight != b->sight;
	if (!came_well(b, conn, moved || status == STORE_OK))
		return;
	if (moved)
		look(b, conn);
	else if (give_page(b, conn))
		stream_go_on(b, conn);
}

/* Its person has paid for what was read before, or it waits for that. */
static bool
has_paid(struct stream_behind *b, struct fcgi_conn *conn)
{
	int64_t wait_ms =
	    limit_take(b->all->gate->persons, slot_pass(conn)->person, LIMIT_READING, 0, INT64_MAX, clock_ms());

	if (wait_ms > 0)
		pause_for(b, conn, wait_ms);
	return wait_ms <= 0;
}

static void
read_page(struct stream_behind *b, struct fcgi_conn *conn)
{
	struct stream *s = b->all;

	if (!has_paid(b, conn))
		return;
	end_job(b);
	b->sight = sight_hold(slot_pass(conn)->sight);
	memcpy(b->epoch, rooms_epoch(s->rooms), strlen(rooms_epoch(s->rooms)) + 1);
	b->page = (struct store_poll){.since = b->at.since,
	    .newest = b->at.newest,
	    .head = rooms_head(s->rooms),
	    .limit = PAGE_MESSAGES,
	    .bytes_max = STREAM_PART_MAX,
	    .add = add_read,
	    .add_ctx = b,
	    .access_version = access_version(s->gate->access),
	    .rooms = b->rooms};
	b->page.rooms.sees = sight_sees(b->sight);
	gate_begin_read(s->gate, conn, &b->turn);
	b->doing = STREAM_READS;
	b->read = readers_poll(s->readers, &b->page, &b->turn, page_is_read, b);
	if (b->read != NULL)
		return;
	end_job(b);
	if (((struct streaming *)fcgi_slot(conn))->slot.stream.begun)
		pause_for(b, conn, BUSY_PAUSE_MS);
	else
		end(b, conn, STREAM_FAILED);
}

/* ---- from memory ---- */

/* Gives what memory has above its cursor, or waits for it. Whether it goes on now. */
static bool
give_memory(struct stream_behind *b, struct fcgi_conn *conn)
{
	struct stream *s = b->all;
	struct room *rooms[STORE_ROOMS_MAX];
	struct stream_part part;
	struct blob *blob;

	if (cursor_rooms(&b->rooms, s->rooms, slot_pass(conn)->sight, false, rooms) != 0) {
		end(b, conn, STREAM_FAILED);
		return false;
	}
	if (rooms[0] != NULL && room_is_far(rooms[0], b->at.since)) {
		read_page(b, conn);
		return false;
	}
	if (!opened(b, conn))
		return false;
	if (!stream_part_make(s, &part, b->form, rooms, b->rooms.n, b->at.since, b->at.no_gap || b->gap_told, &blob)) {
		b->at.since = rooms_head(s->rooms);
		if (stream_wait(b, conn) != 0)
			end(b, conn, STREAM_FAILED);
		return false;
	}
	/* Another program may have deleted just now what memory would tell. */
	if (!b->looked && !commit_current(s->commit)) {
		blob_drop(blob);
		look(b, conn);
		return false;
	}
	b->gap_told = b->gap_told || part.gap;
	b->at.since = part.more ? part.last : rooms_head(s->rooms);
	s->counts.given++;
	return given(b, fcgi_more(s->requests->fcgi, conn, blob));
}

void
stream_go_on(struct stream_behind *b, struct fcgi_conn *conn)
{
	struct stream *s = b->all;
	enum stream_reason why;

	if (!stream_may(s, conn, &b->rooms, &why)) {
		end(b, conn, why);
		return;
	}
	if (b->resets != rooms_resets(s->rooms)) {
		end(b, conn, STREAM_RESTORED);
		return;
	}
	for (int i = 0; i < PARTS_PER_TURN && !loop_spent(s->loop); i++) {
		int64_t since = b->at.newest > 0
		                    ? cursor_newest(&b->rooms, s->rooms, slot_pass(conn)->sight, b->at.newest)
		                    : b->at.since;

		if (since > rooms_head(s->rooms)) {
			look(b, conn);
			return;
		}
		if (since < rooms_floor(s->rooms)) {
			read_page(b, conn);
			return;
		}
		b->at.since = since;
		b->at.newest = 0;
		if (!give_memory(b, conn))
			return;
		b->looked = false;
	}
	pause_for(b, conn, 0);
}

/* It has paused. Where its person has to pay for longer than a web server bears silence, it says that it is there. */
static void
paused(void *ctx, struct timer *t)
{
	struct streaming *st = CONTAINER(t, struct streaming, timer);
	struct stream_behind *b = st->u.behind;
	struct fcgi_conn *conn = fcgi_of_slot(st);
	struct stream *s = ctx;

	b->doing = STREAM_GOES_ON;
	if (b->long_pause && st->slot.stream.begun) {
		buf_reset(&s->body, 4 * (size_t)STREAM_PART_MAX);
		stream_form_word(b->form, &s->body, STREAM_ALIVE, str_of(rooms_epoch(s->rooms)), b->at.since);
		if (!given(b, stream_give(s, conn, &s->body)))
			return;
	}
	stream_go_on(b, conn);
}

void
stream_behind_init(struct stream *s)
{
	s->pause_kind = loop_timer_kind(s->loop, paused, s);
}
