#include "base/log.h"
#include "store_writer.h"

/* Tells what was stored, after the commit. */
static int
tell_sends(struct store *s, struct store_send *sends, size_t n, struct store_news *news)
{
	for (size_t i = 0; i < n; i++) {
		struct message *m = sends[i].message;

		if (sends[i].outcome != STORE_STORED)
			continue;
		m->f.id = sends[i].id;
		m->f.at_ms = sends[i].at_ms;
		if (message_encode(m) != 0 || store_news_add(news, m) != SQLITE_OK)
			return SQLITE_NOMEM;
		message_hold(m);
		s->head = s->last_id = m->f.id;
	}
	return SQLITE_OK;
}

/* Begins the transaction and reads what others have committed. STORE_OK: it is open, and all of that is in the news. */
static enum store_status
begin(struct store *s, int64_t floor, struct store_news *news)
{
	enum store_status status = store_ready(s, news);
	int code;

	if (status != STORE_OK || news->reset) {
		store_tell_state(s, news);
		return status == STORE_OK ? STORE_BUSY : status;
	}
	code = store_begin(s, true);
	if ((code & 0xFF) == SQLITE_BUSY) {
		/* What others commit while we wait for their lock is told meanwhile. */
		status = store_look(s, floor, news);
		return status == STORE_OK ? STORE_BUSY : status;
	}
	if (code == SQLITE_OK)
		code = store_read_news(s, floor, news);
	if (code != SQLITE_DONE)
		return store_give_up(s, code, "append");
	if (!news->reset && !news->more)
		return STORE_OK;
	store_roll_back(s);
	if (news->reset && (status = store_start_anew(s, news)) != STORE_OK)
		return status;
	store_tell_state(s, news);
	return STORE_BUSY;
}

/* It went into a file that is not there any more: once again, into the one that is. */
static enum store_status
begin_again(struct store *s, struct store_news *news)
{
	enum store_status status;

	store_news_fini(news);
	s->started = false; /* should the same one come back, what it told is forgotten here */
	status = store_ready(s, news);
	if (status == STORE_OK)
		store_tell_state(s, news);
	return status == STORE_OK ? STORE_BUSY : status;
}

/* What is stored must be told, if not here, then by the next look, from the rows. */
static void
leave_to_look(struct store *s, struct store_news *news)
{
	s->last_id = news->n_messages > 0 ? news->messages[news->n_messages - 1]->f.id : s->last_id;
	s->data_version = -1;
	news->more = true;
}

/* Whether one of the sends was let in by other tokens and grants than stand in the log now. */
static bool
let_in_by_others(const struct store *s, const struct store_send *sends, size_t n, const struct store_news *news)
{
	for (size_t i = 0; i < n; i++)
		/* Those told now were not known when it was let in: another log counts versions of its own. */
		if (sends[i].access_version != 0 &&
		    (sends[i].access_version != s->access_version || news->access != NULL))
			return true;
	return false;
}

/* They have to be let in once more, by what the news have. */
static enum store_status
send_back(struct store *s, struct store_news *news)
{
	int code = news->access == NULL ? store_read_access(s, true, news) : SQLITE_DONE;

	if (code != SQLITE_DONE)
		return store_give_up(s, code, "read who may");
	store_roll_back(s);
	store_tell_state(s, news);
	return STORE_BUSY;
}

/* The transaction is undone. What triggers do may concern one send only; which, is known of a single one. */
static enum store_status
give_up(struct store *s, struct store_send *sends, size_t n, int code)
{
	enum store_status status;

	if ((code & 0xFF) == SQLITE_CONSTRAINT && n == 1)
		log_error(
		    "refused", "room=%.*s error=\"%s\"", STR_ARGS(sends[0].message->f.room), sqlite3_errmsg(s->db));
	status = store_give_up(s, code, "append");
	switch (code & 0xFF) {
	case SQLITE_CONSTRAINT:
		sends[0].outcome = STORE_REFUSED;
		sends[0].made_room = false;
		return n == 1 ? STORE_OK : STORE_APART;
	case SQLITE_ERROR:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
		return n == 1 ? status : STORE_APART;
	default:
		return status;
	}
}

enum store_status
store_append(struct store *s, struct store_send *sends, size_t n, int64_t floor, struct store_news *news)
{
	enum store_status status = begin(s, floor, news);
	struct store_inserted what;
	int code;

	if (status != STORE_OK)
		return status;
	if (let_in_by_others(s, sends, n, news))
		return send_back(s, news);
	code = store_insert(s, sends, n, &what);
	if (code != SQLITE_DONE)
		return give_up(s, sends, n, code);
	if (what.unsure && !s->singly) {
		store_roll_back(s);
		s->singly = true;
		leave_to_look(s, news);
		store_tell_state(s, news);
		return STORE_BUSY;
	}
	s->singly = false;
	code = store_commit(s);
	if (code != SQLITE_OK) {
		status = store_give_up(s, code, "append");
		store_write_over(s);
		return status;
	}
	if (store_moved(s))
		return begin_again(s, news);
	if (!what.all_ours) {
		leave_to_look(s, news);
	} else if (tell_sends(s, sends, n, news) != SQLITE_OK ||
	           (what.changed && store_read_changes(s, floor, news) != SQLITE_DONE)) {
		log_error("store", "doing=\"tell sends\" error=\"no memory\"");
		leave_to_look(s, news);
	}
	store_tell_state(s, news);
	return STORE_OK;
}
