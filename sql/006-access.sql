-- Who may: tokens and grants; who a message is known to be from; the names that are somebody's.
--
-- All of it is for any program to write. The daemon reads tokens and grants again when access_version, a row of meta
-- that triggers keep, has moved. Each rule's name says what was expected, since SQLite tells it to whoever breaks it.

CREATE TABLE tokens (
	name TEXT PRIMARY KEY,           -- is the messages' `by`, and their sender unless it may claim one
	hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256 of the secret: 160 random bits need no slow hash
	sender TEXT,                     -- NULL: the name; '*': may claim any that is nobody's name
	made INTEGER NOT NULL,           -- milliseconds since 1970 UTC, as all times here
	expires INTEGER,                 -- NULL: never
	used INTEGER,                    -- written once a day at most
	class TEXT NOT NULL DEFAULT 'user' CHECK (class IN ('user', 'trusted')),
	CONSTRAINT "name is 1 to 64 bytes of text without control characters, not blank and not user:..." CHECK (
		typeof(name) = 'text' AND length(CAST(name AS BLOB)) BETWEEN 1 AND 64 AND trim(name) <> ''
		AND instr(CAST(name AS BLOB), x'00') = 0
		AND name NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
		AND name NOT GLOB 'user:*'),
	CONSTRAINT "hash is a BLOB" CHECK (typeof(hash) = 'blob'),
	CONSTRAINT "sender is NULL, *, or 1 to 64 bytes of text without control characters, not blank" CHECK (
		sender IS NULL OR typeof(sender) = 'text' AND length(CAST(sender AS BLOB)) BETWEEN 1 AND 64
		AND trim(sender) <> '' AND instr(CAST(sender AS BLOB), x'00') = 0
		AND sender NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'),
	CONSTRAINT "made, expires and used are milliseconds since 1970" CHECK (
		typeof(made) = 'integer' AND (expires IS NULL OR typeof(expires) = 'integer')
		AND (used IS NULL OR typeof(used) = 'integer'))
) WITHOUT ROWID;

CREATE TABLE grants (
	who TEXT NOT NULL,               -- 'anyone' | 'users' (tokens too) | 'user:ann' | 'token:ci'
	rooms TEXT NOT NULL,             -- a room, or a prefix and '*'
	may TEXT NOT NULL,               -- some of r (read), w (send), m (change others' messages); '' denies
	PRIMARY KEY (who, rooms),
	CONSTRAINT "who is anyone, users, user:NAME (1 to 123 bytes) or token:NAME (1 to 64 bytes)" CHECK (
		typeof(who) = 'text' AND instr(CAST(who AS BLOB), x'00') = 0
		AND who NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
		AND (who = 'anyone' OR who = 'users'
			OR who GLOB 'user:?*' AND length(CAST(who AS BLOB)) <= 128
			OR who GLOB 'token:?*' AND length(CAST(who AS BLOB)) <= 70)),
	CONSTRAINT "rooms is 1 to 64 of A-Z a-z 0-9 . _ -, or up to 63 of them and *" CHECK (
		typeof(rooms) = 'text' AND length(CAST(rooms AS BLOB)) BETWEEN 1 AND 64
		AND length(rooms) = length(CAST(rooms AS BLOB))
		AND CASE WHEN rooms GLOB '*[*]' THEN substr(rooms, 1, length(rooms) - 1) ELSE rooms END
			NOT GLOB '*[^A-Za-z0-9._-]*'),
	CONSTRAINT "may has r, w and m, each at most once" CHECK (
		typeof(may) = 'text' AND length(CAST(may AS BLOB)) <= 3 AND length(may) = length(CAST(may AS BLOB))
		AND may NOT GLOB '*[^rwm]*' AND may NOT GLOB '*r*r*' AND may NOT GLOB '*w*w*' AND may NOT GLOB '*m*m*')
) WITHOUT ROWID;

-- Names that a token once had: what it wrote is still there, so another's messages must not look like its.
CREATE TABLE revoked (
	name TEXT PRIMARY KEY,
	at INTEGER NOT NULL
) WITHOUT ROWID;

-- Senders of whom somebody proved once that they were theirs, as lower(trim(sender)): nobody else may claim them.
CREATE TABLE proven (
	name TEXT PRIMARY KEY
) WITHOUT ROWID;

-- By these a claimed name is looked for among the others that are somebody's.
CREATE INDEX tokens_name ON tokens(lower(trim(name)));
CREATE INDEX tokens_sender ON tokens(lower(trim(sender)));
CREATE INDEX grants_user ON grants(lower(trim(substr(who, 6)))) WHERE who GLOB 'user:*';

CREATE TRIGGER tokens_revoked AFTER DELETE ON tokens
BEGIN
	INSERT INTO revoked VALUES (OLD.name, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER))
		ON CONFLICT (name) DO UPDATE SET at = excluded.at;
END;

CREATE TRIGGER tokens_renamed AFTER UPDATE OF name ON tokens
WHEN NEW.name IS NOT OLD.name
BEGIN
	INSERT INTO revoked VALUES (OLD.name, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER))
		ON CONFLICT (name) DO UPDATE SET at = excluded.at;
END;

-- Which state of tokens, grants and `access` the log is in.
INSERT INTO meta VALUES ('access_version', 1);

CREATE TRIGGER tokens_inserted AFTER INSERT ON tokens
BEGIN
	INSERT INTO meta VALUES ('access_version', 2) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

-- Not for `used` alone, which the daemon writes.
CREATE TRIGGER tokens_updated AFTER UPDATE OF name, hash, sender, made, expires, class ON tokens
BEGIN
	INSERT INTO meta VALUES ('access_version', 2) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE TRIGGER tokens_deleted AFTER DELETE ON tokens
BEGIN
	INSERT INTO meta VALUES ('access_version', 2) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

-- The log is open to everybody until there is a grant; taking grants away does not open it again. A row 'open' of the
-- admin's stands until the first grant of a table that was empty.
CREATE TRIGGER grants_inserted AFTER INSERT ON grants
BEGIN
	INSERT INTO meta VALUES ('access_version', 2) ON CONFLICT (name) DO UPDATE SET value = value + 1;
	INSERT INTO meta SELECT 'access', 'closed'
		WHERE (SELECT count(*) FROM (SELECT 1 FROM grants LIMIT 2)) = 1
			OR NOT EXISTS (SELECT 1 FROM meta WHERE name = 'access')
		ON CONFLICT (name) DO UPDATE SET value = excluded.value;
END;

CREATE TRIGGER grants_updated AFTER UPDATE ON grants
BEGIN
	INSERT INTO meta VALUES ('access_version', 2) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE TRIGGER grants_deleted AFTER DELETE ON grants
BEGIN
	INSERT INTO meta VALUES ('access_version', 2) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE TRIGGER access_inserted AFTER INSERT ON meta
WHEN NEW.name = 'access'
BEGIN
	INSERT INTO meta VALUES ('access_version', 2) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE TRIGGER access_updated AFTER UPDATE ON meta
WHEN NEW.name = 'access' OR OLD.name = 'access'
BEGIN
	INSERT INTO meta VALUES ('access_version', 2) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE TRIGGER access_deleted AFTER DELETE ON meta
WHEN OLD.name = 'access'
BEGIN
	INSERT INTO meta VALUES ('access_version', 2) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

-- Who was proven to have sent it: a token's name, or user:NAME. NULL: nobody; its sender is what somebody said, or a
-- program that writes SQL. No CHECK, since SQLite would read the whole table to add one.
ALTER TABLE messages ADD COLUMN "by" TEXT;
ALTER TABLE strays ADD COLUMN "by";

CREATE TRIGGER messages_by BEFORE INSERT ON messages
WHEN NEW."by" IS NOT NULL AND (
	typeof(NEW."by") <> 'text' OR length(CAST(NEW."by" AS BLOB)) NOT BETWEEN 1 AND 128
	OR instr(CAST(NEW."by" AS BLOB), x'00') > 0
	OR NEW."by" GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*')
BEGIN
	SELECT RAISE(ABORT, 'by must be NULL, or 1 to 128 bytes of text without control characters');
END;

-- It may be changed, as all that is no cursor: who is to be forgotten is forgotten by UPDATE too. Readers are told of
-- it (messages_changed), and the name stays somebody's (proven) until it is taken out there.
CREATE TRIGGER messages_by_changed BEFORE UPDATE OF "by" ON messages
WHEN NEW."by" IS NOT NULL AND (
	typeof(NEW."by") <> 'text' OR length(CAST(NEW."by" AS BLOB)) NOT BETWEEN 1 AND 128
	OR instr(CAST(NEW."by" AS BLOB), x'00') > 0
	OR NEW."by" GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*')
BEGIN
	SELECT RAISE(ABORT, 'by must be NULL, or 1 to 128 bytes of text without control characters');
END;

-- What a token with sender '*' says is claimed, but for its own name.
CREATE TRIGGER messages_proven AFTER INSERT ON messages
WHEN NEW."by" IS NOT NULL AND trim(NEW.sender) <> ''
	AND NOT EXISTS (SELECT 1 FROM tokens WHERE name = NEW."by" AND sender = '*' AND name <> NEW.sender)
BEGIN
	INSERT INTO proven VALUES (lower(trim(NEW.sender))) ON CONFLICT (name) DO NOTHING;
END;

-- A key is its sender's own: one message per room, key and `by`; all who are nobody share theirs. In this order, so
-- that both rows which a proven sender's key can mean stand side by side.
DROP INDEX messages_key;
CREATE UNIQUE INDEX messages_key ON messages(room, key, ifnull("by", '')) WHERE key IS NOT NULL;

-- Up to this id nobody was proven: a key there may be that of somebody who is by now, and sends it once more.
INSERT INTO meta SELECT 'by_since', max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0),
	coalesce((SELECT max(id) FROM messages), 0));

-- These three as they were before, and by too (sql/001-log.sql, sql/002-search.sql).
DROP TRIGGER messages_rekeyed;
CREATE TRIGGER messages_rekeyed BEFORE UPDATE OF key, "by" ON messages
WHEN (NEW.key IS NOT OLD.key OR NEW."by" IS NOT OLD."by") AND EXISTS (SELECT 1 FROM messages
	WHERE room = OLD.room AND key = NEW.key AND ifnull("by", '') = ifnull(NEW."by", '') AND id <> OLD.id)
BEGIN
	SELECT RAISE(ABORT, 'another message of the room has this key');
END;

DROP TRIGGER messages_changed;
CREATE TRIGGER messages_changed AFTER UPDATE ON messages
WHEN NEW.text IS NOT OLD.text OR NEW.args IS NOT OLD.args OR NEW.sender IS NOT OLD.sender OR NEW.event IS NOT OLD.event
	OR NEW.at IS NOT OLD.at OR NEW."by" IS NOT OLD."by"
BEGIN
	INSERT INTO changed (id, room, sender, text, args) VALUES (OLD.id, OLD.room, OLD.sender, OLD.text, OLD.args);
END;

DROP TRIGGER messages_replace;
CREATE TRIGGER messages_replace BEFORE INSERT ON messages
WHEN NEW.key IS NOT NULL AND EXISTS (SELECT 1 FROM messages
	WHERE room = NEW.room AND key = NEW.key AND ifnull("by", '') = ifnull(NEW."by", ''))
BEGIN
	DELETE FROM replaced;
	INSERT INTO replaced SELECT id, room, sender, text, args FROM messages
		WHERE room = NEW.room AND key = NEW.key AND ifnull("by", '') = ifnull(NEW."by", '');
END;
