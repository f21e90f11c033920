/*
 * schema: the SQL files of sql/, compiled in.
 *
 * Made by the Makefile from sql/NNN-*.sql: the n-th brings a database from version n-1 to n (PRAGMA user_version).
 */
#ifndef SCHEMA_H
#define SCHEMA_H

extern const char *const schema_steps[];
extern const int schema_version; /* the number of steps */

#endif
