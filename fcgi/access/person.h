/*
 * person: whom a request is counted for, and what is left of their share (docs/PROTOCOL.md, "Limits").
 *
 * A person is a token, a user, or an address: 65,536 of at most 128 bytes, found by a hash with a key that nobody
 * knows. The one that has been idle for longest makes room for another; when all are busy, new ones share one, of their
 * class, that has ten times the limits. Over a rate one waits before one is refused: limit_take() charges at once and
 * says for how long to wait.
 *
 * A rate is RATE:BURST: a bucket of BURST that is filled with RATE a second, as a number: what is owed of it, in ns of
 * filling (the generic cell rate algorithm). Somebody may owe more than the bucket holds, and waits then. A count is
 * how many there may be at a time.
 *
 * Worked case: 10/s : 300. 300 messages go at once, and 30 s are owed. The 301st would owe 30.1 s and waits for 100 ms,
 * the 401st would wait for 10.1 s and is refused, if 10 s is how long one may wait. 30 s later nothing is owed.
 *
 * day-bytes is such a bucket too: of 500 MB, filled evenly in a day, and not emptied at midnight; so at most twice as
 * much can be written in any 24 hours, and from day to day no more than that.
 *
 * Files: person.c (the table of persons), person_limit.c (what is taken of rates and counts), person_options.c (the
 * limits there are, and how they are read), person_address.c (from an address to an identity); person_state.h is theirs
 * alone.
 */
#ifndef ACCESS_PERSON_H
#define ACCESS_PERSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct person;
struct persons;

enum limit {
	/* Rates: */
	LIMIT_REQUESTS,
	LIMIT_HANDSHAKES,
	LIMIT_MESSAGES,
	LIMIT_BYTES,     /* written */
	LIMIT_DAY_BYTES, /* the same, in a day */
	LIMIT_PASSING,   /* events that are passed on and not stored */
	LIMIT_READING,   /* ms of readers' time */
	LIMIT_NEW_ROOMS,
	LIMIT_RATES,
	/* Counts: */
	LIMIT_HELD = LIMIT_RATES, /* polls, GETs, streams, sockets */
	LIMIT_SESSIONS,
	LIMIT_READS,  /* readers' jobs at a time */
	LIMIT_MEMORY, /* bytes: queues, half events, answers not read */
	LIMITS,
};

/* Of whom the limits are. */
enum person_class { PERSON_STRANGER, PERSON_USER, PERSON_TRUSTED, PERSON_CLASSES };

/* How a limit is called in options, metrics and answers: "requests", "day-bytes". */
const char *limit_name(enum limit l);

struct limit_value {
	bool off;
	double rate;   /* a second; of a count nothing */
	uint64_t most; /* the burst, or the count */
};

struct limits {
	struct limit_value v[PERSON_CLASSES][LIMITS];
	/* A --limit named this class: then strangers are counted by what address there is, be it a proxy's or none. */
	bool set[PERSON_CLASSES];
};

/* The table of docs/PROTOCOL.md. */
void limits_init(struct limits *limits);

/*
 * `[CLASS.]NAME=RATE:BURST|COUNT|off`: numbers may end in k, M or G, and RATE in /s (else assumed), /min or /day;
 * without a class: for all three. `day-bytes=500M` is 500M/day:500M. false, with what is wrong in error, and nothing is
 * changed.
 */
enum { LIMIT_ERROR_SIZE = 256 };
bool limits_read(struct limits *limits, struct str text, char error[LIMIT_ERROR_SIZE]);

/*
 * NULL without memory. limits are copied; persons_max: how many besides those that are shared. now_ms is clock_ms() in
 * all functions here. All must be dropped before persons_free().
 */
enum { PERSONS_MAX = 65536, PERSON_SIZE_MAX = 128 /* bytes of each */ };
struct persons *persons_new(const struct limits *limits, size_t persons_max);
void persons_free(struct persons *all);

/*
 * The person of this identity ("token:ci", "user:ann", "@192.0.2.1"), held by the caller; never NULL: when all are busy
 * it is the one that such persons share. An identity's class may change from one call to the next. Of an IPv6 /48 there
 * are at most 64 /64s, and then the /48 is the person of all others. The identity "" is somebody without any limit.
 */
struct person *person_get(struct persons *all, struct str identity, enum person_class class, int64_t now_ms);
struct person *person_hold(struct person *p);
void person_drop(struct persons *all, struct person *p, int64_t now_ms);

/*
 * The identity of an address, in text: IPv4 (also `::ffff:a.b.c.d`), an IPv6 /64. Empty: it is not to be counted
 * (unless limits->set says that strangers are): none is given, unix:, or a loopback or private address behind which
 * X-Forwarded-For says there is another.
 */
enum { PERSON_ADDRESS_SIZE = 48 };
struct str person_address(
    const struct persons *all, struct str address, struct str forwarded, char text[PERSON_ADDRESS_SIZE]);
bool person_is_loopback(struct str address);

/*
 * Takes from a rate. 0: go. > 0: charged, and to be done so many ms from now. < 0: refused, and not charged: after so
 * many ms (negated) it would go at once, if nothing else is taken. wait_max_ms: how long may be waited. An amount
 * larger than the burst waits for a bucket that is full, and owes the rest.
 */
int64_t limit_take(
    struct persons *all, struct person *p, enum limit l, uint64_t amount, int64_t wait_max_ms, int64_t now_ms);
/* Takes from a rate, if it has so much now; no refusal is counted. */
bool limit_try(struct persons *all, struct person *p, enum limit l, uint64_t amount, int64_t now_ms);
/* Whether it has no such limit. */
bool limit_is_off(const struct persons *all, const struct person *p, enum limit l);
/* What was taken and not used. */
void limit_give_back(struct persons *all, struct person *p, enum limit l, uint64_t amount);
/* Charges afterwards, what it costs was not known before (reading): the next limit_take(…, 0, …) says when it is paid.
 */
void limit_charge(struct persons *all, struct person *p, enum limit l, uint64_t amount, int64_t now_ms);

/* One (or so many) more of a count; false: there are as many as may be, nothing is counted but limited_total. Of one
 * that is off there may be 2^32-1. */
bool limit_enter(struct persons *all, struct person *p, enum limit l, uint64_t amount);
void limit_leave(struct persons *all, struct person *p, enum limit l, uint64_t amount);

struct persons_counts {
	size_t n, busy;           /* that are known: for an hour after they were held last, if there is room */
	uint64_t shared;          /* how often the shared one was given out */
	uint64_t limited[LIMITS]; /* how often each refused, or let wait */
};
struct persons_counts persons_counts(const struct persons *all);

#endif
