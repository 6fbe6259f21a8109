-- Why nobody was asked to take a queued job; cleared by every step that the job makes.
ALTER TABLE search_requests ADD COLUMN waiting TEXT;
