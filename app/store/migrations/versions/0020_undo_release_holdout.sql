ALTER TABLE plan ADD COLUMN undoes BIGINT;
ALTER TABLE plan ADD COLUMN releases TEXT COLLATE "C";
ALTER TABLE plan ADD COLUMN alerted_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN plan.undoes IS 'the run whose writes it takes back';
COMMENT ON COLUMN plan.releases IS 'the rules it releases for enrolments and tasks when it is applied';
COMMENT ON COLUMN plan.alerted_at IS 'when its waiting was logged: once';

ALTER TABLE mirror ADD COLUMN edited JSONB NOT NULL DEFAULT '{}';
COMMENT ON COLUMN mirror.edited IS 'property -> what a person set instead';

CREATE TABLE switch (
    name TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,
    set_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_switch PRIMARY KEY (name)
);

CREATE TABLE experiment (
    id BIGINT GENERATED ALWAYS AS IDENTITY NOT NULL,
    salt TEXT COLLATE "C" NOT NULL,
    holdout_share DOUBLE PRECISION NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    horizon_days INTEGER NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_experiment PRIMARY KEY (id)
);

CREATE TABLE assignment (
    experiment_id BIGINT NOT NULL,
    person_id BIGINT NOT NULL,
    arm TEXT COLLATE "C" NOT NULL,
    stratum TEXT COLLATE "C" NOT NULL,
    assigned_at TIMESTAMP WITH TIME ZONE NOT NULL,
    excluded TEXT,
    CONSTRAINT pk_assignment PRIMARY KEY (experiment_id, person_id),
    FOREIGN KEY (experiment_id) REFERENCES experiment (id)
);
COMMENT ON COLUMN assignment.arm IS 'treated, holdout';
COMMENT ON COLUMN assignment.stratum IS 'the band at assignment';
COMMENT ON COLUMN assignment.excluded IS 'why it is left out of the analysis';
CREATE INDEX ix_assignment_person_id ON assignment (person_id);

CREATE INDEX ix_ledger_run ON ledger (run_id);
CREATE INDEX ix_ledger_sent ON ledger (intended_at) WHERE kind IN ('EnrolInWorkflow', 'CreateTask');
