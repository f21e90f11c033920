/*
 * Whatever origin is let in is found again as browsers write it, is fit for a header, and is of the host that it names.
 * The input is an origin, a line end and a host.
 */
#include "web/origin.h"

#include "fuzz.h"

static void
let_in(char *text)
{
	struct origins o = {.any = false};
	struct str host;

	if (origins_add(&o, text) != NULL) {
		MUST(o.n == 0 && !o.any);
		return;
	}
	if (o.any)
		return;
	MUST(o.n == 1 && origins_find(&o, str_of(text)) == ORIGIN_NAMED);
	for (size_t i = 0; i < o.named[0].n; i++)
		MUST(o.named[0].p[i] > ' ' && o.named[0].p[i] < 0x7F && o.named[0].p[i] != '*');
	host = str_of(strstr(text, "://") + 3);
	MUST(origin_is_host(str_of(text), host) == (strncmp(text, "http:", 5) == 0 || strncmp(text, "https:", 6) == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str host = {(const char *)bytes, n}, origin = str_cut(&host, '\n');
	char *text = malloc(origin.n + 1);

	MUST(text != NULL);
	memcpy(text, origin.p, origin.n);
	text[origin.n] = '\0';
	if (origin_is_host(origin, host))
		MUST(str_starts(origin, STR("h")) || str_starts(origin, STR("H")));
	let_in(text);
	free(text);
	return 0;
}
