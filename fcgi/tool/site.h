/*
 * site: where a log is to be asked for by HTTP, and the token that it is asked with.
 *
 * The address is that of --url, else of LONGLINE_URL, else of ~/.config/longline; the token is that of --token-file,
 * else of LONGLINE_TOKEN, else of ~/.config/longline, a file of lines `url=…` and `token=…`. The file's token is for
 * the file's address: it is not sent to another one. A secret is never an argument, since everybody sees those, and a
 * file that has one and that others can read is refused.
 */
#ifndef SITE_H
#define SITE_H

#include "base/str.h"
#include "command.h"

struct site {
	char *url;   /* without a slash at its end: https://host/chat */
	char *shown; /* the same without a user and a password in it, to be printed */
	char *token; /* NULL: none */
};

/* The options that site_read() looks at, for tables of commands. */
#define SITE_OPTIONS                                                                                                   \
	{"url", "URL", "the address of the site; without it LONGLINE_URL or ~/.config/longline says so"},              \
	{                                                                                                              \
		"token-file", "FILE", "has the token; without it LONGLINE_TOKEN or ~/.config/longline says it, if any" \
	}

/* 0: it is known; else how the program ends, said. site_fini() it in both cases. */
int site_read(struct site *s, const struct call *call);
void site_fini(struct site *s);

/* What is wrong with an address, in words; NULL: nothing. */
enum { SITE_URL_MAX = 2048 };
const char *site_url_wrong(struct str url);

/* Whether a text can be a token: 1 to 8192 visible characters of ASCII. */
enum { SITE_TOKEN_MAX = 8192 };
bool site_token_ok(struct str token);

/* The lines of a file; what is not said is empty. The number of the first line that is none of these, 0: all are. */
struct site_lines {
	struct str url, token;
};
size_t site_read_lines(struct str text, struct site_lines *lines);

#endif
