CREATE TABLE model (
    id bigint GENERATED ALWAYS AS IDENTITY,
    bytes bytea NOT NULL,
    sha256 text COLLATE "C" NOT NULL,
    report jsonb NOT NULL,
    trained_at timestamp with time zone NOT NULL,
    state text COLLATE "C" NOT NULL,
    watched jsonb,
    watched_at timestamp with time zone,
    CONSTRAINT pk_model PRIMARY KEY (id)
);
COMMENT ON COLUMN model.state IS 'champion, previous, refused';
COMMENT ON COLUMN model.watched IS 'drift, calibration since training, alarms';
CREATE UNIQUE INDEX ix_model_champion ON model (state) WHERE state = 'champion';

ALTER TABLE feature ADD COLUMN standing double precision;
ALTER TABLE feature ADD COLUMN due_at timestamp with time zone;
COMMENT ON COLUMN feature.standing IS 'what ranks the lead: probability, or a hundredth of its points';
COMMENT ON COLUMN feature.due_at IS 'when time alone changes what is printed of the score';
CREATE INDEX ix_feature_due ON feature (due_at) WHERE due_at IS NOT NULL;
-- Nobody knows yet when the leads scored so far are due: the next decay looks at them all.
UPDATE feature SET due_at = computed_at;

ALTER TABLE score ADD COLUMN grid text COLLATE "C" NOT NULL DEFAULT '';

CREATE TABLE spread (
    id smallint NOT NULL,
    counts jsonb NOT NULL,
    starts jsonb,
    made_at timestamp with time zone NOT NULL,
    starts_at timestamp with time zone,
    CONSTRAINT pk_spread PRIMARY KEY (id)
);
COMMENT ON COLUMN spread.counts IS 'thousandth of a standing -> leads';
COMMENT ON COLUMN spread.starts IS 'the lowest standing of each band, where bands go by capacity';
