-- Whole sets of policy packs, each proposed by one person and confirmed by another. They hold no personal data.
CREATE TABLE policy_sets (
    version BIGINT PRIMARY KEY,
    digest BYTEA NOT NULL,
    files BYTEA NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at BIGINT NOT NULL,
    confirmed_by TEXT,
    confirmed_at BIGINT,
    CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL)),
    CHECK (confirmed_by IS NULL OR confirmed_by <> proposed_by)
);
