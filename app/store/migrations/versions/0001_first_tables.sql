CREATE TABLE inbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    delivery_key TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    body BYTEA NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_inbox PRIMARY KEY (id),
    UNIQUE (delivery_key)
);
CREATE INDEX ix_inbox_new ON inbox (id) WHERE state = 'new';
COMMENT ON COLUMN inbox.delivery_key IS 'sha256 of vendor and raw body';
COMMENT ON COLUMN inbox.state IS 'new, done, ignored, quarantined';

CREATE TABLE quarantine (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    fault_key TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    path TEXT NOT NULL,
    reason TEXT NOT NULL,
    payload JSONB,
    inbox_id BIGINT,
    run_id BIGINT,
    state TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    replayed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_quarantine PRIMARY KEY (id),
    UNIQUE (fault_key)
);
COMMENT ON COLUMN quarantine.fault_key IS 'sha256 of source, stream and payload';
COMMENT ON COLUMN quarantine.stream IS 'empty when the body could not be read at all';
COMMENT ON COLUMN quarantine.payload IS 'the record; null when only the raw inbox body exists';
COMMENT ON COLUMN quarantine.state IS 'open, replayed';

CREATE TABLE cursor (
    source TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    position JSONB NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_cursor PRIMARY KEY (source, stream)
);

CREATE TABLE person (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_person PRIMARY KEY (id)
);

CREATE TABLE identity (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    vendor TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    person_id BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_identity PRIMARY KEY (id),
    CONSTRAINT uq_identity UNIQUE (vendor, kind, value),
    FOREIGN KEY(person_id) REFERENCES person (id)
);
CREATE INDEX ix_identity_person_id ON identity (person_id);
COMMENT ON COLUMN identity.ended_at IS 'a contact id that HubSpot merged into another: found, not written';

CREATE TABLE merge (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    kept_person_id BIGINT NOT NULL,
    merged_person_id BIGINT NOT NULL,
    identity_ids BIGINT[] NOT NULL,
    reason TEXT NOT NULL,
    merged_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_merge PRIMARY KEY (id)
);
COMMENT ON COLUMN merge.identity_ids IS 'what moved: moving them back undoes it';

CREATE TABLE profile (
    identity_id BIGINT NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    fields JSONB NOT NULL,
    observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    inbox_id BIGINT,
    run_id BIGINT,
    CONSTRAINT pk_profile PRIMARY KEY (identity_id, source),
    FOREIGN KEY(identity_id) REFERENCES identity (id)
);

CREATE TABLE observation (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    source TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    identity_id BIGINT,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    quantity DOUBLE PRECISION NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    attributes JSONB NOT NULL,
    inbox_id BIGINT,
    run_id BIGINT,
    CONSTRAINT pk_observation PRIMARY KEY (id),
    CONSTRAINT uq_observation UNIQUE (source, key),
    FOREIGN KEY(identity_id) REFERENCES identity (id)
);
CREATE INDEX ix_observation_identity_id ON observation (identity_id);
CREATE INDEX ix_observation_scope ON observation (scope) WHERE scope != '';
COMMENT ON COLUMN observation.key IS 'the source''s own key of this event';
COMMENT ON COLUMN observation.identity_id IS 'null: anonymous';

CREATE TABLE occurrence (
    source TEXT COLLATE "C" NOT NULL,
    uuid TEXT COLLATE "C" NOT NULL,
    webinar_id TEXT COLLATE "C" NOT NULL,
    topic TEXT NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE,
    host_id TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_occurrence PRIMARY KEY (source, uuid)
);
CREATE INDEX ix_occurrence_webinar_id ON occurrence (webinar_id);

CREATE TABLE deal (
    source TEXT COLLATE "C" NOT NULL,
    deal_id TEXT COLLATE "C" NOT NULL,
    contact_ids TEXT[] COLLATE "C" NOT NULL,
    pipeline TEXT COLLATE "C" NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    amount NUMERIC,
    is_closed BOOLEAN NOT NULL,
    is_won BOOLEAN NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    modified_at TIMESTAMP WITH TIME ZONE NOT NULL,
    run_id BIGINT,
    CONSTRAINT pk_deal PRIMARY KEY (source, deal_id)
);
CREATE INDEX ix_deal_contact_ids ON deal USING gin (contact_ids);

CREATE TABLE reference (
    source TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    reference_id TEXT COLLATE "C" NOT NULL,
    body JSONB NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_reference PRIMARY KEY (source, kind, reference_id)
);

CREATE TABLE hint (
    contact_id TEXT COLLATE "C" NOT NULL,
    hinted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    inbox_id BIGINT,
    CONSTRAINT pk_hint PRIMARY KEY (contact_id)
);

CREATE TABLE erasure (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    subject_hash TEXT COLLATE "C" NOT NULL,
    erased_at TIMESTAMP WITH TIME ZONE NOT NULL,
    row_counts JSONB NOT NULL,
    CONSTRAINT pk_erasure PRIMARY KEY (id)
);
COMMENT ON COLUMN erasure.subject_hash IS 'sha256 of vendor and contact id';

CREATE TABLE touched (
    person_id BIGINT NOT NULL,
    touched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_touched PRIMARY KEY (person_id)
);
CREATE INDEX ix_touched_oldest ON touched (touched_at, person_id);

CREATE TABLE activity (
    person_id BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    fact_key TEXT COLLATE "C" NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    quantity DOUBLE PRECISION NOT NULL,
    attributes JSONB NOT NULL,
    observation_ids BIGINT[] NOT NULL,
    CONSTRAINT pk_activity PRIMARY KEY (person_id, kind, fact_key)
);

CREATE TABLE feature (
    person_id BIGINT NOT NULL,
    values JSONB NOT NULL,
    computed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_feature PRIMARY KEY (person_id)
);

CREATE TABLE score (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    person_id BIGINT NOT NULL,
    value SMALLINT NOT NULL,
    band TEXT COLLATE "C" NOT NULL,
    probability DOUBLE PRECISION,
    method TEXT COLLATE "C" NOT NULL,
    engagement DOUBLE PRECISION NOT NULL,
    receipt JSONB NOT NULL,
    scored_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_score PRIMARY KEY (id)
);
CREATE INDEX ix_score_person ON score (person_id, id DESC);

CREATE TABLE plan (
    fingerprint TEXT COLLATE "C" NOT NULL,
    run_id BIGINT,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    changes JSONB NOT NULL,
    unsafe JSONB NOT NULL,
    counts JSONB NOT NULL,
    score_ids JSONB NOT NULL,
    before JSONB NOT NULL,
    applied_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_plan PRIMARY KEY (fingerprint)
);
COMMENT ON COLUMN plan.state IS 'shown, applying, applied';
COMMENT ON COLUMN plan.score_ids IS 'person id -> the score that caused the changes';
COMMENT ON COLUMN plan.before IS 'change key -> what HubSpot held';

CREATE TABLE ledger (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    fingerprint TEXT COLLATE "C" NOT NULL,
    change_key TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    person_id BIGINT,
    contact_id TEXT COLLATE "C",
    subject TEXT COLLATE "C" NOT NULL,
    change JSONB NOT NULL,
    before JSONB,
    score_id BIGINT,
    run_id BIGINT,
    state TEXT COLLATE "C" NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    intended_at TIMESTAMP WITH TIME ZONE NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_ledger PRIMARY KEY (id),
    CONSTRAINT uq_ledger UNIQUE (fingerprint, change_key)
);
CREATE INDEX ix_ledger_intent ON ledger (id) WHERE state = 'intent';
CREATE INDEX ix_ledger_once ON ledger (kind, person_id, subject);
CREATE INDEX ix_ledger_person ON ledger (person_id, id DESC);
COMMENT ON COLUMN ledger.change_key IS 'natural key of the change within its plan';
COMMENT ON COLUMN ledger.subject IS 'list, workflow or task key; empty for properties';
COMMENT ON COLUMN ledger.before IS 'what HubSpot held just before: undo writes it back';
COMMENT ON COLUMN ledger.score_id IS 'the score that caused it';
COMMENT ON COLUMN ledger.state IS 'intent, done, rejected';

CREATE TABLE unwritten (
    person_id BIGINT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_unwritten PRIMARY KEY (person_id)
);

CREATE TABLE mirror (
    contact_id TEXT COLLATE "C" NOT NULL,
    person_id BIGINT NOT NULL,
    properties JSONB NOT NULL,
    lists TEXT[] NOT NULL,
    score_id BIGINT,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_mirror PRIMARY KEY (contact_id)
);
CREATE INDEX ix_mirror_person_id ON mirror (person_id);
COMMENT ON COLUMN mirror.score_id IS 'the score these values show';

CREATE TABLE run (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    job TEXT COLLATE "C" NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    progress JSONB NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    result JSONB,
    error TEXT,
    CONSTRAINT pk_run PRIMARY KEY (id)
);
CREATE INDEX ix_run_job ON run (job, id DESC);

CREATE TABLE clock_slot (
    job TEXT COLLATE "C" NOT NULL,
    slot TIMESTAMP WITH TIME ZONE NOT NULL,
    deferred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_clock_slot PRIMARY KEY (job, slot)
);
