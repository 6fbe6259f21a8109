-- The duty roster: rows are added, never changed, never removed. `body` holds account ids and codes; a reason is sealed.
CREATE TABLE roster_entries (
    id TEXT PRIMARY KEY,
    unit TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    correction BIGINT NOT NULL,
    publication BIGINT,
    reason BYTEA,
    UNIQUE (unit, ordinal)
);
