-- What is said in a video, and by whom.
PRAGMA user_version = 1;

CREATE TABLE speakers (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL DEFAULT '',
  color TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE cues (
  id TEXT PRIMARY KEY NOT NULL,
  start_ms INTEGER NOT NULL DEFAULT 0,
  end_ms INTEGER NOT NULL DEFAULT 0,
  text TEXT NOT NULL DEFAULT '',
  speaker_id TEXT,
  style TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE INDEX cues_by_start ON cues (start_ms);

CREATE TRIGGER speakers_keep_their_id BEFORE UPDATE OF id ON speakers WHEN NEW.id IS NOT OLD.id BEGIN
  SELECT RAISE(ABORT, 'a primary key does not change: delete the row and insert another');
END;

CREATE TRIGGER cues_keep_their_id BEFORE UPDATE OF id ON cues WHEN NEW.id IS NOT OLD.id BEGIN
  SELECT RAISE(ABORT, 'a primary key does not change: delete the row and insert another');
END;
