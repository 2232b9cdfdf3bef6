-- Schema 3: the state can move with its folder, and a date that shows a place faintly is not taken for a clouded one.

-- alert.evidence: folder of figure and page below the configured folder of alerts, SITE/TIME; empty where there are none, NULL
-- until they are made. It was an absolute path: what rtrim leaves of it is its folder.
UPDATE alert SET evidence = site_id || '/' || replace(evidence, rtrim(evidence, replace(evidence, '/', '')), '')
    WHERE evidence LIKE '%/%';

-- life_step.sight may be 'faint': clear, and what stands out there is too weak to bring back a train that was missed. Older rows of
-- that kind say 'hidden'.
CREATE TABLE life_step_3 (
    life_id     TEXT NOT NULL REFERENCES life ON DELETE CASCADE,
    scene_key   INTEGER NOT NULL REFERENCES scene ON DELETE CASCADE,
    datetime    TEXT NOT NULL,
    view        TEXT NOT NULL,
    site_id     TEXT NOT NULL,
    sight       TEXT NOT NULL CHECK (sight IN ('seen','missed','unseen','faint','hidden')),
    event       TEXT,
    state       TEXT NOT NULL,
    track_index INTEGER NOT NULL,
    start_m     REAL NOT NULL,
    end_m       REAL NOT NULL,
    last_seen   TEXT NOT NULL,
    first_missed TEXT,
    seen_count  INTEGER NOT NULL,
    misses      INTEGER NOT NULL,
    move_count  INTEGER NOT NULL,
    score       REAL NOT NULL,
    appearance  TEXT NOT NULL,
    seen_by     TEXT NOT NULL,
    PRIMARY KEY (life_id, scene_key)
) STRICT, WITHOUT ROWID;
INSERT INTO life_step_3 SELECT life_id, scene_key, datetime, view, site_id, sight, event, state, track_index, start_m, end_m,
    last_seen, first_missed, seen_count, misses, move_count, score, appearance, seen_by FROM life_step;
DROP TABLE life_step;
ALTER TABLE life_step_3 RENAME TO life_step;
CREATE INDEX life_step_by_date ON life_step (site_id, datetime);
CREATE INDEX life_step_by_scene ON life_step (scene_key);
