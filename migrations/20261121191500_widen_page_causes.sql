-- Pages about the steps after the first examination, and about the unit's own time. Neither database changes a CHECK in
-- place in the same words, so the table is made anew.
CREATE TABLE pages_widened (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    unit TEXT NOT NULL,
    lane TEXT NOT NULL CHECK (lane IN ('threat', 'priority', 'routine')),
    cause TEXT NOT NULL CHECK (cause IN ('job_offered', 'nobody_available', 'hold_waiting', 'hold_escalated',
        'emergency', 'emergency_begun', 'duty_due', 'duty_overdue', 'second_review_due', 'adjudication_due',
        'release_due', 'release_overdue', 'service_due', 'service_overdue')),
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

-- What waits for one of these steps already is paged from now on. A request has one stage, so one page here.
INSERT INTO pages (id, request, unit, lane, cause, state, step, step_at, next_at, fence, opened_at, updated_at)
SELECT 'pg-' || substr(id, 3), id, unit, lane,
    CASE stage WHEN 'examined' THEN 'second_review_due' WHEN 'adjudication_due' THEN 'adjudication_due'
        ELSE 'release_due' END,
    'open', 0, updated_at, updated_at, 0, updated_at, updated_at
FROM search_requests WHERE stage IN ('examined', 'adjudication_due', 'awaiting_release');
