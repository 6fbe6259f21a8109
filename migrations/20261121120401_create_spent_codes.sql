-- The step in time (RFC 6238) of the last one-time code that an account spent: no process takes it or an older one again.
CREATE TABLE spent_codes (
    account TEXT NOT NULL PRIMARY KEY,
    step BIGINT NOT NULL
);
