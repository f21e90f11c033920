/*
 * poll_parking: polls that are held: each waits in its room, or rooms, and under a timer.
 *
 * Exactly one of news (its room wakes it), late (its timer), gone and end takes a poll out. Each way out unlinks first
 * and speaks second. Parking a poll of one room allocates nothing: it lives in its connection's slot.
 */
#ifndef POLL_PARKING_H
#define POLL_PARKING_H

#include "poll_ask.h"

struct loop;
struct poll_answers;
struct poll_parking;
struct poll_reads;

/* It tells by itself, with `answers`, and with `reads` what memory no longer holds. NULL without memory. */
struct poll_parking *poll_parking_new(struct loop *loop, struct requests *requests, struct rooms *rooms,
    struct poll_answers *answers, struct poll_reads *reads);
void poll_parking_free(struct poll_parking *parking);

/* Waits in the ask's rooms, found or made, for what comes above the head of now. -1 without memory. */
int poll_parking_add(
    struct poll_parking *parking, struct fcgi_conn *conn, const struct poll_ask *ask, struct room *const *rooms);

/* Joins the round of a room that is being told just now: in its turn it gets what gathers meanwhile as well. */
bool poll_parking_join(
    struct poll_parking *parking, struct fcgi_conn *conn, const struct poll_ask *ask, struct room *room);

/* The peer of a parked poll hung up. */
void poll_parking_gone(struct poll_parking *parking, struct fcgi_conn *conn);

/* Ends all that are parked. */
void poll_parking_end_all(struct poll_parking *parking);

size_t poll_parking_n(const struct poll_parking *parking);
size_t poll_parking_slot_size(void);

#endif
