"""The tables that hold records, and the statements on them.

Why appending is one statement: it takes the row lock of the partition's head and the server keeps
it until the commit, so that commits happen in order of offset. Without the lock an append could
become visible after one with a higher offset, and a reader that had passed it would never see it.
"""

TABLES = """
CREATE SCHEMA vestec_log;

CREATE TABLE vestec_log.topics (
    topic text PRIMARY KEY,
    partitions int NOT NULL
);

-- A head changes with every append: with room on its page it is rewritten there, without its index.
CREATE TABLE vestec_log.heads (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL REFERENCES vestec_log.topics,
    partition int NOT NULL,
    first bigint NOT NULL DEFAULT 0,
    next bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    UNIQUE (topic, partition)
) WITH (fillfactor = 10);

-- The records of one append are one row (half the work of a row each): those at the offsets
-- from `start` to before `stop`. `bytes` is the size of all batches of the partition before it.
CREATE TABLE vestec_log.batches (
    head int,
    start bigint,
    stop bigint NOT NULL,
    bytes bigint NOT NULL,
    records bytea NOT NULL,
    PRIMARY KEY (head, start)
) WITH (toast_tuple_target = 8160);
-- Not compressed: that would cost more time than it saves.
ALTER TABLE vestec_log.batches ALTER COLUMN records SET STORAGE EXTERNAL;
"""

DECLARE = """
WITH made AS (
    INSERT INTO vestec_log.topics VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING topic, partitions
)
INSERT INTO vestec_log.heads (topic, partition)
SELECT topic, generate_series(0, partitions - 1) FROM made
"""

PARTITIONS = "SELECT partitions FROM vestec_log.topics WHERE topic = $1"

APPEND = """
WITH head AS (
    UPDATE vestec_log.heads SET next = next + $3::int, bytes = bytes + octet_length($4::bytea)
    WHERE topic = $1 AND partition = $2
    RETURNING id, next - $3 AS start, next AS stop, bytes - octet_length($4::bytea) AS bytes
), written AS (
    INSERT INTO vestec_log.batches SELECT id, start, stop, bytes, $4 FROM head WHERE $3 > 0
)
SELECT start FROM head
"""

READ = """
WITH place AS MATERIALIZED (
    SELECT id, greatest($3, first) AS lowest FROM vestec_log.heads
    WHERE topic = $1 AND partition = $2
), here AS MATERIALIZED (
    SELECT start, bytes FROM vestec_log.batches
    WHERE head = (SELECT id FROM place) AND start <= (SELECT lowest FROM place)
    ORDER BY start DESC LIMIT 1
)
SELECT (SELECT lowest FROM place) AS lowest, start, records FROM vestec_log.batches
WHERE head = (SELECT id FROM place)
    AND start >= (SELECT start FROM here) AND start < (SELECT lowest FROM place) + $4
    AND stop > (SELECT lowest FROM place) AND bytes < (SELECT bytes FROM here) + $5
ORDER BY start
"""

BOUNDS = "SELECT first, next FROM vestec_log.heads WHERE topic = $1 AND partition = $2"

FORGET = """
UPDATE vestec_log.heads SET first = least($3, next)
WHERE topic = $1 AND partition = $2 AND first < $3
"""

REMOVE = """
DELETE FROM vestec_log.batches USING vestec_log.heads
WHERE topic = $1 AND partition = $2 AND head = heads.id
    AND start < heads.first AND stop <= heads.first
"""

ENDS = "SELECT topic, partition, next FROM vestec_log.heads"

RING = "SELECT pg_notify('vestec_log', place) FROM unnest($1::text[]) AS place"

OTHERS = """
SELECT EXISTS (
    SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE 'vestec log %'
        AND application_name <> current_setting('application_name')
)
"""
