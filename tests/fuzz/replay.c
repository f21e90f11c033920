/*
 * replay FILE-OR-FOLDER...: runs a fuzz target over files; it is linked with one target.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "fuzz.h"

static int
run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct buf b;
	size_t n;
	char *exact;

	if (f == NULL) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		return -1;
	}
	buf_init(&b, 64 << 20);
	while (buf_reserve(&b, 65536) && (n = fread(b.p + b.n, 1, 65536, f)) > 0)
		b.n += n;
	fclose(f);
	/* In memory of just that size, so that AddressSanitizer sees a byte read too far. */
	exact = malloc(b.n + (b.n == 0));
	if (exact == NULL || !buf_ok(&b)) {
		fprintf(stderr, "replay: %s: no memory\n", path);
		buf_fini(&b);
		free(exact);
		return -1;
	}
	memcpy(exact, b.p, b.n);
	LLVMFuzzerTestOneInput((const uint8_t *)exact, b.n);
	buf_fini(&b);
	free(exact);
	return 0;
}

/* How many files were run; -1 after an error, which was said. */
static int
run(const char *path)
{
	struct stat st;
	struct dirent *entry;
	DIR *folder;
	int files = 0;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return run_file(path) == 0 ? 1 : -1;
	folder = opendir(path);
	if (folder == NULL) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while (files >= 0 && (entry = readdir(folder)) != NULL) {
		char file[PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
		files = run_file(file) == 0 ? files + 1 : -1;
	}
	closedir(folder);
	return files;
}

int
main(int argc, char **argv)
{
	int files = 0;

	for (int i = 1; i < argc; i++) {
		int n = run(argv[i]);

		if (n < 0)
			return 1;
		files += n;
	}
	printf("%d inputs\n", files);
	return files == 0;
}
