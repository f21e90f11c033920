/*
 * record: walks the FastCGI records of one request, without a copy.
 *
 * It stands in front of libfcgi, which can block on half a request and be crashed by a hostile one. Accepted is what a
 * web server sends to a responder (FastCGI specification 1.0, sections 3.3 and 6.2): BEGIN_REQUEST, PARAMS whose
 * lengths stay inside their record, STDIN up to the empty record; no management record, nothing behind the end.
 */
#ifndef RECORD_H
#define RECORD_H

#include "base/str.h"

enum record_result { RECORD_PART, RECORD_WHOLE, RECORD_BAD };

enum { RECORD_PARAMS_MAX = 128 * 1024 }; /* bytes of all PARAMS records of a request */

struct record_walk {
	enum { RECORD_BEGIN, RECORD_PARAMS, RECORD_STDIN, RECORD_END } expects;
	uint16_t request_id;
	bool keep; /* FCGI_KEEP_CONN */
	bool nul;  /* a byte 0 stands in a parameter, behind which libfcgi knows no more of it */
	size_t params_n, body_n;
	size_t done; /* bytes walked: a whole number of records */
};

/*
 * Walks on from w->done in bytes, which begin where the walk began (w all zero). A STDIN record that would bring the
 * body over body_max ends the step: *over is set to its length, and the caller takes it out of the bytes.
 */
enum record_result record_walk(struct record_walk *w, struct str bytes, size_t body_max, size_t *over);

/*
 * Goes on behind a body that was too long, from *at, where w stands or later: over whole STDIN records, until the one
 * that ends the stream. RECORD_PART: *at is where to go on with more bytes. RECORD_WHOLE: *at is where that last record
 * begins, and it ends the bytes.
 */
enum record_result record_skip(const struct record_walk *w, struct str bytes, size_t *at);

#endif
