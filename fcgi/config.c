#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "config_state.h"

/* What getopt_long() did not take, by its ':' or '?'; optopt says which. */
static int
refuse(const struct option *options, int which)
{
	const char *name = "";

	for (; options->name != NULL; options++)
		name = options->val == optopt ? options->name : name;
	if (which == ':')
		log_refusal("--%s needs a value; see longlined --help", name);
	else if (name[0] != '\0')
		log_refusal("--%s takes no value", name);
	else
		log_refusal("there is no option -%c; see longlined --help", optopt);
	return EXIT_OPTIONS;
}

/*
 * An option is written in full: getopt_long() would take the beginning of one as well, and a script that relies on it
 * breaks with the next option that begins alike. -1: it is whole, or not a long option. What is refused is passed over,
 * with the value that it seems to have.
 */
static int
refuse_part(const struct option *options, int argc, char **argv)
{
	const char *argument = argv[optind];
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
	optind++;
	if (strchr(argument, '=') == NULL && optind < argc && argv[optind][0] != '-')
		optind++;
	return EXIT_OPTIONS;
}

int
config_read(struct config *c, int argc, char **argv)
{
	struct option options[CONFIG_WORDS_MAX + CONFIG_NUMBERS_MAX + 1] = {{0}};
	int words = config_word_options(options), which, fault = -1, result = -1;

	*c = (struct config){.socket = "/run/longline/longlined.sock",
	    .database = "/var/lib/longline/longline.db",
	    .ephemeral = "typing",
	    .log_level = LOG_INFO};
	limits_init(&c->limits);
	config_default_numbers(c);
	config_number_options(options + words);
	while (fault != 0 && optind < argc) {
		if ((fault = refuse_part(options, argc, argv)) < 0) {
			if ((which = getopt_long(argc, argv, "+:", options, NULL)) == -1)
				break;
			fault = which >= CONFIG_WORD         ? config_set_word(c, which, optarg)
			        : which < CONFIG_NUMBERS_MAX ? config_set_number(c, which, optarg)
			                                     : refuse(options, which);
		}
		result = fault > result ? fault : result;
	}
	if (fault != 0 && optind < argc) {
		log_refusal("unexpected argument '%s'; see longlined --help", argv[optind]);
		result = EXIT_OPTIONS;
	}
	c->keep.grace_ms = c->keep_grace_s * 1000;
	c->keep.every_ms = c->keep_every_s * 1000;
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
	    .reply_max = (size_t)c->reply_max,
	    .upgrade_timeout_ms = c->upgrade_timeout_ms};
}
