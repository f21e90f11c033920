#include <string.h>

#include "base/hash.h"
#include "store_writer.h"

/* A name's place. Who finds two that share one has them looked up in the file each time, and no more. */
static char *
place(struct store_names *names, struct str name)
{
	return names->v[hash_fnv1a(name) % STORE_NAMES_KEPT];
}

static bool
has(struct store_names *names, struct str name)
{
	return str_eq(str_of(place(names, name)), name);
}

static void
keep(struct store_names *names, struct str name)
{
	char *at = place(names, name);

	if (name.n > MESSAGE_ROOM_MAX)
		return;
	memcpy(at, name.p, name.n);
	at[name.n] = '\0';
}

void
store_forget_names(struct store *s)
{
	memset(&s->rooms_there, 0, sizeof s->rooms_there);
	memset(&s->names_free, 0, sizeof s->names_free);
	s->n_rooms = -1;
}

/* The number that a statement with one name finds, or 0. */
static int64_t
number_of(struct store *s, const char *sql, struct str name)
{
	sqlite3_stmt *stmt = store_prepare(s, sql);

	if (stmt != NULL)
		store_bind_str(stmt, 1, name);
	return store_first_number(s, stmt, 0);
}

/* A sender as names are compared, lower(trim(sender)) in SQL; it fits, as it is no longer. */
static struct str
folded(struct str sender, char text[MESSAGE_SENDER_MAX])
{
	while (sender.n > 0 && sender.p[0] == ' ')
		sender = str_skip(sender, 1);
	while (sender.n > 0 && sender.p[sender.n - 1] == ' ')
		sender.n--;
	if (sender.n > MESSAGE_SENDER_MAX)
		sender.n = MESSAGE_SENDER_MAX;
	for (size_t i = 0; i < sender.n; i++)
		text[i] = (char)(sender.p[i] >= 'A' && sender.p[i] <= 'Z' ? sender.p[i] - 'A' + 'a' : sender.p[i]);
	return (struct str){text, sender.n};
}

#define TAKEN                                                                                \
	"SELECT EXISTS (SELECT 1 FROM proven WHERE name = ?1)"                               \
	" OR EXISTS (SELECT 1 FROM tokens WHERE lower(trim(name)) = ?1)"                     \
	" OR EXISTS (SELECT 1 FROM tokens WHERE lower(trim(sender)) = ?1 AND sender <> '*')" \
	" OR EXISTS (SELECT 1 FROM grants WHERE who GLOB 'user:*' AND lower(trim(substr(who, 6))) = ?1)"

/* Whether a sender that is claimed is somebody's name. Nobody's is the empty one, and a token may have its own. */
static bool
taken(struct store *s, const struct message_fields *f)
{
	char text[MESSAGE_SENDER_MAX];
	struct str name = folded(f->sender, text);

	if (name.n == 0 || str_eq(f->sender, f->by) || has(&s->names_free, name))
		return false;
	if (number_of(s, TAKEN, name) != 0)
		return true;
	keep(&s->names_free, name);
	return false;
}

/* Whether this send makes its sender somebody's, as trigger messages_proven does. */
static bool
proves(const struct store_send *send)
{
	return send->message->f.by.n > 0 && (!send->claimed || str_eq(send->message->f.sender, send->message->f.by));
}

/* Whether one of these, which are not in the file yet, makes a claimed sender somebody's. */
static bool
taken_by(struct store_send *const *before, size_t n, const struct message_fields *f)
{
	char text[MESSAGE_SENDER_MAX], other[MESSAGE_SENDER_MAX];
	struct str name = folded(f->sender, text);

	if (name.n == 0 || str_eq(f->sender, f->by))
		return false;
	for (size_t i = 0; i < n; i++)
		if (proves(before[i]) && str_eq(folded(before[i]->message->f.sender, other), name))
			return true;
	return false;
}

/* Once it is stored its sender is free no more. */
static void
prove(struct store *s, const struct message_fields *f)
{
	char text[MESSAGE_SENDER_MAX];
	struct str name = folded(f->sender, text);

	if (name.n > 0 && has(&s->names_free, name))
		place(&s->names_free, name)[0] = '\0';
}

/* Whether there are as many rooms as may be; counted no further, and no more often than it must. */
static bool
rooms_full(struct store *s)
{
	if (s->options.rooms_max <= 0)
		return false;
	if (s->n_rooms < 0)
		s->n_rooms =
		    store_number_with(s, "SELECT count(*) FROM (SELECT 1 FROM rooms LIMIT ?)", s->options.rooms_max, 0);
	return s->n_rooms >= s->options.rooms_max;
}

/* The room of a send is there already, or this one makes it, or may not. */
static void
find_room(struct store *s, struct store_send *send)
{
	struct str room = send->message->f.room;

	if (has(&s->rooms_there, room))
		return;
	if (number_of(s, "SELECT EXISTS (SELECT 1 FROM rooms WHERE name = ?)", room) == 0) {
		if (rooms_full(s))
			send->outcome = STORE_ROOMS_FULL;
		else if (send->no_new_room)
			send->outcome = STORE_NEW_ROOM;
		if (send->outcome != STORE_STORED)
			return;
		send->made_room = true;
		s->n_rooms += s->n_rooms >= 0;
	}
	keep(&s->rooms_there, room);
}

int
store_allow(struct store *s, struct store_send *send, struct store_send *const *before, size_t n)
{
	const struct message_fields *f = &send->message->f;

	if (send->only_again)
		send->outcome = STORE_NOTHING_NEW;
	else if (send->claimed && (taken_by(before, n, f) || taken(s, f)))
		send->outcome = STORE_SENDER_TAKEN;
	else
		find_room(s, send);
	if (send->outcome == STORE_STORED && proves(send))
		prove(s, f);
	return s->trouble == SQLITE_OK ? SQLITE_DONE : s->trouble;
}
