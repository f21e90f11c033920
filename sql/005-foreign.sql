-- What other programs may do to the log with its CHECKs turned off.

-- Rows whose ids are above all that readers can be told. As long as one stands in messages no other row gets an id, so
-- the daemon puts them here.
CREATE TABLE strays (id, room, event, sender, text, args, attachments, key, at);
