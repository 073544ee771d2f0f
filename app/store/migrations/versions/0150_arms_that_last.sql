ALTER TABLE assignment ADD COLUMN merged_into BIGINT;
ALTER TABLE assignment ADD COLUMN taken_from BIGINT;
COMMENT ON COLUMN assignment.merged_into IS 'the person whose row counts instead';
COMMENT ON COLUMN assignment.taken_from IS 'the person merged into this one whose arm it is';
CREATE INDEX ix_assignment_merged_into ON assignment (merged_into) WHERE merged_into IS NOT NULL;
UPDATE assignment SET merged_into = m.kept_person_id, excluded = 'counts with the person they were merged into'
    FROM merge m
    WHERE m.merged_person_id = assignment.person_id
      AND NOT EXISTS (SELECT FROM identity WHERE identity.person_id = assignment.person_id);

UPDATE experiment SET ended_at = started_at
    WHERE ended_at IS NULL AND id < (SELECT max(id) FROM experiment WHERE ended_at IS NULL);
CREATE UNIQUE INDEX uq_experiment_open ON experiment ((ended_at IS NULL)) WHERE ended_at IS NULL;
ALTER TABLE experiment ADD COLUMN forecast JSONB;
COMMENT ON COLUMN experiment.forecast IS 'what it was expected to take when it began';

ALTER TABLE plan ADD COLUMN dealt JSONB;
COMMENT ON COLUMN plan.dealt IS 'the experiment and the arms it deals when it is applied';
