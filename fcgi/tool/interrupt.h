/*
 * interrupt: long work that is told to end (Ctrl-C, SIGTERM, the terminal gone) ends in order, and tidies up.
 */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <stdbool.h>

/* From now on; before, these signals end the program at once. A second one does so still. */
void interrupt_catch(void);

/* Whether one came. */
bool interrupt_came(void);

#endif
