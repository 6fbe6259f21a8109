-- Every emergency that failed suspends its requester: who lifts the one of a unit lifts no other unit's.
DROP INDEX suspensions_in_force;
CREATE UNIQUE INDEX suspensions_in_force ON suspensions (requester_hash, request) WHERE lifted_at IS NULL;
