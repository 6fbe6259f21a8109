-- Test cases whose answer the unit's administrator knows. Nothing that a reviewer reads looks here: who asks for a job is
-- shown a request like any other. `expected` is sealed under the request's own key and ends with it; `result` is sealed
-- under the site's key, and names people of the unit by their account.
CREATE TABLE known_answers (
    request TEXT PRIMARY KEY,
    unit TEXT NOT NULL,
    injected_by TEXT NOT NULL,
    injected_at BIGINT NOT NULL,
    expected BYTEA,
    result BYTEA,
    concluded_at BIGINT
);
CREATE INDEX known_answers_by_unit ON known_answers (unit, injected_at);
