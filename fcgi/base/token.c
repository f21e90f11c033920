#include "token.h"

#include <assert.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <sys/random.h>

enum { ID_BYTES = 15 };

static void
random_bytes(unsigned char *p, size_t n)
{
	/* Up to 256 bytes come whole once the kernel's generator is ready, and getrandom waits for that. */
	ssize_t got = getrandom(p, n, 0);

	assert(got == (ssize_t)n);
}

static void
to_text(char text[TOKEN_ID_SIZE], const unsigned char bytes[ID_BYTES])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (int i = 0, j = 0; i < ID_BYTES; i += 3, j += 4) {
		unsigned v = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];

		for (int k = 0; k < 4; k++)
			text[j + k] = alphabet[v >> (18 - 6 * k) & 63];
	}
	text[TOKEN_ID_SIZE - 1] = '\0';
}

void
token_id(char id[TOKEN_ID_SIZE])
{
	unsigned char bytes[ID_BYTES];

	random_bytes(bytes, sizeof bytes);
	to_text(id, bytes);
}

void
token_secret(unsigned char secret[TOKEN_SECRET_SIZE])
{
	random_bytes(secret, TOKEN_SECRET_SIZE);
}

void
token_hash(struct str bytes, unsigned char hash[TOKEN_HASH_SIZE])
{
	struct sha256_ctx sha256;

	sha256_init(&sha256);
	sha256_update(&sha256, bytes.n, (const unsigned char *)bytes.p);
	sha256_digest(&sha256, TOKEN_HASH_SIZE, hash);
}

void
token_hmac(struct str key, struct str text, unsigned char hmac[TOKEN_HASH_SIZE])
{
	struct hmac_sha256_ctx context;

	hmac_sha256_set_key(&context, key.n, (const unsigned char *)key.p);
	hmac_sha256_update(&context, text.n, (const unsigned char *)text.p);
	hmac_sha256_digest(&context, TOKEN_HASH_SIZE, hmac);
}

void
token_sign(const unsigned char secret[TOKEN_SECRET_SIZE], struct str text, char signature[TOKEN_ID_SIZE])
{
	unsigned char hmac[TOKEN_HASH_SIZE];

	token_hmac((struct str){(const char *)secret, TOKEN_SECRET_SIZE}, text, hmac);
	to_text(signature, hmac);
}

void
token_sha1(struct str bytes, char text[TOKEN_SHA1_SIZE])
{
	struct sha1_ctx sha1;
	unsigned char hash[SHA1_DIGEST_SIZE];

	sha1_init(&sha1);
	sha1_update(&sha1, bytes.n, (const unsigned char *)bytes.p);
	sha1_digest(&sha1, sizeof hash, hash);
	base64_encode_raw(text, sizeof hash, hash);
	text[TOKEN_SHA1_SIZE - 1] = '\0';
}

bool
token_same(const void *a, const void *b, size_t n)
{
	return memeql_sec(a, b, n);
}

bool
token_check(const unsigned char secret[TOKEN_SECRET_SIZE], struct str text, struct str signature)
{
	char right[TOKEN_ID_SIZE];

	token_sign(secret, text, right);
	return signature.n == TOKEN_ID_SIZE - 1 && token_same(right, signature.p, signature.n);
}

void
token_add_base64(struct buf *b, struct str bytes)
{
	size_t n = BASE64_ENCODE_RAW_LENGTH(bytes.n);

	/* Adding to a NULL pointer is undefined, and an empty buf has one. */
	if (n == 0 || !buf_reserve(b, n))
		return;
	base64_encode_raw(b->p + b->n, bytes.n, (const unsigned char *)bytes.p);
	b->n += n;
}

/* The value of a character of either alphabet, or -1. */
static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

void
token_add_decoded(struct buf *b, struct str base64)
{
	unsigned bits = 0, n = 0;

	if (!buf_reserve(b, base64.n))
		return;
	for (size_t i = 0; i < base64.n && base64.p[i] != '='; i++) {
		int v = value_of(base64.p[i]);

		if (v < 0)
			continue;
		bits = bits << 6 | (unsigned)v;
		n += 6;
		if (n >= 8) {
			n -= 8;
			b->p[b->n++] = (char)(bits >> n & 0xFF);
		}
	}
}

bool
token_add_base64url(struct buf *b, struct str base64url)
{
	unsigned bits = 0, n = 0;

	if (base64url.n % 4 == 1)
		return false;
	buf_reserve(b, base64url.n);
	for (size_t i = 0; i < base64url.n; i++) {
		char c = base64url.p[i];
		int v = c == '+' || c == '/' ? -1 : value_of(c);

		if (v < 0)
			return false;
		bits = bits << 6 | (unsigned)v;
		n += 6;
		if (n >= 8) {
			n -= 8;
			buf_add_char(b, (char)(bits >> n & 0xFF));
		}
	}
	/* What is left over carries nothing. */
	return (bits & ((1U << n) - 1)) == 0;
}
