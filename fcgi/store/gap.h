/*
 * gap: the unused middle of a b-tree page, between its pointers and its cells (SQLite's file format, section 1.6).
 *
 * When SQLite lays a page anew it moves the cells, and leaves in the gap what was there: texts among it that are
 * deleted later. secure_delete does not reach it. So what our programs write to a database goes through here, and the
 * gap of each page is zeros; what other programs have written is looked through when deleted texts are erased
 * (store_gaps.c).
 *
 * Pages do not say of which kind they are. One that begins with the number of another (a part of a long value, a list
 * of free pages) is taken for a b-tree's when that number is large enough: so nothing is done in a file of
 * GAP_PAGES_MAX pages (64 GB of 4 KB each) and more. A pointer map, which a file with auto_vacuum has, looks like one
 * as well: nothing is done there, nor in a file that is not in WAL mode, whose pages may come back from a journal in
 * any order.
 */
#ifndef GAP_H
#define GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GAP_PAGES_MAX = 1 << 24 };

enum { GAP_HEADER = 100 }; /* bytes of a file that gap_header_ok() looks at */

/* Whether a file that begins so is one in which gaps may be zeroed. */
bool gap_header_ok(const unsigned char header[GAP_HEADER]);

/* From where on, and of how many bytes, the page of n bytes has a gap with something in it; false: it has none. number:
 * of the page, from 0. */
bool gap_find(const unsigned char *page, size_t n, int64_t number, size_t *begin, size_t *length);

/* Has all databases that are opened from now on by this process, without the name of another VFS, written so. Before
 * the first is opened; once more does nothing. */
void gap_register(void);

/* The name of the VFS that writes all as it is, for a file that is not yet whole; NULL: that is the default one. */
const char *gap_other_vfs(void);

#endif
