/*
 * test_persons: persons that are only counted, for tests of what asks for them. Whoever includes it defines the
 * functions that the linker puts before those of person.c (see the Makefile), by calling these.
 */
#ifndef TEST_PERSONS_H
#define TEST_PERSONS_H

#include "access/person.h"
#include "test.h"

enum { TEST_PERSONS_MAX = 4096 };

struct person {
	char identity[129];
	enum person_class class;
	int holders;
};

static struct person test_persons[TEST_PERSONS_MAX];
static size_t test_n_persons;

static inline struct person *
test_person_get(struct str identity, enum person_class class)
{
	struct person *p;
	size_t i = 0;

	assert_true(identity.n < sizeof p->identity);
	while (i < test_n_persons && !str_eq(str_of(test_persons[i].identity), identity))
		i++;
	p = &test_persons[i];
	if (i == test_n_persons) {
		assert_true(test_n_persons++ < TEST_PERSONS_MAX);
		if (identity.n > 0)
			memcpy(p->identity, identity.p, identity.n);
		p->identity[identity.n] = '\0';
		p->holders = 0;
	}
	p->class = class;
	p->holders++;
	return p;
}

static inline void
test_person_drop(struct person *p)
{
	assert_true(p->holders-- > 0);
}

/* As it would be counted: anything but "", and what a proxy forwards. */
static inline struct str
test_person_address(struct str address, struct str forwarded, char text[PERSON_ADDRESS_SIZE])
{
	if (address.n == 0 || forwarded.n > 0)
		return STR("");
	snprintf(text, PERSON_ADDRESS_SIZE, "@%.*s", STR_ARGS(address));
	return str_of(text);
}

/* Forgets them; nobody may hold one any more. */
static inline void
test_persons_end(void)
{
	for (size_t i = 0; i < test_n_persons; i++)
		assert_int_equal(test_persons[i].holders, 0);
	test_n_persons = 0;
}

#endif
