-- A page goes from its cause to its end. It is opened and ended in the transaction that moves its request.
CREATE TABLE pages (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    unit TEXT NOT NULL,
    lane TEXT NOT NULL CHECK (lane IN ('threat', 'priority', 'routine')),
    cause TEXT NOT NULL CHECK (cause IN ('job_offered', 'nobody_available', 'hold_waiting', 'emergency')),
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
CREATE UNIQUE INDEX pages_standing ON pages (request, cause) WHERE state <> 'ended';
CREATE INDEX pages_due ON pages (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX pages_by_unit ON pages (unit, opened_at);

-- One row a page and target. `delivery` is the id that the target sees; attempts that were bundled share one.
CREATE TABLE page_attempts (
    id TEXT PRIMARY KEY,
    page TEXT NOT NULL,
    step BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('mail', 'webhook')),
    target TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'sending', 'sent', 'failed', 'ended')),
    delivery TEXT,
    tries BIGINT NOT NULL,
    -- When it may be sent or tried again; NULL once it is sent, has failed or has ended.
    available_at BIGINT,
    code TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX page_attempts_by_page ON page_attempts (page, created_at);
CREATE INDEX page_attempts_due ON page_attempts (available_at) WHERE available_at IS NOT NULL;
CREATE INDEX page_attempts_by_target ON page_attempts (target, updated_at);

-- Signed replies that were taken, so that none is taken twice.
CREATE TABLE page_callbacks (
    id TEXT PRIMARY KEY,
    taken_at BIGINT NOT NULL
);
