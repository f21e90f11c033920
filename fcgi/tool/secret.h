/*
 * secret: what a token is presented by.
 */
#ifndef SECRET_H
#define SECRET_H

/* `ll_` and 32 characters of base32 in lower case (a-z2-7): 160 random bits; and the byte 0. */
enum { SECRET_SIZE = 36, SECRET_HASH_BYTES = 32 };

/* A new one, and the hash that is kept of it: SHA-256 of all its characters. */
void secret_new(char text[SECRET_SIZE], unsigned char hash[SECRET_HASH_BYTES]);

#endif
