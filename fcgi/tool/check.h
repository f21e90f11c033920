/*
 * check: a doctor for what is here: the file and the folder, the log, who may what, the disk, the web server's files.
 *
 * Each finding is a line: `ok`, `warn` or `FAIL`, what was looked at, and what to do.
 */
#ifndef CHECK_H
#define CHECK_H

#include "command.h"
#include "database.h"

/* How the program ends: as its worst finding is. */
enum check_grade { CHECK_OK, CHECK_WARN, CHECK_FAIL };

struct check {
	const struct call *call;
	struct database *database; /* NULL: it cannot be used */
	int64_t now_ms;
	int64_t quick_check_ms; /* 0: not at all */
	enum check_grade worst;
};

/* subject: "grants" */
void check_say(struct check *c, enum check_grade grade, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * The names that a statement answers with: how many, and the first few of them with commas between. -1, said.
 */
enum { CHECK_NAMES_SIZE = 512 };
int check_names(struct check *c, const char *sql, const struct database_value *values, size_t n, size_t *count,
    char names[CHECK_NAMES_SIZE]);

void check_options(struct check *c);  /* of longlined: whether it takes them, and the files that they name */
void check_file(struct check *c);     /* rights of the file, its folder, and what SQLite puts beside it */
void check_disk(struct check *c);     /* room on the disk, and the greatest size */
void check_database(struct check *c); /* quick_check, number of rooms */
void check_index(struct check *c);    /* whether search finds what is there */
void check_access(struct check *c);   /* open or closed, tokens and grants */
void check_site(struct check *c);     /* whether it answers through the web server, and for this log */
/* The web server's files below a folder; asked: somebody named it, so it should be there. */
void check_nginx(struct check *c, const char *folder, bool asked);

/* The value of one of longlined's options that is a number. */
uint64_t check_option(const struct check *c, const char *name, uint64_t otherwise);

enum { CHECK_SOCKET_SIZE = 128, CHECK_PARAMS_MAX = 64 };

/* What the web server's files say of how much there may be; 0: they do not say. */
struct check_limits {
	uint64_t connections, workers, descriptors; /* of a worker, how many, and of a worker again */
	size_t listens;
	char socket[CHECK_SOCKET_SIZE]; /* where longlined is asked */
	/* Of the file that passes requests to it: */
	uint64_t read_timeout_ms, scgi_read_timeout_ms, scgi_send_timeout_ms, body_max;
	bool body_any; /* client_max_body_size 0 */
};

/* A directive of theirs, of whichever file. */
void check_limits_take(struct check_limits *l, const struct str *words, size_t n);

/* Where longlined is asked: the address behind `server` in `upstream longline`. */
void check_limits_socket(char socket[CHECK_SOCKET_SIZE], struct str address);

/* Those of one file compared with longlined's options, and of all with what is held just now. */
void check_limits_file(struct check *c, const char *path, const struct check_limits *l);
void check_limits_all(struct check *c, const struct check_limits *l);

/* What is passed by one of the two protocols: `fastcgi_param NAME VALUE`. */
struct check_param {
	char name[48], value[64];
};
struct check_params {
	size_t n;
	struct check_param all[CHECK_PARAMS_MAX];
};

/* WebSockets, in the file that passes requests to longlined. */
struct check_websocket {
	struct check_params fastcgi, scgi;
	bool socketio;    /* it has a location for Socket.IO */
	bool passed;      /* scgi_pass longline_ws */
	bool unguarded;   /* outside of if ($longline_ws) */
	bool headers_off; /* scgi_pass_request_headers */
};

/* And in all of them. */
struct check_websockets {
	bool passed;        /* in one of them */
	bool upstream;      /* longline_ws */
	bool map, map_good; /* $longline_ws; by all that tells a WebSocket */
	char socket[CHECK_SOCKET_SIZE];
};

/* A directive; guarded: within such an if. And what begins a block: whether that is one. */
void check_websocket_take(struct check_websocket *w, const struct str *words, size_t n, bool guarded);
bool check_websocket_block(struct check_websocket *w, const struct str *words, size_t n);

/* A block `map`. */
void check_websocket_map(struct check_websockets *all, const struct str *words, size_t n);

/* What an included file says is said by the one that includes it. */
void check_websocket_merge(struct check_websocket *outer, const struct check_websocket *inner);

/* What is wrong within a file, and between all; socket: where longlined is asked for the rest. */
void check_websocket_file(
    struct check *c, const char *path, const struct check_websocket *w, const struct check_limits *l);
void check_websocket_all(struct check *c, const struct check_websockets *all, const char *socket);

#endif
