/*
 * say: everything that the program prints, a line at a time.
 *
 * What strangers have chosen (names in the database, paths, what SQLite says) stands in these lines, so each is made
 * harmless as a whole, in one place: control characters of ASCII and of Unicode, those that turn the direction of a
 * text, and bytes that are no UTF-8 are written as `\x1b` or `\u202e`. A line ends where its call does.
 */
#ifndef SAY_H
#define SAY_H

#include <stdio.h>

#include "base/buf.h"

/* To standard output: what was asked for. */
void say_out(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* To standard error: what else there is to know; with `longline: ` in front, what is wrong. */
void say_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with `longline: warning: ` in front. */
void say_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether all that was said to standard output has got there so far. */
bool say_arrived(void);

/* s as it is printed. */
void say_add_safe(struct buf *b, struct str s);

/* Good JSON as it is printed on a terminal: the same value, with what is harmful in escapes of JSON. */
void say_add_safe_json(struct buf *b, struct str json);

/* How many columns of a terminal it takes, roughly: its characters. */
size_t say_width(struct str safe);

/*
 * Asks on the terminal, in the words of question, and waits for a line. 1: yes; 0: any other answer; -1: there is no
 * terminal to ask at.
 */
int say_ask(const char *question);

#endif
