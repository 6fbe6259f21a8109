-- Types that both databases read alike: TEXT, BIGINT (micro-seconds since 1970 for times), BYTEA.

CREATE TABLE registry_versions (
    version BIGINT PRIMARY KEY,
    imported_at BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    sealed BYTEA NOT NULL
);

CREATE TABLE case_counters (
    unit TEXT PRIMARY KEY,
    last_number BIGINT NOT NULL
);

CREATE TABLE search_requests (
    id TEXT PRIMARY KEY,
    unit TEXT NOT NULL,
    ori TEXT NOT NULL,
    stage TEXT NOT NULL,
    stage_data TEXT NOT NULL,
    version BIGINT NOT NULL,
    lane TEXT NOT NULL CHECK (lane IN ('threat', 'priority', 'routine')),
    fence BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deadline_at BIGINT,
    case_hash BYTEA NOT NULL,
    repeat_hash BYTEA NOT NULL,
    case_number_of_unit BIGINT,
    outcome TEXT,
    findings TEXT NOT NULL,
    supersedes TEXT,
    data_key BYTEA,
    form BYTEA,
    CHECK (stage IN ('received', 'rejected', 'held', 'accepted', 'queued', 'offered', 'leased', 'examined',
        'second_review', 'adjudication_due', 'adjudication', 'awaiting_release', 'released', 'delivering',
        'delivered', 'awaiting_pickup', 'acknowledged', 'feedback_due', 'closed', 'withdrawn', 'expired',
        'destroyed'))
);
CREATE INDEX search_requests_by_agency ON search_requests (ori, id);
CREATE INDEX search_requests_by_unit ON search_requests (unit, stage, lane, received_at);
CREATE INDEX search_requests_by_deadline ON search_requests (deadline_at) WHERE deadline_at IS NOT NULL;
CREATE INDEX search_requests_by_repeat ON search_requests (repeat_hash, received_at);

CREATE TABLE probes (
    request TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    object_key TEXT NOT NULL,
    image_hash BYTEA NOT NULL,
    media_type TEXT NOT NULL,
    byte_len BIGINT NOT NULL,
    PRIMARY KEY (request, ordinal)
);
CREATE INDEX probes_by_image ON probes (image_hash);

CREATE TABLE idempotency_keys (
    ori TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_digest BYTEA NOT NULL,
    request TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (ori, idempotency_key)
);

-- What people wrote on a case, sealed: examinations, reviews, releases, hold decisions.
CREATE TABLE case_records (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    kind TEXT NOT NULL,
    author TEXT NOT NULL,
    written_at BIGINT NOT NULL,
    sealed BYTEA
);
CREATE INDEX case_records_by_request ON case_records (request, kind);

CREATE TABLE mailings (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    message_id TEXT NOT NULL,
    object_key TEXT NOT NULL,
    envelope BYTEA,
    status TEXT NOT NULL CHECK (status IN ('queued', 'sending', 'sent', 'deferred', 'refused', 'indeterminate')),
    attempts BIGINT NOT NULL,
    last_phase TEXT,
    last_code TEXT,
    updated_at BIGINT NOT NULL
);
CREATE INDEX mailings_by_request ON mailings (request);

CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    route TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    publish_at BIGINT
);
CREATE INDEX messages_by_request ON messages (request, id);
CREATE INDEX messages_to_publish ON messages (publish_at) WHERE publish_at IS NOT NULL;

-- A row lives until the effect of its message is visible.
CREATE TABLE deliveries (
    message TEXT NOT NULL,
    queue TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'leased', 'dead')),
    available_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    last_error TEXT,
    PRIMARY KEY (message, queue)
);
CREATE INDEX deliveries_due ON deliveries (queue, state, available_at);

CREATE TABLE audit_entries (
    seq BIGINT PRIMARY KEY,
    leaf BYTEA NOT NULL,
    body TEXT NOT NULL,
    request TEXT
);
CREATE INDEX audit_entries_by_request ON audit_entries (request, seq);

CREATE TABLE audit_log (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    size BIGINT NOT NULL,
    frontier BYTEA NOT NULL
);

CREATE TABLE audit_checkpoints (
    size BIGINT PRIMARY KEY,
    note TEXT NOT NULL,
    made_at BIGINT NOT NULL
);

CREATE TABLE instances (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    owner TEXT NOT NULL,
    heartbeat_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_hash BYTEA PRIMARY KEY,
    account TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- Images that no row needs any more; the sweeper removes them from the image store.
CREATE TABLE discarded_objects (
    object_key TEXT PRIMARY KEY
);
