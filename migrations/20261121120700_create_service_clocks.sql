-- When a unit means to answer (src/lifecycle/service_clock.rs). The times are found from what happened and the unit's
-- calendar; this table says only when to look next and what was told.
CREATE TABLE service_clocks (
    request TEXT PRIMARY KEY,
    due_at BIGINT,
    look_at BIGINT,
    told TEXT
);
CREATE INDEX service_clocks_to_look_at ON service_clocks (look_at) WHERE look_at IS NOT NULL;
