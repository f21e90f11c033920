#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jwt.h"

/* What is wrong with it, or NULL. One byte more than a key has, and its line feed, tells that it is too long. */
static const char *
read_all(int fd, char bytes[JWT_KEY_MAX + 2], size_t *n)
{
	struct stat st;
	ssize_t got = 1;

	if (fd < 0 || fstat(fd, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is no file";
	for (*n = 0; got > 0 && *n < JWT_KEY_MAX + 2; *n += (size_t)got) {
		got = read(fd, bytes + *n, JWT_KEY_MAX + 2 - *n);
		if (got < 0)
			return strerror(errno);
	}
	return NULL;
}

static int
read_key(struct jwt_key *key, const char *file, char error[STORE_ERROR_SIZE])
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char bytes[JWT_KEY_MAX + 2];
	size_t n = 0;
	const char *wrong = read_all(fd, bytes, &n);

	if (fd >= 0)
		close(fd);
	if (wrong == NULL && n > 0 && bytes[n - 1] == '\n')
		n--;
	if (wrong != NULL)
		snprintf(error, STORE_ERROR_SIZE, "cannot read the JWT key %s: %s", file, wrong);
	else if (n < JWT_KEY_MIN)
		snprintf(error, STORE_ERROR_SIZE, "the JWT key in %s has %zu bytes, expected at least %d", file, n,
		    JWT_KEY_MIN);
	else if (n > JWT_KEY_MAX)
		snprintf(error, STORE_ERROR_SIZE, "the JWT key in %s has more than %d bytes", file, JWT_KEY_MAX);
	else {
		key->n = n;
		memcpy(key->bytes, bytes, n);
	}
	explicit_bzero(bytes, sizeof bytes);
	return wrong == NULL && n >= JWT_KEY_MIN && n <= JWT_KEY_MAX ? 0 : -1;
}

int
jwt_keys_read(struct jwt_keys *keys, const char *const *files, size_t n, char error[STORE_ERROR_SIZE])
{
	struct jwt_keys now = {.n = n};
	int result = 0;

	if (n > JWT_KEYS_MAX) {
		snprintf(error, STORE_ERROR_SIZE, "there may be %d JWT keys at most, not %zu", JWT_KEYS_MAX, n);
		return -1;
	}
	for (size_t i = 0; i < n && result == 0; i++)
		result = read_key(&now.v[i], files[i], error);
	if (result == 0)
		*keys = now;
	explicit_bzero(&now, sizeof now);
	return result;
}
