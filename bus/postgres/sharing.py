"""Who owns which partition of a group: leases on the database's clock, shared out by its server.

No advisory locks, because a stopped process keeps them for ever. Each member renews its lease and
takes or gives back partitions in one call, under the lock of the topic's row.
"""

TABLES = """
CREATE TABLE vestec_log.members (
    group_name text,
    topic text REFERENCES vestec_log.topics,
    member text,
    backends text NOT NULL,
    expires timestamptz NOT NULL,
    owned int[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (group_name, topic, member)
);
"""

FUNCTIONS = """
-- Renews and returns what the member owns from now on. Fair are n / members partitions each, and
-- one more for as many as there are left, first for those that have most: so little moves.
CREATE OR REPLACE FUNCTION vestec_log.renew(
    my_group text, my_topic text, me text, my_backends text, lease interval
) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    n int;
    fair int;
    dead text[];
    before int[];
    after int[];
BEGIN
    SELECT partitions INTO n FROM vestec_log.topics WHERE topic = my_topic FOR NO KEY UPDATE;

    -- While the server was down nobody could renew: leases hold for a while after its start.
    WITH expired AS (
        DELETE FROM vestec_log.members
        WHERE group_name = my_group AND topic = my_topic AND member <> me
            AND greatest(expires, pg_postmaster_start_time() + lease) < clock_timestamp()
        RETURNING backends
    ) SELECT array_agg(backends) INTO dead FROM expired;

    -- A stopped process may have left a head locked in the middle of an append.
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ANY (dead);

    SELECT owned INTO before FROM vestec_log.members
    WHERE group_name = my_group AND topic = my_topic AND member = me;

    INSERT INTO vestec_log.members
    VALUES (my_group, my_topic, me, my_backends, clock_timestamp() + lease)
    ON CONFLICT (group_name, topic, member) DO UPDATE SET expires = excluded.expires;

    SELECT n / members + (place <= n % members)::int INTO fair FROM (
        SELECT member, count(*) OVER () AS members,
            row_number() OVER (ORDER BY cardinality(owned) DESC, member) AS place
        FROM vestec_log.members WHERE group_name = my_group AND topic = my_topic
    ) AS ranked WHERE member = me;

    SELECT coalesce(array_agg(partition), '{}') INTO after FROM (
        SELECT partition FROM generate_series(0, n - 1) AS partition
        WHERE NOT EXISTS (
            SELECT FROM vestec_log.members
            WHERE group_name = my_group AND topic = my_topic AND member <> me
                AND partition = ANY (owned)
        )
        ORDER BY partition = ANY (before) DESC NULLS LAST, partition LIMIT fair
    ) AS free_or_mine;

    IF after IS DISTINCT FROM before THEN
        UPDATE vestec_log.members SET owned = after
        WHERE group_name = my_group AND topic = my_topic AND member = me;
        PERFORM pg_notify('vestec_log_groups', my_group);
    END IF;
    RETURN after;
END $$;
"""

RENEW = "SELECT vestec_log.renew($1, $2, $3, $4, make_interval(secs => $5))"

LEAVE = """
WITH gone AS (
    DELETE FROM vestec_log.members WHERE group_name = $1 AND topic = $2 AND member = $3
    RETURNING group_name
)
SELECT pg_notify('vestec_log_groups', group_name) FROM gone
"""
