/*
 * relay: what a Socket.IO event means here: store it, broadcast it, acknowledge it.
 *
 * The built-in application. Namespace / is room main, /x is room x; an event is a message of the room, told to
 * everybody in the namespace, its sender too, once it is on disk, and acknowledged with {"id":N}. The last argument of
 * every event is the id of its message as a string: the offset of Socket.IO's connection state recovery, which survives
 * any restart here, because the offset is a place in the log and a client's pid is a signed note of where it began.
 *
 * Who may: a member is somebody by the token of its auth, or else by its session's handshake. Reading is asked for at
 * CONNECT and whenever something is told, writing at each event. Where memory would refuse what another program may
 * just have allowed, the CONNECT or the event waits until the writer has looked; where events are too many it waits for
 * its turn.
 *
 *	it may not                        and asked for an acknowledgement   or not
 *	read the room, at CONNECT         CONNECT_ERROR forbidden_room
 *	read it any more                  DISCONNECT of the namespace
 *	write to it                       forbidden_room                     dropped, and counted
 *	send so many, for 15 s of a POST  rate_limited, and when             the session ends: no silent hole
 *
 * Files: relay.c (members come and go; what a message looks like to them), relay_recovery.c (pids, and how much was
 * missed), relay_event.c (what clients send), relay_outcome.c (what becomes of it), relay_wait.c (waiting),
 * relay_may.c; relay_state.h is theirs alone.
 */
#ifndef RELAY_H
#define RELAY_H

#include "member.h"

struct access;
struct budget;
struct commit;
struct loop;
struct persons;
struct readers;
struct relay;
struct rooms;

struct relay_options {
	const char *ephemeral; /* names of events that are not stored, with commas between */
	bool recovery;
	int64_t recovery_messages; /* most that are caught up with, also behind a serverOffset */
	size_t message_max;
	struct budget *budget; /* counts what is kept of events on their way to the disk; NULL: nothing is counted */
	struct loop *loop;
	struct access *access;   /* knows tokens; NULL: there are none, and members' sessions are nobody's */
	struct persons *persons; /* whose limits count; NULL: nobody's */
	unsigned char secret[TOKEN_SECRET_SIZE];
};

/* NULL without memory. To be freed when the writer and the readers have ended. */
struct relay *relay_new(
    const struct relay_options *options, struct rooms *rooms, struct commit *commit, struct readers *readers);
void relay_free(struct relay *r);

/* The callbacks for members_new(); relay_set_members() hands over what that made. */
struct member_app relay_app(struct relay *r);
void relay_set_members(struct relay *r, struct members *members);

/* Events that were dropped because they were not allowed, without anybody having asked what became of them. */
uint64_t relay_dropped(const struct relay *r);

#endif
