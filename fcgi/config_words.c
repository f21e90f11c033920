#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/version.h"
#include "config_state.h"

enum {
	SOCKET = CONFIG_WORD,
	DATABASE,
	PID_FILE,
	HOST,
	CORS,
	EPHEMERAL,
	LIMIT,
	TRUSTED,
	JWT_KEY,
	KEEP_DAYS,
	KEEP_MESSAGES,
	KEEP_ROOM,
	TRUST_LOOPBACK,
	NO_WEBSOCKET,
	LOG_LEVEL,
	NEW_EPOCH,
	CHECK,
	HELP,
	VERSION,
};

static const struct option WORDS[] = {
    {"socket", required_argument, NULL, SOCKET},
    {"database", required_argument, NULL, DATABASE},
    {"pid-file", required_argument, NULL, PID_FILE},
    {"host", required_argument, NULL, HOST},
    {"cors", required_argument, NULL, CORS},
    {"ephemeral", required_argument, NULL, EPHEMERAL},
    {"limit", required_argument, NULL, LIMIT},
    {"trusted", required_argument, NULL, TRUSTED},
    {"jwt-key", required_argument, NULL, JWT_KEY},
    {"keep-days", required_argument, NULL, KEEP_DAYS},
    {"keep-messages", required_argument, NULL, KEEP_MESSAGES},
    {"keep-room", required_argument, NULL, KEEP_ROOM},
    {"trust-loopback", no_argument, NULL, TRUST_LOOPBACK},
    {"no-websocket", no_argument, NULL, NO_WEBSOCKET},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"new-epoch", no_argument, NULL, NEW_EPOCH},
    {"check", no_argument, NULL, CHECK},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
};
enum { N_WORDS = sizeof WORDS / sizeof WORDS[0] };
_Static_assert(sizeof WORDS / sizeof WORDS[0] <= CONFIG_WORDS_MAX, "there is room for them");

int
config_word_options(struct option options[CONFIG_WORDS_MAX])
{
	memcpy(options, WORDS, sizeof WORDS);
	return N_WORDS;
}

static void
help(void)
{
	printf(
	    "longlined: messages through plain HTTP, kept as long as you say; a FastCGI daemon behind nginx\n\n"
	    "  --socket PATH            listening socket (/run/longline/longlined.sock), unless one is inherited\n"
	    "  --database PATH          the log (/var/lib/longline/longline.db)\n"
	    "  --pid-file PATH          written once it is ready\n"
	    "  --host NAME              requests are for this host, and no other; may be given several times\n"
	    "  --cors ORIGIN            pages of this origin, or * for all, may use it too; may be given %d times\n"
	    "  --ephemeral NAMES        Socket.IO events that are passed on but not stored (typing), commas between\n"
	    "  --limit [CLASS.]NAME=RATE:BURST|COUNT|off\n"
	    "                           how much one person may, as in messages=10/s:300 or user.sessions=256; may be\n"
	    "                           given several times\n"
	    "  --trusted user:NAME      this user has the limits of those who are trusted; may be given %d times\n"
	    "  --jwt-key FILE           tokens signed with the key in this file are taken; may be given %d times\n"
	    "  --keep-days DAYS|off     messages are deleted that are older: 30, 0.5, or a time such as 12h (off)\n"
	    "  --keep-messages N|off    and those of a room but its newest N (off)\n"
	    "  --keep-room NAME=TIME|N|TIME,N|off\n"
	    "                           instead of both, for this room, or all that begin so, as in ci-*=30d; the "
	    "longest\n"
	    "                           NAME decides; may be given %d times\n"
	    "  --trust-loopback         strangers of this machine are trusted, and may change others' messages\n"
	    "  --no-websocket           Socket.IO clients stay on long-polling\n"
	    "  --log-level LEVEL        error, warning, info (default) or debug\n"
	    "  --check                  only look whether it could start so, and say each fault\n"
	    "  --new-epoch              tell readers that the log is another one: after restoring a backup\n",
	    ORIGINS_MAX, CONFIG_TRUSTED_MAX, CONFIG_JWT_KEYS_MAX, KEEP_ROOMS_MAX);
	config_help_numbers();
	printf("  --help, --version\n");
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

static int
set_limit(struct config *c, const char *text)
{
	char error[LIMIT_ERROR_SIZE];

	if (limits_read(&c->limits, str_of(text), error))
		return -1;
	log_refusal("--limit %s: %s", text, error);
	return EXIT_OPTIONS;
}

static int
set_keep(struct config *c, int which, const char *text)
{
	char error[KEEP_ERROR_SIZE];
	struct str value = str_of(text);

	if (which == KEEP_DAYS       ? keep_read_days(&c->keep, value, error)
	    : which == KEEP_MESSAGES ? keep_read_messages(&c->keep, value, error)
	                             : keep_read_room(&c->keep, value, error))
		return -1;
	log_refusal("--keep-%s %s: %s",
	    which == KEEP_DAYS       ? "days"
	    : which == KEEP_MESSAGES ? "messages"
	                             : "room",
	    text, error);
	return EXIT_OPTIONS;
}

static int
set_trusted(struct config *c, const char *text)
{
	struct str user = str_of(text);
	bool ok = str_starts(user, STR("user:")) && user.n > 5 && user.n <= 5 + 123 && str_utf8(user);

	if (ok && c->n_trusted < CONFIG_TRUSTED_MAX) {
		c->trusted[c->n_trusted++] = text;
		return -1;
	}
	if (ok)
		log_refusal("--trusted may be given %d times, and not once more for '%s'", CONFIG_TRUSTED_MAX, text);
	else
		log_refusal(
		    "--trusted must be user: and a name of 1 to 123 bytes of UTF-8, such as user:ann, not '%s'", text);
	return EXIT_OPTIONS;
}

static int
set_jwt_key(struct config *c, const char *text)
{
	if (*text != '\0' && c->n_jwt_keys < CONFIG_JWT_KEYS_MAX) {
		c->jwt_keys[c->n_jwt_keys++] = text;
		return -1;
	}
	if (*text == '\0')
		log_refusal("--jwt-key must be a file, not ''");
	else
		log_refusal("--jwt-key may be given %d times, and not once more for '%s'", CONFIG_JWT_KEYS_MAX, text);
	return EXIT_OPTIONS;
}

int
config_set_word(struct config *c, int which, char *text)
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
	case LIMIT:
		return set_limit(c, text);
	case TRUSTED:
		return set_trusted(c, text);
	case JWT_KEY:
		return set_jwt_key(c, text);
	case KEEP_DAYS:
	case KEEP_MESSAGES:
	case KEEP_ROOM:
		return set_keep(c, which, text);
	case TRUST_LOOPBACK:
		c->trust_loopback = true;
		return -1;
	case NO_WEBSOCKET:
		c->no_websocket = true;
		return -1;
	case LOG_LEVEL:
		return set_level(c, text);
	case NEW_EPOCH:
		c->new_epoch = true;
		return -1;
	case CHECK:
		c->check = true;
		return -1;
	case HELP:
		help();
		return 0;
	case VERSION:
		printf("longlined %s\n", longline_version);
		return 0;
	default:
		return EXIT_OPTIONS;
	}
}
