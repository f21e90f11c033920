#include <stdio.h>
#include <string.h>

#include "access_state.h"
#include "authorization.h"
#include "base/log.h"

/* What a pass is found by: a letter for its kind, and what tells those of one kind apart. */
struct name {
	size_t n;
	char text[ACCESS_NAME_MAX];
};

static struct str
name_of(struct name *name, char kind, struct str s)
{
	name->text[0] = kind;
	if (s.n > 0)
		memcpy(name->text + 1, s.p, s.n);
	return (struct str){name->text, 1 + s.n};
}

static struct str
hash_name(struct name *name, char kind, struct str secret)
{
	unsigned char hash[TOKEN_HASH_SIZE];

	token_hash(secret, hash);
	return name_of(name, kind, (struct str){(const char *)hash, sizeof hash});
}

static void
say(char detail[ACCESS_DETAIL_SIZE], const char *text)
{
	snprintf(detail, ACCESS_DETAIL_SIZE, "%s", text);
}

static struct pass *
of_token(struct access *a, struct str secret, char detail[ACCESS_DETAIL_SIZE])
{
	struct name buffer;
	struct str name = hash_name(&buffer, 't', secret);
	struct pass *p = access_pass_known(a, name);
	struct access_token *t = p == NULL ? access_rows_token(&a->rows, str_skip(name, 1)) : access_entry(p)->token;

	if (t == NULL)
		say(detail, "the token is not known: it was revoked, or never given");
	else if (t->row->expires_ms <= a->now_ms)
		say(detail, "the token has expired");
	else if (p == NULL)
		p = access_pass_make(a, &(struct access_new_pass){.kind = PASS_TOKEN,
		                            .name = name,
		                            .prefix = STR("token:"),
		                            .identity = str_of(t->row->name),
		                            .token = t});
	if (p != NULL)
		access_rows_use(&a->rows, t, a->now_ms);
	return p;
}

static struct pass *
of_jwt(struct access *a, struct str text, char detail[ACCESS_DETAIL_SIZE])
{
	struct name buffer;
	struct str name = hash_name(&buffer, 'j', text);
	struct pass *p = access_pass_known(a, name);
	struct jwt jwt;

	if (p != NULL)
		return p;
	if (jwt_read(&a->keys, text, a->now_ms, &jwt, detail))
		p = access_pass_make(a, &(struct access_new_pass){.kind = PASS_JWT,
		                            .name = name,
		                            .prefix = STR("user:"),
		                            .identity = jwt.sub,
		                            .sender = jwt.sender,
		                            .expires_ms = jwt.expires_ms,
		                            .jwt = &jwt});
	jwt_fini(&jwt);
	return p;
}

static struct pass *
of_user(struct access *a, struct str user, char detail[ACCESS_DETAIL_SIZE])
{
	struct name buffer;
	struct pass *p;

	if (!message_sender_ok(user)) {
		say(detail, "the name that the web server has checked cannot be a sender's");
		return NULL;
	}
	p = access_pass_known(a, name_of(&buffer, 'u', user));
	if (p != NULL)
		return p;
	return access_pass_make(a, &(struct access_new_pass){.kind = PASS_USER,
	                               .name = name_of(&buffer, 'u', user),
	                               .prefix = STR("user:"),
	                               .identity = user,
	                               .sender = user,
	                               .expires_ms = INT64_MAX});
}

/* Counts it, and says it once. */
static void
note(uint64_t *count, bool *said, const char *word, const char *text)
{
	(*count)++;
	if (!*said)
		log_warning(word, "%s", text);
	*said = true;
}

static void
note_not_counted(struct access *a, const struct access_ask *ask)
{
	if (ask->forwarded.n > 0 && ask->address.n > 0 && !str_starts(ask->address, STR("unix:")))
		note(&a->counts.proxy, &a->said_proxy, "not_counted",
		    "why=proxy detail=\"strangers that come by a proxy are not limited, unless a limit of theirs is "
		    "set "
		    "or nginx knows the proxy (set_real_ip_from)\"");
	else
		note(&a->counts.no_address, &a->said_no_address, "not_counted",
		    "why=no_address detail=\"strangers are not limited: the web server does not pass their "
		    "REMOTE_ADDR\"");
}

static struct pass *
of_stranger(struct access *a, const struct access_ask *ask)
{
	struct name buffer;
	char text[PERSON_ADDRESS_SIZE];
	struct str address = person_address(a->options.persons, ask->address, ask->forwarded, text), name;
	bool local = a->options.loopback_trusted && ask->forwarded.n == 0 && person_is_loopback(ask->address);
	struct pass *p;

	if (address.n == 0)
		note_not_counted(a, ask);
	name = name_of(&buffer, local ? 'l' : 'a', address);
	p = access_pass_known(a, name);
	if (p != NULL)
		return p;
	return access_pass_make(a, &(struct access_new_pass){.kind = PASS_STRANGER,
	                               .name = name,
	                               .identity = address,
	                               .expires_ms = INT64_MAX,
	                               .local = local,
	                               .not_counted = address.n == 0});
}

/* The credential that a request brings; empty: none. false: it has one that cannot be. */
static bool
find_credential(struct access *a, const struct access_ask *ask, char text[AUTHORIZATION_MAX], struct str *credential,
    const char **why)
{
	struct str of_header = STR("");
	enum authorization_kind kind;

	*credential = ask->token;
	if (ask->token.n > 0)
		return authorization_is_bearer(ask->token, why);
	kind = authorization_read(ask->authorization, text, &of_header, why);
	if (kind == AUTHORIZATION_BASIC && ask->user.n == 0)
		note(&a->counts.basic_unchecked, &a->said_basic, "basic_unchecked",
		    "detail=\"a name in Authorization: Basic counts for nothing, as the web server does not say that "
		    "it "
		    "has checked it (longline-auth.conf)\"");
	/* With a user that was checked and no keys of ours it was meant for the web server. */
	if (kind == AUTHORIZATION_BEARER && (authorization_is_token(of_header) || a->keys.n > 0 || ask->user.n == 0))
		*credential = of_header;
	return kind != AUTHORIZATION_WRONG;
}

struct pass *
access_pass(struct access *a, const struct access_ask *ask, int64_t now_ms, char detail[ACCESS_DETAIL_SIZE])
{
	char text[AUTHORIZATION_MAX];
	struct str credential;
	const char *why;
	struct pass *p = NULL;

	a->now_ms = now_ms;
	detail[0] = '\0';
	if (a->broken)
		return NULL;
	if (!find_credential(a, ask, text, &credential, &why))
		snprintf(detail, ACCESS_DETAIL_SIZE, "the credential cannot be a token: %s", why);
	else if (authorization_is_token(credential))
		p = of_token(a, credential, detail);
	else if (credential.n > 0)
		p = of_jwt(a, credential, detail);
	else
		p = ask->user.n > 0 ? of_user(a, ask->user, detail) : of_stranger(a, ask);
	a->counts.refused += detail[0] != '\0';
	return p;
}
