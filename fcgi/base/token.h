/*
 * token: random ids, hashes, signatures, base64.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "buf.h"

/* 20 characters of A-Za-z0-9_-: 120 bits of getrandom(2). */
enum { TOKEN_ID_SIZE = 21 };
void token_id(char id[TOKEN_ID_SIZE]);

/* A secret to sign with. */
enum { TOKEN_SECRET_SIZE = 32 };
void token_secret(unsigned char secret[TOKEN_SECRET_SIZE]);

/* The first 120 bits of HMAC-SHA256 of text, as 20 characters like an id. */
void token_sign(const unsigned char secret[TOKEN_SECRET_SIZE], struct str text, char signature[TOKEN_ID_SIZE]);

/* Whether signature is that of text; takes as long for any wrong one. */
bool token_check(const unsigned char secret[TOKEN_SECRET_SIZE], struct str text, struct str signature);

/* SHA-256, and HMAC with it (RFC 2104). */
enum { TOKEN_HASH_SIZE = 32 };
void token_hash(struct str bytes, unsigned char hash[TOKEN_HASH_SIZE]);
void token_hmac(struct str key, struct str text, unsigned char hmac[TOKEN_HASH_SIZE]);

/* SHA-1 as base64 with padding, and a byte 0: for WebSocket's handshake (RFC 6455), where no secret stands on it. */
enum { TOKEN_SHA1_SIZE = 29 };
void token_sha1(struct str bytes, char text[TOKEN_SHA1_SIZE]);

/* Whether n bytes are the same; takes as long wherever they differ. */
bool token_same(const void *a, const void *b, size_t n);

/* Standard base64 with padding (RFC 4648 section 4). */
void token_add_base64(struct buf *b, struct str bytes);

/* The bytes of a base64 text as lenient decoders read it: padding optional, the URL alphabet too, others skipped. */
void token_add_decoded(struct buf *b, struct str base64);

/* The bytes of a base64url text without padding (RFC 4648 section 5, RFC 7515 section 2); false: it is none, as bytes
 * have but one such text. Without memory b has failed. */
bool token_add_base64url(struct buf *b, struct str base64url);

#endif
