-- The order in which open jobs are listed and given out; the head starts (72 and 24 hours) are those of
-- `lifecycle::head_start`.
CREATE INDEX search_requests_by_rank ON search_requests (unit, (received_at - CASE lane WHEN 'threat' THEN 259200000000 WHEN 'priority' THEN 86400000000 ELSE 0 END), id)
    WHERE stage IN ('queued', 'offered', 'leased', 'examined', 'second_review', 'adjudication_due', 'adjudication', 'awaiting_release', 'held');
-- What one person has on the desk, whatever the unit.
CREATE INDEX search_requests_of_holder ON search_requests (holder) WHERE holder IS NOT NULL;
-- A person's own drafts, and what a person examined lately.
CREATE INDEX case_records_by_author ON case_records (author, kind, written_at);
