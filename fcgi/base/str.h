/*
 * str: a view of bytes, a pointer and a length.
 *
 * Everything that arrives from the network is handled as views, so that nothing is copied before it is known to be
 * wanted and no byte 0 in the middle cuts anything short. A view owns nothing.
 */
#ifndef STR_H
#define STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	const char *p;
	size_t n;
};

/* A view of a string literal, and the arguments for a %.*s. */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_ARGS(s) (int)(s).n, (s).p

struct str str_of(const char *c_string);
bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);

/* Without its first n bytes, of which there must be as many. */
static inline struct str
str_skip(struct str s, size_t n)
{
	return (struct str){s.p + n, s.n - n};
}

/* Without the blanks and tabs at both ends. */
struct str str_trim(struct str s);

/* Cuts *s at the first `at`: returns what was before it and leaves in *s what comes after (empty when there is none).
 */
struct str str_cut(struct str *s, char at);

/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF). */
bool str_utf8(struct str s);

/* How many bytes at the beginning of s are ASCII. */
size_t str_ascii(struct str s);

/* The length of the well-formed UTF-8 sequence at the beginning of s, or 0 when it begins with none. */
size_t str_utf8_char(struct str s);

/* The value of a hexadecimal digit, or -1. */
int str_hex(char c);

/* Plain decimal digits and nothing else, at most max: true, and the value in *value. */
bool str_uint(struct str s, uint64_t max, uint64_t *value);

#endif
