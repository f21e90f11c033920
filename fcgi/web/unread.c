#include "unread.h"

#include <stdlib.h>
#include <string.h>

struct unread_piece {
	uint32_t holders, place;
	size_t n;
	char p[];
};

/*
 * Where a piece of these bytes stands. A few of them are looked at: if other bytes meet there, nothing is lost but that
 * they are not shared.
 */
static uint32_t
place_of(const char *p, size_t n)
{
	enum { LOOKS = 16 };
	uint64_t h = n;

	for (size_t i = 0; i < LOOKS && n >= sizeof h; i++) {
		uint64_t v;

		memcpy(&v, p + i * (n - sizeof v) / (LOOKS - 1), sizeof v);
		h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
		h ^= h >> 32;
	}
	return (uint32_t)(h % UNREAD_PLACES);
}

/* The newest first; with no room left the oldest is there no more. */
static void
place_add(struct unread_piece **at, struct unread_piece *piece)
{
	size_t n = 0;

	while (n < UNREAD_WAYS - 1 && at[n] != NULL)
		n++;
	memmove(at + 1, at, n * sizeof(struct unread_piece *));
	at[0] = piece;
}

static void
place_remove(struct unread_piece **at, const struct unread_piece *piece)
{
	for (int i = 0; i < UNREAD_WAYS; i++)
		if (at[i] == piece)
			at[i] = NULL;
}

static struct unread_piece *
place_find(struct unread_piece **at, const char *p, size_t n)
{
	for (int i = 0; i < UNREAD_WAYS; i++)
		if (at[i] != NULL && at[i]->n == n && memcmp(at[i]->p, p, n) == 0)
			return at[i];
	return NULL;
}

/* A holding of a piece of these bytes; NULL without memory. */
static struct unread_piece *
piece_take(struct unread_pieces *all, const char *p, size_t n)
{
	uint32_t place = place_of(p, n);
	struct unread_piece *piece = place_find(all->at[place], p, n);

	if (piece != NULL) {
		piece->holders++;
		return piece;
	}
	piece = malloc(sizeof *piece + n);
	if (piece == NULL)
		return NULL;
	*piece = (struct unread_piece){.holders = 1, .place = place, .n = n};
	memcpy(piece->p, p, n);
	place_add(all->at[place], piece);
	budget_add(all->budget, BUDGET_ANSWERS, budget_size(piece));
	return piece;
}

static void
piece_drop(struct unread_pieces *all, struct unread_piece *piece)
{
	if (--piece->holders > 0)
		return;
	place_remove(all->at[piece->place], piece);
	budget_sub(all->budget, BUDGET_ANSWERS, budget_size(piece));
	free(piece);
}

static size_t
pieces_of(const struct unread *u)
{
	return (u->size + UNREAD_PIECE - 1) / UNREAD_PIECE;
}

static int
keep_blob(struct unread *u, struct unread_pieces *all, struct blob *reply)
{
	if (reply->holders == 1)
		u->made = budget_size(reply);
	u->blob = blob_hold(reply);
	if (reply->unread++ == 0)
		budget_add(all->budget, BUDGET_ANSWERS, budget_size(reply));
	return 0;
}

static int
keep_pieces(struct unread *u, struct unread_pieces *all, const struct blob *reply)
{
	u->pieces = calloc(pieces_of(u), sizeof(struct unread_piece *));
	if (u->pieces == NULL) {
		unread_fini(u, all);
		return -1;
	}
	for (size_t i = u->sent / UNREAD_PIECE; i < pieces_of(u); i++) {
		size_t at = i * UNREAD_PIECE, n = u->size - at < UNREAD_PIECE ? u->size - at : UNREAD_PIECE;

		u->pieces[i] = piece_take(all, reply->p + at, n);
		if (u->pieces[i] == NULL) {
			unread_fini(u, all);
			return -1;
		}
		if (u->pieces[i]->holders == 1)
			u->made += budget_size(u->pieces[i]);
	}
	return 0;
}

int
unread_init(struct unread *u, struct unread_pieces *all, struct blob *reply, size_t sent)
{
	*u = (struct unread){.size = reply->n, .sent = sent};
	if (reply->holders > 1 || reply->n <= UNREAD_PIECE)
		return keep_blob(u, all, reply);
	return keep_pieces(u, all, reply);
}

void
unread_fini(struct unread *u, struct unread_pieces *all)
{
	if (u->blob != NULL && --u->blob->unread == 0)
		budget_sub(all->budget, BUDGET_ANSWERS, budget_size(u->blob));
	blob_drop(u->blob);
	for (size_t i = 0; u->pieces != NULL && i < pieces_of(u); i++)
		if (u->pieces[i] != NULL)
			piece_drop(all, u->pieces[i]);
	free(u->pieces);
	*u = (struct unread){.size = 0};
}

int
unread_parts(const struct unread *u, struct iovec *parts, int n)
{
	size_t at = u->sent;
	int used = 0;

	if (u->blob != NULL) {
		parts[0] = (struct iovec){u->blob->p + at, u->size - at};
		return 1;
	}
	for (; used < n && at < u->size; used++) {
		struct unread_piece *piece = u->pieces[at / UNREAD_PIECE];
		size_t from = at % UNREAD_PIECE;

		parts[used] = (struct iovec){piece->p + from, piece->n - from};
		at += piece->n - from;
	}
	return used;
}

void
unread_advance(struct unread *u, struct unread_pieces *all, size_t n)
{
	size_t from = u->sent / UNREAD_PIECE, to;

	u->sent += n;
	to = u->sent == u->size ? pieces_of(u) : u->sent / UNREAD_PIECE;
	for (size_t i = from; u->pieces != NULL && i < to; i++) {
		piece_drop(all, u->pieces[i]);
		u->pieces[i] = NULL;
	}
}

size_t
unread_size(const struct unread *u)
{
	return budget_size(u->pieces);
}

size_t
unread_owed(const struct unread *u)
{
	return unread_size(u) + u->made;
}
