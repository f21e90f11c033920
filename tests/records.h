/*
 * records: what a web server writes to a FastCGI application (fastcgi.h has the types), for tests in C.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include <fastcgi.h>

#include "base/buf.h"

/* One record; pad bytes of rubbish behind it. */
static inline void
add_record(struct buf *b, int type, unsigned id, struct str content, unsigned pad)
{
	unsigned char head[FCGI_HEADER_LEN] = {FCGI_VERSION_1, (unsigned char)type, (unsigned char)(id >> 8),
	    (unsigned char)id, (unsigned char)(content.n >> 8), (unsigned char)content.n, (unsigned char)pad, 0};

	buf_add(b, (struct str){(char *)head, sizeof head});
	buf_add(b, content);
	for (unsigned i = 0; i < pad; i++)
		buf_add_char(b, '!');
}

static inline void
add_begin(struct buf *b, unsigned id, int role, int flags)
{
	char content[8] = {(char)(role >> 8), (char)role, (char)flags};

	add_record(b, FCGI_BEGIN_REQUEST, id, (struct str){content, sizeof content}, 0);
}

/* A parameter, as the content of FCGI_PARAMS has it. */
static inline void
add_param(struct buf *b, struct str name, struct str value)
{
	size_t lengths[] = {name.n, value.n};

	for (int i = 0; i < 2; i++) {
		for (int shift = 24; shift > 0 && lengths[i] >= 128; shift -= 8)
			buf_add_char(b, (char)(lengths[i] >> shift | (shift == 24 ? 0x80 : 0)));
		buf_add_char(b, (char)lengths[i]);
	}
	buf_add(b, name);
	buf_add(b, value);
}

#endif
