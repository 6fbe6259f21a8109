-- Since when a legal hold keeps the record from being destroyed. NULL where none stands.
ALTER TABLE search_requests ADD COLUMN legal_hold_at BIGINT;
