#include "paging.h"

#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "store/message.h"

/* How long one try may take. */
enum { TRY_MS = 30000 };

static int
no_memory(void)
{
	say_error("out of memory");
	return COMMAND_FAILED;
}

/* Page of what stands on one side of id; 0: the newest of all. */
static int
ask(struct paging *p, const char *side, int64_t id, uint64_t limit, struct answer *a)
{
	struct str body;
	int result;

	*a = (struct answer){.n = 0};
	p->target.n = p->target_n;
	buf_printf(&p->target, "&limit=%llu", (unsigned long long)limit);
	if (side != NULL)
		buf_printf(&p->target, "&%s=%lld", side, (long long)id);
	buf_add_char(&p->target, '\0');
	if (!buf_ok(&p->target))
		return no_memory();
	result = asking_get(p->asking, p->target.p, TRY_MS, &body);
	return result == 0 && answer_read(a, body) != 0 ? COMMAND_FAILED : result;
}

static int
push(struct paging *p, int64_t before, int64_t floor)
{
	if (p->n == p->room) {
		size_t room = p->room == 0 ? 64 : p->room * 2;
		struct paging_page *larger = realloc(p->pages, room * sizeof *larger);

		if (larger == NULL)
			return no_memory();
		p->pages = larger;
		p->room = room;
	}
	p->pages[p->n++] = (struct paging_page){before, floor};
	return 0;
}

static int
show(struct paging *p, struct str json, int64_t floor)
{
	struct told told;
	int result = told_read(&told, json) != 0 ? COMMAND_FAILED : 0;

	if (result == 0 && told.id >= floor)
		result = p->fn(p->ctx, &told);
	told_fini(&told);
	return result;
}

/* Those of a page, oldest first. */
static int
show_page(struct paging *p, const struct answer *a, int64_t floor)
{
	int result = 0;

	for (size_t i = 0; i < a->n && result == 0; i++)
		result = show(p, a->messages[p->search ? a->n - 1 - i : i], floor);
	return result;
}

static int
id_of(struct str json, int64_t *id)
{
	struct told told;
	int result = told_read(&told, json) != 0 ? COMMAND_FAILED : 0;

	*id = told.id;
	told_fini(&told);
	return result;
}

/* The ids of the oldest and of the newest of a page that has some. */
static int
borders(const struct paging *p, const struct answer *a, int64_t *oldest, int64_t *newest)
{
	int result = id_of(a->messages[p->search ? a->n - 1 : 0], oldest);

	return result == 0 ? id_of(a->messages[p->search ? 0 : a->n - 1], newest) : result;
}

/* The borders of a page on the way back, and where the next one ends; *before is 0 when there is none. */
static int
note_page(struct paging *p, const struct answer *a, int64_t *before, uint64_t *left)
{
	int64_t oldest = 0, newest = 0, end = *before;
	int result = a->n == 0 ? 0 : borders(p, a, &oldest, &newest);

	*before = a->older != 0 && (end == 0 || a->older < end) ? a->older : 0;
	*left -= a->n < *left ? a->n : *left;
	if (result != 0 || a->n == 0)
		return result;
	/* What comes after this is no more of the newest page. */
	return push(p, end == 0 ? newest + 1 : end, oldest);
}

/* Back to the oldest page that is wanted, which is shown. */
static int
go_back(struct paging *p)
{
	uint64_t left = p->all ? UINT64_MAX : p->count;
	int64_t before = 0;
	int result = 0;
	bool more = left > 0;

	while (result == 0 && more) {
		struct answer a;

		result = ask(p, before == 0 ? NULL : "before", before, left < PAGING_LIMIT ? left : PAGING_LIMIT, &a);
		if (result == 0)
			result = note_page(p, &a, &before, &left);
		more = before != 0 && left > 0;
		if (result == 0 && !more && a.n > 0) {
			result = show_page(p, &a, 0);
			p->n--;
		}
		answer_fini(&a);
	}
	return result;
}

/* Shows a page whose borders are known, or, where it has become shorter, puts what is missing before it. */
static int
show_again(struct paging *p, struct paging_page page)
{
	int64_t oldest = 0, newest = 0;
	struct answer a;
	int result = ask(p, "before", page.before, PAGING_LIMIT, &a);

	if (result == 0 && a.n > 0)
		result = borders(p, &a, &oldest, &newest);
	if (result == 0 && a.n > 0 && oldest > page.floor && a.older != 0 && oldest < page.before) {
		result = push(p, page.before, oldest);
		if (result == 0)
			result = push(p, oldest, page.floor);
	} else if (result == 0)
		result = show_page(p, &a, page.floor);
	answer_fini(&a);
	return result;
}

/* All of them in their own order. */
static int
go_forward(struct paging *p)
{
	int64_t after = 0;
	int result = 0;
	bool more = true;

	while (result == 0 && more) {
		struct answer a;

		result = ask(p, "after", after, PAGING_LIMIT, &a);
		if (result == 0)
			result = show_page(p, &a, 0);
		more = a.newer > after;
		after = a.newer;
		answer_fini(&a);
	}
	return result;
}

int
paging_run(struct paging *p)
{
	int result;

	p->target_n = p->target.n;
	p->pages = NULL;
	p->n = p->room = 0;
	if (p->all && !p->search)
		return go_forward(p);
	result = go_back(p);
	while (result == 0 && p->n > 0)
		result = show_again(p, p->pages[--p->n]);
	free(p->pages);
	return result;
}
