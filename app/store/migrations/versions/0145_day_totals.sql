ALTER TABLE plan ADD COLUMN uses jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN plan.uses IS 'name -> what it takes of the day''s limit';

CREATE TABLE day_total (
    hour timestamptz NOT NULL,
    name text COLLATE "C" NOT NULL,
    amount double precision NOT NULL,
    CONSTRAINT pk_day_total PRIMARY KEY (hour, name)
);
COMMENT ON COLUMN day_total.name IS 'the limit: a kind, the leaves of a list, clears';

-- What went out in the last day still counts.
INSERT INTO day_total (hour, name, amount)
SELECT date_trunc('hour', intended_at, 'UTC'), kind, count(*) FROM ledger
WHERE kind IN ('EnrolInWorkflow', 'CreateTask') AND state IN ('intent', 'done')
    AND intended_at > now() - interval '25 hours'
GROUP BY 1, 2;
