/* proc: the CPU time of the servers' processes, by groups, in nanoseconds. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

static struct group {
	char name[32];
	int pids[PIDS_MAX], n;
} groups[GROUPS_MAX];
static int n_groups;

void
groups_set(char *words)
{
	char *word, *next_word;

	n_groups = 0;
	for (word = strtok_r(words, " ", &next_word); word != NULL && n_groups < GROUPS_MAX;
	     word = strtok_r(NULL, " ", &next_word)) {
		struct group *g = &groups[n_groups];
		char *list = strchr(word, '='), *next;

		if (list == NULL)
			continue;
		*list++ = '\0';
		snprintf(g->name, sizeof g->name, "%s", word);
		g->n = 0;
		for (char *pid = strtok_r(list, ",", &next); pid != NULL && g->n < PIDS_MAX;
		     pid = strtok_r(NULL, ",", &next))
			g->pids[g->n++] = atoi(pid);
		n_groups++;
	}
}

/* All threads of a process. Its ticks would be too coarse: they are 10 ms each. */
static int64_t
process_ns(int pid)
{
	char path[64 + sizeof((struct dirent *)0)->d_name];
	int64_t sum = 0;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	if ((d = opendir(path)) == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		int64_t ns;
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, e->d_name);
		if ((f = fopen(path, "r")) == NULL)
			continue;
		if (fscanf(f, "%" SCNd64, &ns) == 1)
			sum += ns;
		fclose(f);
	}
	closedir(d);
	return sum;
}

struct usage
groups_usage(void)
{
	struct usage u = {.n = n_groups};

	for (int i = 0; i < n_groups; i++)
		for (int k = 0; k < groups[i].n; k++)
			u.ns[i] += process_ns(groups[i].pids[k]);
	return u;
}

void
groups_print(const struct usage *from, const struct usage *to)
{
	printf("\"cpu_us\":{");
	for (int i = 0; i < n_groups; i++)
		printf("%s\"%s\":%.1f", i > 0 ? "," : "", groups[i].name, (double)(to->ns[i] - from->ns[i]) / 1e3);
	printf("}");
}
