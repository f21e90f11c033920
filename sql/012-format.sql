-- How a text is meant: 'markdown', or as it stands (NULL, or 'plain'). Of a change NULL is as it was before. No CHECK, since
-- SQLite would read the whole table to add one: any other value is read as NULL.
ALTER TABLE messages ADD COLUMN format TEXT;
ALTER TABLE strays ADD COLUMN format;

-- These as they were before, and with the format (sql/010-few.sql, sql/011-words.sql).

DROP TRIGGER messages_changed;
CREATE TRIGGER messages_changed AFTER UPDATE ON messages
WHEN NEW.text IS NOT OLD.text OR NEW.args IS NOT OLD.args OR NEW.sender IS NOT OLD.sender OR NEW.event IS NOT OLD.event
	OR NEW.at IS NOT OLD.at OR NEW."by" IS NOT OLD."by" OR NEW.edited IS NOT OLD.edited OR NEW.format IS NOT OLD.format
BEGIN
	INSERT INTO changed (id, room, sender, text, args, kind, event)
		VALUES (OLD.id, OLD.room, OLD.sender, OLD.text, OLD.args, CASE WHEN OLD.changes IS NULL THEN 0 ELSE 2 END, OLD.event);
END;

-- What the change before it said is nobody's business any more, but its format: who reads this one has it from that one.
DROP TRIGGER messages_change_made;
CREATE TRIGGER messages_change_made INSTEAD OF INSERT ON messages_noted
WHEN NEW.changes IS NOT NULL
BEGIN
	UPDATE rooms SET trails = 1 WHERE name = NEW.room AND NOT trails;
	UPDATE messages SET text = '', args = NULL WHERE id = (SELECT id FROM revisions WHERE target = NEW.changes);
	INSERT INTO revisions VALUES (NEW.changes, NEW.id, NEW.event = 'message deleted')
		ON CONFLICT (target) DO UPDATE SET id = excluded.id, deletes = excluded.deletes;
	DELETE FROM attachments WHERE message = NEW.changes;
	UPDATE messages SET text = NEW.text, args = NEW.args, attachments = 0, edited = NEW.at,
			format = CASE WHEN NEW.text IS NOT NULL
				THEN coalesce((SELECT format FROM messages
					WHERE id = NEW.id AND format IN ('plain', 'markdown')), format)
				WHEN format IS NOT NULL THEN 'plain' END
		WHERE id = NEW.changes AND NEW.event = 'message changed';
	INSERT INTO spent SELECT room, key, ifnull("by", ''), id, at FROM messages
		WHERE id = NEW.changes AND key IS NOT NULL AND NEW.event = 'message deleted'
		ON CONFLICT (room, key, "by") DO UPDATE SET id = excluded.id, at = excluded.at;
	DELETE FROM messages WHERE id = NEW.changes AND NEW.event = 'message deleted';
END;

-- Made anew, as they were, so that they come before messages_change_made as they did.
DROP TRIGGER messages_proven;
CREATE TRIGGER messages_proven INSTEAD OF INSERT ON messages_noted
WHEN NEW."by" IS NOT NULL AND trim(NEW.sender) <> ''
	AND NOT EXISTS (SELECT 1 FROM tokens WHERE name = NEW."by" AND sender = '*' AND name <> NEW.sender)
BEGIN
	INSERT INTO proven VALUES (lower(trim(NEW.sender))) ON CONFLICT (name) DO NOTHING;
END;

DROP TRIGGER messages_replaced;
CREATE TRIGGER messages_replaced INSTEAD OF INSERT ON messages_noted
WHEN NEW.key IS NOT NULL AND EXISTS (SELECT 1 FROM replaced)
BEGIN
	DELETE FROM replaced WHERE id IN (SELECT id FROM messages);
	INSERT INTO deleted SELECT room, id FROM replaced WHERE true
		ON CONFLICT (room) DO UPDATE SET id = max(id, excluded.id);
	INSERT INTO changed (id, room, sender, text, args, kind, event)
		SELECT id, room, sender, text, args, CASE WHEN changes IS NULL THEN 0 ELSE 2 END, event FROM replaced;
	DELETE FROM attachments WHERE message IN (SELECT id FROM replaced);
	UPDATE rooms SET n = n - (SELECT count(*) FROM replaced WHERE changes IS NULL) WHERE name = NEW.room;
	DELETE FROM replaced;
END;
