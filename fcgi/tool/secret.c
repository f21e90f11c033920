#include "secret.h"

#include <string.h>

#include "base/token.h"

enum { BYTES = 20 };
_Static_assert((int)TOKEN_SECRET_SIZE >= (int)BYTES, "token_secret() gives as many random bytes");
_Static_assert(SECRET_SIZE == 3 + BYTES * 8 / 5 + 1, "each character has five bits");

void
secret_new(char text[SECRET_SIZE], unsigned char hash[SECRET_HASH_BYTES])
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char bytes[TOKEN_SECRET_SIZE];
	unsigned bits = 0, n = 0;
	char *at = text + 3;

	token_secret(bytes);
	memcpy(text, "ll_", 3);
	for (int i = 0; i < BYTES; i++) {
		bits = bits << 8 | bytes[i];
		for (n += 8; n >= 5; n -= 5)
			*at++ = alphabet[bits >> (n - 5) & 31];
	}
	*at = '\0';
	token_hash((struct str){text, SECRET_SIZE - 1}, hash);
	explicit_bzero(bytes, sizeof bytes);
}
