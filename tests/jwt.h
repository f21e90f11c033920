/*
 * jwt: tokens as an application makes them, for unit tests and fuzz targets.
 */
#ifndef TESTS_JWT_H
#define TESTS_JWT_H

#include "base/token.h"

/* Adds what stands in bytes as base64url, without padding. */
static inline void
jwt_add_part(struct buf *b, struct str bytes)
{
	size_t from = b->n;

	token_add_base64(b, bytes);
	for (size_t i = from; i < b->n; i++)
		b->p[i] = (char)(b->p[i] == '+' ? '-' : b->p[i] == '/' ? '_' : b->p[i]);
	while (b->n > from && b->p[b->n - 1] == '=')
		b->n--;
}

/* A whole token, in b, which is emptied before. */
static inline void
jwt_sign(struct buf *b, struct str key, struct str header, struct str claims)
{
	unsigned char hmac[TOKEN_HASH_SIZE];

	buf_reset(b, SIZE_MAX);
	jwt_add_part(b, header);
	buf_add_char(b, '.');
	jwt_add_part(b, claims);
	token_hmac(key, buf_str(b), hmac);
	buf_add_char(b, '.');
	jwt_add_part(b, (struct str){(const char *)hmac, sizeof hmac});
}

#endif
