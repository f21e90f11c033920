/*
 * json: bytes to the members of an object; validation.
 *
 * yajl finds the tokens; what a message carries on is the text as it came, never a tree made anew, so that no number
 * loses a digit and nothing is too deep for a library's own limits.
 */
#ifndef JSON_H
#define JSON_H

#include "buf.h"

enum json_type { JSON_STRING, JSON_ARRAY, JSON_OTHER };

/* A member of the outermost object: a string decoded, an array or an object as it came, a number, true, false or null
 * as its text. An object is a JSON_OTHER. */
typedef void json_member_fn(void *ctx, struct str name, enum json_type type, struct str value);

enum json_result { JSON_OK, JSON_BAD, JSON_TOO_DEEP, JSON_NO_MEMORY };

/*
 * Calls fn for each member of the object in text, in order; duplicate names are fn's to notice. Values live until fn
 * returns. An array may be depth_max deep, itself counted. On JSON_BAD, `error` says what is wrong. Names may be called
 * for before the error further on is found.
 */
enum { JSON_ERROR_SIZE = 160 };
enum json_result json_object(
    struct str text, size_t depth_max, json_member_fn *fn, void *ctx, char error[JSON_ERROR_SIZE]);

/*
 * A JSON array, well-formed UTF-8, without lone surrogates, at most depth_max deep. fn, unless NULL, is called for each
 * element, with an empty name.
 */
enum json_result json_array(struct str text, size_t depth_max, json_member_fn *fn, void *ctx);

/*
 * Whether text is certainly a JSON array, quickly: then json_array() would say JSON_OK, but for bytes in strings that
 * are no UTF-8. If not, it may still be one (of more than 64 levels, or with a surrogate pair in escapes).
 */
bool json_certain(struct str text);

/* What the payload of a Socket.IO packet is. */
struct json_payload {
	bool is_array;          /* else an object */
	size_t n;               /* elements of the array */
	enum json_type first;   /* of the first element */
	bool first_number;      /* a JSON_OTHER that is a number */
	struct str first_value; /* when it is a string: decoded, in `strings` */
	size_t first_end;       /* where its text ends */
	unsigned placeholders;  /* a bit for each attachment that is named */
	bool bad_placeholder;   /* one names an attachment that there cannot be */
	struct buf strings;     /* buf_fini() it, whatever the result */
};

/*
 * An array or object, at most depth_max deep (the outermost counted), with the objects in it that stand for attachments
 * ({"_placeholder":true,"num":0}; socket.io-parser). Text must be well-formed UTF-8.
 */
enum json_result json_payload(struct str text, size_t depth_max, struct json_payload *payload);

/* Replaces escaped halves of surrogate pairs, which nothing can carry on, by \ufffd, in place. The text must be good
 * JSON otherwise. */
void json_mend(char *p, size_t n);

#endif
