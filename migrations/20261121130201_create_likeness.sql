-- Whether a probe's picture was compared with the others', when it may be tried next, how often it was, and the sealed
-- hashes of the whole picture.
ALTER TABLE probes ADD COLUMN picture_state TEXT NOT NULL DEFAULT 'waiting'
    CHECK (picture_state IN ('waiting', 'compared', 'unreadable'));
ALTER TABLE probes ADD COLUMN picture_at BIGINT;
ALTER TABLE probes ADD COLUMN picture_attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE probes ADD COLUMN picture_hashes BYTEA;
CREATE INDEX probes_to_compare ON probes (request, ordinal) WHERE picture_state = 'waiting';

-- Keyed hashes of the sixteen bands of a picture's hash: equal ones are the candidates that are compared.
CREATE TABLE picture_bands (
    band BIGINT NOT NULL,
    request TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    PRIMARY KEY (band, request, ordinal)
);
CREATE INDEX picture_bands_by_request ON picture_bands (request);

-- Probes of different requests that look like the same picture; a row for each direction.
CREATE TABLE picture_likenesses (
    request TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    other TEXT NOT NULL,
    other_ordinal BIGINT NOT NULL,
    PRIMARY KEY (request, ordinal, other, other_ordinal)
);
CREATE INDEX picture_likenesses_by_other ON picture_likenesses (other);

-- Requests that others repeat: the auditor's list goes through a unit's requests, newest first.
CREATE INDEX search_requests_by_unit_and_id ON search_requests (unit, id);
