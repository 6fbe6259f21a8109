-- Who holds a job (offer or lease): the choice of a reviewer counts by it. NULL where nobody does.
ALTER TABLE search_requests ADD COLUMN holder TEXT;
CREATE INDEX search_requests_by_holder ON search_requests (unit, holder) WHERE holder IS NOT NULL;
