/*
 * config_state: what the files of config share: config.c reads the command line, config_numbers.c has the options that
 * are a number, config_words.c the others and --help.
 */
#ifndef CONFIG_STATE_H
#define CONFIG_STATE_H

#include <getopt.h>

#include "config.h"

/* Options of a number have their place in their table for `val`, below what getopt_long() returns else: ':', '?', and
 * the `val` of the others. */
enum { CONFIG_NUMBERS_MAX = ':', CONFIG_WORDS_MAX = 32, CONFIG_WORD = 1000 };

/* Each writes its options, as getopt_long() wants them; how many words there are. */
void config_number_options(struct option options[CONFIG_NUMBERS_MAX]);
int config_word_options(struct option options[CONFIG_WORDS_MAX]);

/* What an option of this `val` says, put into *c. -1 to go on, or the status to exit with, with a message unless 0. */
int config_set_number(struct config *c, int which, const char *text);
int config_set_word(struct config *c, int which, char *text);

/* What each number is without its option. */
void config_default_numbers(struct config *c);

/* Prints their part of --help. */
void config_help_numbers(void);

#endif
