/*
 * hash: one number for any bytes: the place of a name in a table, and whether a page is the same one.
 *
 * FNV-1a with 64 bits. It keeps nobody from making bytes that collide; where strangers choose the names, what a table
 * holds has a maximum.
 */
#ifndef HASH_H
#define HASH_H

#include "str.h"

uint64_t hash_fnv1a(struct str s);

/* The same, folded: for tables that take only its last bits. */
size_t hash_place(struct str s);

#endif
