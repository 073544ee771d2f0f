CREATE TABLE summary (
    person_id bigint NOT NULL,
    rules text COLLATE "C" NOT NULL,
    holds_from timestamp with time zone NOT NULL,
    holds_until timestamp with time zone,
    look_at timestamp with time zone,
    worth_at timestamp with time zone NOT NULL,
    kinds text COLLATE "C" NOT NULL,
    worths bytea NOT NULL,
    numbers bytea NOT NULL,
    words text NOT NULL,
    CONSTRAINT pk_summary PRIMARY KEY (person_id)
);
COMMENT ON COLUMN summary.rules IS 'hash of the rules it was made by';
COMMENT ON COLUMN summary.holds_until IS 'when something other than fading changes';
COMMENT ON COLUMN summary.look_at IS 'when to look at the facts again';
COMMENT ON COLUMN summary.worth_at IS 'the last act that counts';
COMMENT ON COLUMN summary.kinds IS 'kinds of activity that count';
COMMENT ON COLUMN summary.worths IS 'float8 each: what they were worth then';
COMMENT ON COLUMN summary.numbers IS 'float8 each, NaN unknown: features';
COMMENT ON COLUMN summary.words IS 'features that are categories';

CREATE TABLE standing (
    person_id bigint NOT NULL,
    standing double precision,
    due_at timestamp with time zone,
    value smallint,
    band text COLLATE "C",
    method text COLLATE "C",
    engagement double precision,
    CONSTRAINT pk_standing PRIMARY KEY (person_id)
);
COMMENT ON COLUMN standing.standing IS 'what ranks the lead: probability, or a hundredth of its points';
COMMENT ON COLUMN standing.due_at IS 'when time alone changes what is printed of the score';
COMMENT ON COLUMN standing.engagement IS 'as the newest score says it';
INSERT INTO standing (person_id, standing, due_at, value, band, method, engagement)
    SELECT f.person_id, f.standing, f.due_at, s.value, s.band, s.method, s.engagement
    FROM feature f LEFT JOIN LATERAL (
        SELECT * FROM score WHERE score.person_id = f.person_id ORDER BY score.id DESC LIMIT 1) AS s ON true;
CREATE INDEX ix_standing_due ON standing (due_at) WHERE due_at IS NOT NULL;

-- The release before this one keeps both in feature, and knows no summaries. When it scores a lead, after a
-- rollback, the lead is due again for this one, from its facts. Goes with the two columns.
CREATE FUNCTION scored_by_the_release_before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM summary WHERE person_id = NEW.person_id;
    INSERT INTO standing (person_id, due_at) VALUES (NEW.person_id, NEW.computed_at)
        ON CONFLICT (person_id) DO UPDATE SET due_at = excluded.due_at, method = NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER scored_before AFTER INSERT ON feature FOR EACH ROW
    WHEN (NEW.standing IS NOT NULL OR NEW.due_at IS NOT NULL)
    EXECUTE FUNCTION scored_by_the_release_before();
CREATE TRIGGER scored_again_before AFTER UPDATE OF standing, due_at ON feature FOR EACH ROW
    EXECUTE FUNCTION scored_by_the_release_before();

CREATE TABLE unscored (
    person_id bigint NOT NULL,
    failure text NOT NULL,
    since timestamp with time zone NOT NULL,
    CONSTRAINT pk_unscored PRIMARY KEY (person_id)
);
COMMENT ON COLUMN unscored.failure IS 'its kind; its words may be personal';
