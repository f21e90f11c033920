#include "histogram.h"

#include <inttypes.h>

static const struct {
	int64_t us;
	const char *seconds;
} BOUNDS[HISTOGRAM_BOUNDS] = {
    {100, "0.0001"},
    {250, "0.00025"},
    {500, "0.0005"},
    {1000, "0.001"},
    {2500, "0.0025"},
    {5000, "0.005"},
    {10000, "0.01"},
    {25000, "0.025"},
    {50000, "0.05"},
    {100000, "0.1"},
    {250000, "0.25"},
    {500000, "0.5"},
    {1000000, "1"},
    {2500000, "2.5"},
    {5000000, "5"},
    {10000000, "10"},
};

void
histogram_add(struct histogram *h, int64_t us)
{
	size_t i = 0;

	while (i < HISTOGRAM_BOUNDS && us > BOUNDS[i].us)
		i++;
	h->n[i]++;
	if (us > 0)
		h->sum_us += (uint64_t)us;
}

void
histogram_write(const struct histogram *h, struct buf *b, const char *name, const char *help)
{
	uint64_t n = 0;

	buf_printf(b, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		n += h->n[i];
		buf_printf(b, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", name, BOUNDS[i].seconds, n);
	}
	n += h->n[HISTOGRAM_BOUNDS];
	buf_printf(b, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %" PRIu64 ".%06u\n%s_count %" PRIu64 "\n", name, n,
	    name, h->sum_us / 1000000, (unsigned)(h->sum_us % 1000000), name, n);
}
