-- The same case at another unit is found by its keyed hash.
CREATE INDEX search_requests_by_case ON search_requests (case_hash, ori);
