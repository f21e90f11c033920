#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct number {
	const char *name;
	size_t offset;
	int64_t least, most, otherwise;
	const char *unit, *help;
};

#define AT(field) offsetof(struct config, field)

static const struct number NUMBERS[] = {
    {"wait-max", AT(wait_max_s), 1, 70, 55, "SECONDS", "longest a poll is held"},
    {"body-max", AT(body_max), 1000, 100000000, 1000000, "BYTES", "longest body of a request"},
    {"message-max", AT(message_max), 1000, 4000000, 4000000, "BYTES", "largest message"},
    {"depth-max", AT(depth_max), 1, 1000, 1000, "N", "deepest nesting of args, its own array counted"},
    {"reply-max", AT(reply_max), 1000, 100000000, 1000000, "BYTES", "an answer ends after this many bytes of messages"},
    {"queue-max", AT(queue_max), 1, 1000000, 10000, "N", "messages that may wait for a commit"},
    {"queue-bytes", AT(queue_bytes), 100000, INT64_C(1) << 40, 256000000, "BYTES", "and their bytes"},
    {"ring-bytes", AT(ring_bytes), 0, INT64_C(1) << 40, 64000000, "BYTES", "newest messages kept in memory"},
    {"readers", AT(readers), 1, 64, 2, "N", "threads that read old messages"},
    {"reads-max", AT(reads_max), 1, 100000, 1000, "N", "reads that may wait for them, and as many searches"},
    {"lock-wait", AT(lock_wait_s), 0, 3600, 15, "SECONDS", "wait for another program's lock on the database"},
    {"write-timeout", AT(write_timeout_s), 1, 3600, 5, "SECONDS", "a transaction of messages is cut after it"},
    {"search-timeout", AT(search_timeout_s), 1, 3600, 2, "SECONDS", "a search is cut after it"},
    {"send-timeout", AT(send_timeout_s), 1, 3600, 60, "SECONDS", "a reader without progress is closed after it"},
    {"request-timeout", AT(request_timeout_s), 1, 3600, 10, "SECONDS", "for the rest of a request that has begun"},
    {"ping-interval", AT(ping_interval_ms), 50, 60000, 25000, "MS", "between heartbeats of a Socket.IO session"},
    {"ping-timeout", AT(ping_timeout_ms), 50, 600000, 20000, "MS", "for the answer to one"},
    {"connect-timeout", AT(connect_timeout_ms), 50, 600000, 45000, "MS", "for a session to join a namespace"},
    {"max-payload", AT(max_payload), 1000, 100000000, 1000000, "BYTES", "longest POST of a Socket.IO client"},
    {"sessions-max", AT(sessions_max), 1, 10000000, 100000, "N", "Socket.IO sessions"},
    {"session-queue", AT(session_queue), 1000, INT64_C(1) << 40, 16000000, "BYTES", "waiting for one session"},
    {"namespaces-max", AT(namespaces_max), 1, 1000, 32, "N", "namespaces that one session may join"},
    {"attachments-max", AT(attachments_max), 0, 10, 10, "N", "binary arguments of one event or acknowledgement"},
    {"attachment-wait", AT(attachment_wait_ms), 50, 600000, 30000, "MS", "for the next of them"},
    {"event-wait", AT(event_wait_ms), 50, 3600000, 300000, "MS", "for all of them"},
    {"recovery", AT(recovery), 0, 31536000, 1, "N", "Socket.IO clients that come back miss nothing; 0: off"},
    {"recovery-max", AT(recovery_max), 1, 1000000, 10000, "N", "messages it may have missed at most"},
    {"memory-max", AT(memory_max), 20000000, INT64_C(1) << 40, 256000000, "BYTES", "of all that waits, together"},
    {"loop-batch", AT(loop_batch), 0, 1, 1, "N", "1: the loop is a batch thread"},
    {"commit-gather", AT(commit_gather), 0, 1, 1, "N", "1: a commit waits for senders that come back"},
    {"round-rest", AT(round_rest), 0, 1, 1, "N", "1: a large round waits for readers that come back"},
    {"round-hold", AT(round_hold), 0, 1, 1, "N", "1: a large round waits for what is being committed"},
    {"round-yield", AT(round_yield), 0, 1, 1, "N", "1: the web server has the processor when a round has begun"},
    {"connections-max", AT(connections_max), 0, 10000000, 0, "N", "from the web server; 0: as descriptors allow"},
};
enum { N_NUMBERS = sizeof NUMBERS / sizeof NUMBERS[0] };
_Static_assert(N_NUMBERS < ':', "a number's place in the table is what getopt_long() returns, and so are ':' and '?'");

enum { SOCKET = 1000, DATABASE, PID_FILE, HOST, CORS, EPHEMERAL, LOG_LEVEL, NEW_EPOCH, HELP, VERSION };

static const struct option WORDS[] = {
    {"socket", required_argument, NULL, SOCKET},
    {"database", required_argument, NULL, DATABASE},
    {"pid-file", required_argument, NULL, PID_FILE},
    {"host", required_argument, NULL, HOST},
    {"cors", required_argument, NULL, CORS},
    {"ephemeral", required_argument, NULL, EPHEMERAL},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"new-epoch", no_argument, NULL, NEW_EPOCH},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
};
enum { N_WORDS = sizeof WORDS / sizeof WORDS[0] };

static void
help(void)
{
	printf(
	    "longlined: messages through plain HTTP, kept for ever; a FastCGI daemon behind nginx\n\n"
	    "  --socket PATH            listening socket (/run/longline/longlined.sock), unless one is inherited\n"
	    "  --database PATH          the log (/var/lib/longline/longline.db)\n"
	    "  --pid-file PATH          written once it is ready\n"
	    "  --host NAME              requests are for this host, and no other; may be given several times\n"
	    "  --cors ORIGIN            pages of this origin, or * for all, may use it too; may be given %d times\n"
	    "  --ephemeral NAMES        Socket.IO events that are passed on but not stored (typing), commas between\n"
	    "  --log-level LEVEL        error, warning, info (default) or debug\n"
	    "  --new-epoch              tell readers that the log is another one: after restoring a backup\n",
	    ORIGINS_MAX);
	for (int i = 0; i < N_NUMBERS; i++) {
		char name[64];

		snprintf(name, sizeof name, "--%s %s", NUMBERS[i].name, NUMBERS[i].unit);
		printf("  %-24s %s (%lld)\n", name, NUMBERS[i].help, (long long)NUMBERS[i].otherwise);
	}
	printf("  --help, --version\n");
}

static int
set_number(struct config *c, const struct number *n, const char *text)
{
	uint64_t v;

	if (!str_uint(str_of(text), (uint64_t)n->most, &v) || (int64_t)v < n->least) {
		log_refusal(
		    "--%s must be %lld to %lld, not '%s'", n->name, (long long)n->least, (long long)n->most, text);
		return EXIT_OPTIONS;
	}
	*(int64_t *)(void *)((char *)c + n->offset) = (int64_t)v;
	return -1;
}

static int
set_level(struct config *c, const char *text)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};

	for (enum log_level level = LOG_ERROR; level <= LOG_DEBUG; level++)
		if (strcmp(text, levels[level]) == 0) {
			c->log_level = level;
			return -1;
		}
	log_refusal("--log-level must be error, warning, info or debug, not '%s'", text);
	return EXIT_OPTIONS;
}

static int
set_host(struct config *c, const char *text)
{
	if (hosts_add(&c->hosts, str_of(text)))
		return -1;
	if (c->hosts.n == HOSTS_MAX)
		log_refusal("--host may be given %d times, and not once more for '%s'", HOSTS_MAX, text);
	else
		log_refusal(
		    "--host must be a name or an address without a port, such as example.org or [::1], not '%s'", text);
	return EXIT_OPTIONS;
}

static int
set_cors(struct config *c, char *text)
{
	const char *fault = origins_add(&c->cors, text);

	if (fault == NULL)
		return -1;
	log_refusal("--cors must be * or an origin such as https://example.org, not '%s': %s", text, fault);
	return EXIT_OPTIONS;
}

/* What getopt_long() did not take, by its ':' or '?'; optopt says which. */
static int
refuse(int which)
{
	const char *name = "";

	for (int i = 0; i < N_WORDS; i++)
		name = WORDS[i].val == optopt ? WORDS[i].name : name;
	if (optopt >= 0 && optopt < N_NUMBERS)
		name = NUMBERS[optopt].name;
	if (which == ':')
		log_refusal("--%s needs a value; see longlined --help", name);
	else if (name[0] != '\0')
		log_refusal("--%s takes no value", name);
	else
		log_refusal("there is no option -%c; see longlined --help", optopt);
	return EXIT_OPTIONS;
}

static int
set_word(struct config *c, int which, char *text)
{
	switch (which) {
	case SOCKET:
		c->socket = text;
		return -1;
	case DATABASE:
		c->database = text;
		return -1;
	case PID_FILE:
		c->pid_file = text;
		return -1;
	case HOST:
		return set_host(c, text);
	case CORS:
		return set_cors(c, text);
	case EPHEMERAL:
		c->ephemeral = text;
		return -1;
	case LOG_LEVEL:
		return set_level(c, text);
	case NEW_EPOCH:
		c->new_epoch = true;
		return -1;
	case HELP:
		help();
		return 0;
	case VERSION:
		printf("longlined %s\n", CONFIG_VERSION);
		return 0;
	default:
		return refuse(which);
	}
}

/*
 * An option is written in full: getopt_long() would take the beginning of one as well, and a script that relies on it
 * breaks with the next option that begins alike. -1: it is whole, or not a long option.
 */
static int
refuse_part(const struct option *options, const char *argument)
{
	struct str rest = str_of(argument), name;
	char alike[256] = "";
	size_t n = 0;

	if (!str_starts(rest, STR("--")) || rest.n == 2)
		return -1;
	rest = str_of(argument + 2);
	name = str_cut(&rest, '=');
	for (; options->name != NULL; options++) {
		if (str_eq(str_of(options->name), name))
			return -1;
		if (name.n > 0 && str_starts(str_of(options->name), name) && n < sizeof alike)
			n +=
			    (size_t)snprintf(alike + n, sizeof alike - n, "%s--%s", n > 0 ? " or " : "", options->name);
	}
	log_refusal("there is no option --%.*s; %s%s", STR_ARGS(name),
	    n > 0 ? "write it in full: " : "see longlined --help", alike);
	return EXIT_OPTIONS;
}

int
config_read(struct config *c, int argc, char **argv)
{
	struct option options[N_WORDS + N_NUMBERS + 1] = {{0}};
	int which, result = -1;

	*c = (struct config){.socket = "/run/longline/longlined.sock",
	    .database = "/var/lib/longline/longline.db",
	    .ephemeral = "typing",
	    .log_level = LOG_INFO};
	memcpy(options, WORDS, sizeof WORDS);
	for (int i = 0; i < N_NUMBERS; i++) {
		options[N_WORDS + i] = (struct option){NUMBERS[i].name, required_argument, NULL, i};
		*(int64_t *)(void *)((char *)c + NUMBERS[i].offset) = NUMBERS[i].otherwise;
	}
	while (result < 0 && optind < argc && (result = refuse_part(options, argv[optind])) < 0 &&
	       (which = getopt_long(argc, argv, "+:", options, NULL)) != -1)
		result = which < N_NUMBERS ? set_number(c, &NUMBERS[which], optarg) : set_word(c, which, optarg);
	if (result < 0 && optind < argc) {
		log_refusal("unexpected argument '%s'; see longlined --help", argv[optind]);
		result = EXIT_OPTIONS;
	}
	return result;
}

struct fcgi_options
config_fcgi(const struct config *c)
{
	return (struct fcgi_options){.body_max = (size_t)(c->body_max > c->max_payload ? c->body_max : c->max_payload),
	    .request_wait_ms = c->request_timeout_s * 1000,
	    .send_wait_ms = c->send_timeout_s * 1000};
}

struct member_options
config_member(const struct config *c)
{
	return (struct member_options){.depth_max = (size_t)c->depth_max,
	    .message_max = (size_t)c->message_max,
	    .namespaces_max = (size_t)c->namespaces_max,
	    .attachments_max = (unsigned)c->attachments_max,
	    .attachment_wait_ms = c->attachment_wait_ms,
	    .event_wait_ms = c->event_wait_ms};
}

struct session_options
config_session(const struct config *c)
{
	return (struct session_options){.ping_interval_ms = c->ping_interval_ms,
	    .ping_timeout_ms = c->ping_timeout_ms,
	    .connect_timeout_ms = c->connect_timeout_ms,
	    .sessions_max = (size_t)c->sessions_max,
	    .queue_bytes_max = (size_t)c->session_queue,
	    .reply_max = (size_t)c->reply_max};
}
