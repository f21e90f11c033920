/*
 * config: options to a checked struct; every limit there is, with its default.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/person.h"
#include "base/log.h"
#include "socketio/member.h"
#include "socketio/session.h"
#include "store/keep.h"
#include "web/fcgi.h"
#include "web/host.h"
#include "web/origin.h"

enum { CONFIG_TRUSTED_MAX = 64, CONFIG_JWT_KEYS_MAX = 4 };

struct config {
	const char *socket;   /* path of the listening socket, unless one is inherited */
	const char *database; /* path */
	const char *pid_file; /* path, NULL for none */
	bool check;           /* look whether it could start, and do not */
	struct hosts hosts;   /* that requests may be for; none: any */
	struct origins cors;  /* let in besides our own */
	bool new_epoch;
	struct limits limits; /* of each person */
	struct keep keep;     /* how long messages are kept; but for its times: */
	int64_t keep_grace_s, keep_every_s;
	const char *trusted[CONFIG_TRUSTED_MAX]; /* identities: "user:ann" */
	size_t n_trusted;
	const char *jwt_keys[CONFIG_JWT_KEYS_MAX]; /* paths; read by whoever uses them */
	size_t n_jwt_keys;
	bool trust_loopback;   /* strangers of this machine are trusted, and moderate */
	int64_t rooms_max;     /* rooms there may be before new ones are refused; 0: any */
	int64_t database_max;  /* bytes of the database before sends are refused; 0: any */
	int64_t disk_free_min; /* bytes that must be free on its disk, or sends are refused; -1: as disk.h says */
	enum log_level log_level;
	int64_t wait_max_s;  /* longest a poll is held */
	int64_t body_max;    /* bytes of a request's body */
	int64_t message_max; /* bytes of one message */
	int64_t depth_max;   /* nesting of args, its own array counted */
	int64_t reply_max;   /* bytes of messages in one answer */
	int64_t queue_max;   /* sends that wait for a commit */
	int64_t queue_bytes; /* their bytes */
	int64_t ring_bytes;  /* newest messages kept in memory */
	int64_t readers;     /* threads that read pages */
	int64_t reads_max;   /* that wait for them, and as many searches */
	int64_t lock_wait_s; /* for another program's lock on the database */
	int64_t write_timeout_s;
	int64_t search_timeout_s;
	int64_t edit_window_s;
	int64_t scrub_after_s;
	int64_t send_timeout_s;                                        /* without progress while an answer is sent */
	int64_t request_timeout_s;                                     /* for the rest of a request that has begun */
	int64_t message_timeout_s;                                     /* the same of a WebSocket message */
	int64_t ping_interval_ms, ping_timeout_ms, connect_timeout_ms; /* of Socket.IO sessions */
	bool no_websocket;                                             /* Socket.IO sessions stay on long-polling */
	int64_t upgrade_timeout_ms; /* for a session's step from polling to WebSocket, once begun */
	int64_t max_payload;        /* bytes of a Socket.IO client's POST */
	int64_t sessions_max;
	int64_t session_queue;      /* bytes that wait for one session */
	int64_t namespaces_max;     /* of one session */
	int64_t attachments_max;    /* of one packet of a Socket.IO client */
	int64_t attachment_wait_ms; /* for the next of them */
	int64_t event_wait_ms;      /* for all of them */
	int64_t recovery;           /* 0: Socket.IO clients that come back begin anew */
	int64_t recovery_max;       /* most messages that they get else */
	const char *ephemeral;      /* names of events that are not stored, with commas between */
	int64_t memory_max;         /* bytes of all that strangers make it keep */
	int64_t loop_batch, commit_gather, round_rest, round_hold, round_yield; /* waiting on purpose; 0: off */
	int64_t connections_max; /* 0: what the limit on descriptors allows */
};

/*
 * How a start ends that cannot succeed by being tried again: a supervisor leaves it at that
 * (RestartPreventExitStatus). Any other failure of a start is EXIT_FAILURE, 1, and may pass.
 */
enum { EXIT_OPTIONS = 2, EXIT_DATABASE = 3 };

/*
 * Reads the command line. Returns -1 to go on with *c filled in, or the exit status to end with: --help and --version
 * print to stdout and give 0, each mistake is named on stderr and gives EXIT_OPTIONS; *c has the other options then.
 * Options are written in full.
 */
int config_read(struct config *c, int argc, char **argv);

/* What it says of each; the rest is zero: a budget, and of FastCGI the socket, the slots and the connections. */
struct fcgi_options config_fcgi(const struct config *c);
struct member_options config_member(const struct config *c);
struct session_options config_session(const struct config *c);

#endif
