-- Pages about a hold that went to the next role, and about what an emergency owes. Neither database changes a CHECK in place
-- in the same words, so the table is made anew.
CREATE TABLE pages_widened (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    unit TEXT NOT NULL,
    lane TEXT NOT NULL CHECK (lane IN ('threat', 'priority', 'routine')),
    cause TEXT NOT NULL CHECK (cause IN ('job_offered', 'nobody_available', 'hold_waiting', 'hold_escalated',
        'emergency', 'emergency_begun', 'duty_due', 'duty_overdue')),
    state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'ended')),
    step BIGINT NOT NULL,
    step_at BIGINT NOT NULL,
    -- When the pager looks again; NULL once it has ended.
    next_at BIGINT,
    fence BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    acknowledged_by TEXT,
    acknowledged_at BIGINT
);
INSERT INTO pages_widened (id, request, unit, lane, cause, state, step, step_at, next_at, fence, opened_at, updated_at,
    acknowledged_by, acknowledged_at)
SELECT id, request, unit, lane, cause, state, step, step_at, next_at, fence, opened_at, updated_at, acknowledged_by,
    acknowledged_at FROM pages;
DROP TABLE pages;
ALTER TABLE pages_widened RENAME TO pages;
CREATE UNIQUE INDEX pages_standing ON pages (request, cause) WHERE state <> 'ended';
CREATE INDEX pages_due ON pages (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX pages_by_unit ON pages (unit, opened_at);

-- When the unit was told that a duty is nearly due, and that its time is over; once each.
ALTER TABLE emergency_duties ADD COLUMN reminded_at BIGINT;
ALTER TABLE emergency_duties ADD COLUMN overdue_at BIGINT;
