-- The log: messages, and what follows from them in any program that writes here.
--
-- Other programs may insert: INSERT INTO messages(text) VALUES('hi') is a complete message. So every rule stands here,
-- as CHECKs and plain-SQL triggers that work in any program's SQLite (3.24 or later).

-- "Long" in ASCII: this is a log of Longline's.
PRAGMA application_id = 1282371175;

CREATE TABLE messages (
	-- One sequence for the whole log, never used again (AUTOINCREMENT), below 2^53.
	id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 9007199254740991),
	room TEXT NOT NULL DEFAULT 'main' CHECK (
		typeof(room) = 'text' AND length(CAST(room AS BLOB)) BETWEEN 1 AND 64
		AND length(room) = length(CAST(room AS BLOB)) AND room NOT GLOB '*[^A-Za-z0-9._-]*'),
	event TEXT NOT NULL DEFAULT 'chat message' CHECK (
		typeof(event) = 'text' AND length(CAST(event AS BLOB)) BETWEEN 1 AND 128
		-- Socket.IO's own; a client that is sent one closes its connection. (NOT IN would make a table of them each time.)
		AND event <> 'connect' AND event <> 'connect_error' AND event <> 'disconnect' AND event <> 'disconnecting'
		AND event <> 'newListener' AND event <> 'removeListener'),
	sender TEXT NOT NULL DEFAULT '' CHECK (typeof(sender) = 'text' AND length(CAST(sender AS BLOB)) <= 64),
	-- The message: either a text, or arguments as a JSON array.
	text TEXT CHECK (text IS NULL OR typeof(text) = 'text' AND length(CAST(text AS BLOB)) <= 4000000),
	args TEXT CHECK (args IS NULL OR typeof(args) = 'text' AND length(CAST(args AS BLOB)) <= 4000000
		AND instr(CAST(args AS BLOB), x'00') = 0
		AND CASE WHEN json_valid(args) THEN json_type(args) = 'array' ELSE 0 END),
	-- How many rows of table attachments belong to it.
	attachments INTEGER NOT NULL DEFAULT 0 CHECK (typeof(attachments) = 'integer' AND attachments BETWEEN 0 AND 10),
	-- An idempotency key: one message per room and key.
	key TEXT CHECK (key IS NULL OR typeof(key) = 'text' AND length(CAST(key AS BLOB)) BETWEEN 1 AND 128),
	-- Milliseconds since 1970 UTC.
	at INTEGER NOT NULL DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER))
		CHECK (typeof(at) = 'integer'),
	CHECK ((text IS NULL) <> (args IS NULL))
);
CREATE INDEX messages_room ON messages(room);
CREATE INDEX messages_at ON messages(room, at);
CREATE UNIQUE INDEX messages_key ON messages(room, key) WHERE key IS NOT NULL;

CREATE TABLE attachments (
	message INTEGER NOT NULL,
	num INTEGER NOT NULL CHECK (typeof(num) = 'integer' AND num BETWEEN 0 AND 9),
	data BLOB NOT NULL CHECK (typeof(data) = 'blob'),
	PRIMARY KEY (message, num)
) WITHOUT ROWID;

-- What each room holds now.
CREATE TABLE rooms (
	name TEXT PRIMARY KEY,
	last INTEGER NOT NULL, -- its greatest id
	at INTEGER NOT NULL,   -- that message's time
	n INTEGER NOT NULL     -- how many messages
) WITHOUT ROWID;

-- The greatest id that was ever deleted from a room: a reader behind it is told of the gap.
CREATE TABLE deleted (
	room TEXT PRIMARY KEY,
	id INTEGER NOT NULL
) WITHOUT ROWID;

-- Values of the daemon's own, by name.
CREATE TABLE meta (
	name TEXT PRIMARY KEY,
	value
) WITHOUT ROWID;
INSERT INTO meta VALUES ('epoch', lower(hex(randomblob(8))));

-- Readers take an id below the head as read, so none may be given later.
-- (Where the id is left out, NEW.id is -1 here.)
CREATE TRIGGER messages_id BEFORE INSERT ON messages
WHEN NEW.id <> -1 AND NEW.id <= (SELECT seq FROM sqlite_sequence WHERE name = 'messages')
BEGIN
	SELECT RAISE(ABORT, 'id must be above every id given so far: leave it out');
END;

CREATE TRIGGER messages_moved BEFORE UPDATE OF id, room ON messages
WHEN NEW.id IS NOT OLD.id OR NEW.room IS NOT OLD.room
BEGIN
	SELECT RAISE(ABORT, 'id and room of a message cannot change: delete it and insert another');
END;

-- UPDATE OR REPLACE would delete the other message without a trace.
CREATE TRIGGER messages_rekeyed BEFORE UPDATE OF key ON messages
WHEN NEW.key IS NOT OLD.key AND EXISTS (SELECT 1 FROM messages WHERE room = OLD.room AND key = NEW.key)
BEGIN
	SELECT RAISE(ABORT, 'another message of the room has this key');
END;

CREATE TRIGGER messages_retimed AFTER UPDATE OF at ON messages
BEGIN
	UPDATE rooms SET at = NEW.at WHERE name = NEW.room AND last = NEW.id;
END;

CREATE TRIGGER messages_inserted AFTER INSERT ON messages
BEGIN
	INSERT INTO rooms VALUES (NEW.room, NEW.id, NEW.at, 1)
		ON CONFLICT (name) DO UPDATE SET last = excluded.last, at = excluded.at, n = n + 1;
END;

CREATE TRIGGER messages_deleted AFTER DELETE ON messages
BEGIN
	INSERT INTO deleted VALUES (OLD.room, OLD.id) ON CONFLICT (room) DO UPDATE SET id = max(id, excluded.id);
	DELETE FROM attachments WHERE message = OLD.id;
	UPDATE rooms SET n = n - 1 WHERE name = OLD.room;
	DELETE FROM rooms WHERE name = OLD.room AND n <= 0;
	UPDATE rooms SET (last, at) = (SELECT id, at FROM messages WHERE room = OLD.room ORDER BY id DESC LIMIT 1)
		WHERE name = OLD.room AND last = OLD.id;
END;
