/*
 * adding: new tokens: their names, their secrets, and the grants that they come with.
 */
#ifndef ADDING_H
#define ADDING_H

#include "command.h"
#include "database.h"
#include "secret.h"
#include "store/message.h"

enum { ADDING_MAX = 1000 /* at a time */ };

struct adding_token {
	char name[MESSAGE_SENDER_MAX + 1];
	char secret[SECRET_SIZE];
	unsigned char hash[SECRET_HASH_BYTES];
};

struct adding {
	const struct call *call; /* has the options rooms, may, expires, sender, again, yes */
	struct adding_token *tokens;
	size_t n;
	/* Their names: those of the operands, or (numbered) the first operand with a number behind it that is free. */
	bool numbered;
	const char *sender; /* of all; NULL: the name */
	bool trusted;
	int64_t made_ms, expires_ms;      /* INT64_MAX: never */
	struct str rooms, may;            /* rooms: with commas between; empty: none */
	struct database *database;        /* of the attempt */
	const struct adding_token *token; /* likewise, the one whose grants are put in */
	bool told;                        /* what there is to say was said at an attempt before */
};

/* Reads the options; -1: they are good, and adding_fini() it; or how the program ends, said. */
int adding_init(struct adding *a, const struct call *call, size_t n);
void adding_fini(struct adding *a);

/* Puts them into the database of the call. How the program ends; what is to be shown is not shown yet. */
int adding_run(struct adding *a);

/* What is wrong with a token's name, in words; NULL: nothing. */
const char *adding_name_wrong(struct str name);

#endif
