-- What an imminent threat owes after it was served at once: a call-back to the registry's number, a supervisor's word.
-- The particulars are sealed in case_records. enforced_at: what follows from a duty that failed is done.
CREATE TABLE emergency_duties (
    request TEXT NOT NULL,
    kind TEXT NOT NULL,
    unit TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    outcome TEXT,
    done_at BIGINT,
    enforced_at BIGINT,
    PRIMARY KEY (request, kind)
);
CREATE INDEX emergency_duties_open ON emergency_duties (unit, due_at) WHERE done_at IS NULL;
CREATE INDEX emergency_duties_to_enforce ON emergency_duties (due_at) WHERE enforced_at IS NULL;

-- Requesters whose forms are refused: a keyed hash of agency and address, never the address.
CREATE TABLE suspensions (
    id TEXT PRIMARY KEY,
    requester_hash BYTEA NOT NULL,
    ori TEXT NOT NULL,
    unit TEXT NOT NULL,
    request TEXT NOT NULL,
    cause TEXT NOT NULL,
    since BIGINT NOT NULL,
    lifted_by TEXT,
    lifted_at BIGINT
);
CREATE UNIQUE INDEX suspensions_in_force ON suspensions (requester_hash) WHERE lifted_at IS NULL;
