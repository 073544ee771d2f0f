CREATE TABLE writer (
    id SMALLINT NOT NULL,
    fence BIGINT NOT NULL,
    beat_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_writer PRIMARY KEY (id)
);
COMMENT ON COLUMN writer.fence IS 'goes up with every new writer: rows of an older one are refused';
ALTER TABLE ledger ADD COLUMN fence BIGINT;

ALTER TABLE touched ADD COLUMN hot BOOLEAN NOT NULL DEFAULT false;
DROP INDEX ix_touched_oldest;
CREATE INDEX ix_touched_next ON touched (hot DESC, touched_at, person_id);

ALTER TABLE unwritten ADD COLUMN hot BOOLEAN NOT NULL DEFAULT false;
CREATE INDEX ix_unwritten_next ON unwritten (hot DESC, since, person_id);
