"""Attackers' notebooks for servers: what each engine could be talked into, beside what every engine is asked."""

from tests.data import test_attacks as everywhere

POSTGRES = r"""
SELECT pg_read_file('/etc/passwd')
SELECT pg_read_binary_file('/etc/passwd')
SELECT pg_ls_dir('.')
SELECT * FROM pg_ls_dir('/')
SELECT pg_stat_file('postgresql.conf')
SELECT lo_import('/etc/passwd')
SELECT lo_export(1, '/tmp/x')
SELECT lo_get(1)
SELECT * FROM dblink('host=127.0.0.1', 'SELECT 1') AS t(a int)
SELECT dblink_connect('host=127.0.0.1')
SELECT pg_sleep(10)
SELECT id FROM orders WHERE pg_sleep(1) IS NULL
SELECT query_to_xml('SELECT * FROM public.orders', true, true, '')
SELECT table_to_xml('public.orders', true, true, '')
SELECT database_to_xml(true, true, '')
SELECT schema_to_xml('public', true, true, '')
SELECT cursor_to_xml('c', 1, true, true, '')
SELECT xpath('/a', '<a/>')
SELECT ts_stat('SELECT 1')
SELECT * FROM ts_stat('SELECT region FROM public.orders')
SELECT current_setting('data_directory')
SELECT set_config('row_security', 'off', false)
SELECT set_config('search_path', 'public', true)
SELECT id, set_config('statement_timeout', '0', true) FROM orders
SELECT pg_terminate_backend(1)
SELECT pg_cancel_backend(1)
SELECT pg_reload_conf()
SELECT pg_rotate_logfile()
SELECT pg_switch_wal()
SELECT pg_create_restore_point('x')
SELECT pg_export_snapshot()
SELECT pg_advisory_lock(1)
SELECT pg_notify('a', 'b')
SELECT nextval('public.s')
SELECT setval('public.s', 1)
SELECT txid_current()
SELECT pg_backend_pid()
SELECT inet_server_addr()
SELECT version()
SELECT current_user
SELECT session_user
SELECT current_catalog
SELECT current_role
SELECT user
SELECT has_table_privilege('public.orders', 'SELECT')
SELECT pg_get_functiondef(1)
SELECT pg_get_viewdef('public.orders')
SELECT obj_description(1)
SELECT col_description(1, 1)
SELECT pg_relation_size('public.orders')
SELECT pg_database_size('postgres')
SELECT pg_column_size(region) FROM orders
SELECT pg_typeof(region) FROM orders
SELECT to_regclass('public.orders')
SELECT 'public.orders'::regclass
SELECT CAST('orders' AS regclass)
SELECT 1::oid
SELECT CAST(region AS name) FROM orders
SELECT CAST('<a/>' AS xml)
SELECT CAST(region AS jsonb) FROM orders
SELECT row_to_json(orders) FROM orders
SELECT to_jsonb(orders) FROM orders
SELECT json_agg(customers) FROM customers
SELECT jsonb_agg(c) FROM customers c
SELECT array_agg(customers) FROM customers
SELECT ROW(customers.*) FROM customers
SELECT (customers).salary FROM customers
SELECT (c).* FROM customers c
SELECT c::text FROM customers c
SELECT CAST(customers AS VARCHAR) FROM customers
SELECT hstore(customers) FROM customers
SELECT ctid FROM orders
SELECT xmin, xmax FROM orders
SELECT tableoid FROM orders
SELECT cmin FROM orders
SELECT orders.ctid FROM orders
SELECT _row.ctid FROM orders
SELECT * FROM pg_class
SELECT * FROM pg_catalog.pg_class
SELECT * FROM pg_stats
SELECT most_common_vals FROM pg_stats WHERE tablename = 'orders'
SELECT * FROM pg_statistic
SELECT * FROM pg_authid
SELECT * FROM pg_shadow
SELECT * FROM pg_roles
SELECT * FROM pg_settings
SELECT * FROM pg_stat_activity
SELECT query FROM pg_stat_statements
SELECT * FROM pg_hba_file_rules
SELECT * FROM pg_file_settings
SELECT * FROM pg_locks
SELECT * FROM pg_proc
SELECT * FROM pg_largeobject
SELECT * FROM pg_cursors
SELECT * FROM pg_prepared_statements
SELECT * FROM information_schema.tables
SELECT * FROM public.orders
SELECT * FROM "public"."orders"
SELECT public.orders.region FROM orders
SELECT * FROM ONLY orders
TABLE orders
TABLE public.orders
SELECT * FROM pg_temp.orders
DO $$ BEGIN PERFORM 1; END $$
LISTEN a
NOTIFY a
UNLISTEN *
LOCK TABLE orders
DECLARE c CURSOR FOR SELECT * FROM public.orders
FETCH ALL FROM c
MOVE 1 IN c
CLOSE c
DISCARD ALL
RESET ALL
SET ROLE postgres
SET SESSION AUTHORIZATION postgres
SET LOCAL row_security = off
SET TRANSACTION READ WRITE
SHOW ALL
SHOW data_directory
COPY public.orders TO PROGRAM 'cat'
COPY public.orders TO STDOUT
COPY (SELECT * FROM public.orders) TO '/tmp/x'
CREATE EXTENSION dblink
CREATE FUNCTION f() RETURNS int AS 'SELECT 1' LANGUAGE sql
CREATE RULE r AS ON SELECT TO orders DO INSTEAD SELECT 1
CREATE POLICY p ON orders
ALTER TABLE public.orders DISABLE ROW LEVEL SECURITY
ALTER SYSTEM SET fsync = off
ALTER ROLE handrail SUPERUSER
REASSIGN OWNED BY a TO b
SECURITY LABEL ON TABLE orders IS 'x'
REINDEX TABLE orders
CLUSTER orders
REFRESH MATERIALIZED VIEW orders
LOAD 'x'
EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM public.orders
PREPARE p AS SELECT * FROM public.orders
EXECUTE p
END; SELECT * FROM public.orders
COMMIT; SELECT * FROM public.orders
SELECT 1; COMMIT; DROP TABLE public.orders
SELECT 1) AS q; DROP TABLE public.orders; --
SELECT region FROM orders WHERE region = $$EMEA$$ OR true
SELECT region FROM orders WHERE region = $a$'$a$ OR id = 2
SELECT region FROM orders WHERE region = E'\'' OR id = 2 --'
SELECT region FROM orders WHERE region = '\' OR id = 2 --'
SELECT region FROM orders WHERE region = '\'' OR id = 2 --'
SELECT region AS "a\" FROM orders --"
SELECT region AS U&"\0061" FROM orders
SELECT region FROM orders WHERE region = U&'\0041PAC'
SELECT region FROM orders WHERE region = B'1'
SELECT region FROM orders WHERE region = X'41'
SELECT region FROM orders WHERE id OPERATOR(pg_catalog.=) 2
SELECT region FROM orders WHERE region ~ 'A'
SELECT region FROM orders WHERE region ~* '(a+)+$'
SELECT region FROM orders WHERE region SIMILAR TO '(A|B)+'
SELECT region COLLATE "und-x-icu" FROM orders
SELECT region FROM orders ORDER BY region COLLATE "C"
SELECT region FROM orders ORDER BY region USING >
SELECT region FROM orders FOR UPDATE
SELECT region FROM orders FOR SHARE SKIP LOCKED
SELECT region FROM orders FETCH FIRST 1 ROWS WITH TIES
SELECT region FROM orders TABLESAMPLE BERNOULLI (100)
SELECT region INTO x FROM orders
SELECT %s FROM orders
SELECT region FROM orders WHERE region LIKE '%(x)s%'
SELECT region FROM orders WHERE region = '$1'
SELECT '$1', "$1" FROM (SELECT region AS "$1" FROM orders) x
SELECT $1 FROM orders
SELECT * FROM generate_series(1, 1000000000000)
SELECT repeat('x', 2000000000) FROM orders
SELECT lpad('x', 2000000000) FROM orders
SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e, orders f, orders g, orders h
WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c) SELECT max(n) AS m FROM c
WITH x AS MATERIALIZED (SELECT * FROM orders) SELECT * FROM x
WITH x AS NOT MATERIALIZED (SELECT * FROM orders) SELECT * FROM x WHERE 1 / (id - 2) > 0
WITH x AS (SELECT * FROM public.orders) SELECT * FROM x
WITH public AS (SELECT 1 AS a) SELECT * FROM public.orders
WITH _t AS (SELECT 1 AS a) SELECT * FROM _t
SELECT id FROM orders QUALIFY row_number() OVER (ORDER BY CAST("Ship Name" AS INT)) = 1
SELECT id FROM orders WHERE 1 / (id - 2) > 0
SELECT id FROM orders WHERE CAST("Ship Name" AS INT) > 0
SELECT id FROM orders WHERE CAST("Ship Name" AS DATE) IS NULL
SELECT id FROM orders WHERE CAST("Ship Name" AS DOUBLE) > 0 AND id = 2
SELECT id FROM orders WHERE amount * 1e308 * 1e10 > 0
SELECT id FROM orders WHERE CAST(amount * 1000000000000000 AS INT) > 0
SELECT id FROM orders WHERE sqrt(10 - amount) > 0
SELECT id FROM orders WHERE ln(12 - amount) > 0
SELECT id FROM orders WHERE CAST(CASE WHEN region = 'APAC' THEN 'boom' ELSE '1' END AS INT) = 1
SELECT sum(1 / (id - 2)) FROM orders
SELECT count(*) FILTER (WHERE 1 / (id - 2) > 0) FROM orders
SELECT id FROM orders o JOIN (VALUES (2)) v(k) ON 1 / (o.id - v.k) < 1
SELECT id FROM orders o LEFT JOIN (VALUES (2)) v(k) ON CAST(o."Ship Name" AS INT) = v.k
SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM (VALUES (2)) v(k) WHERE 1 / (o.id - v.k) > 0)
SELECT id FROM orders WHERE id IN (SELECT 1 / (id - 2) FROM orders)
SELECT id FROM orders WHERE (SELECT CAST("Ship Name" AS INT) FROM orders o WHERE o.id = orders.id) > 0
SELECT DISTINCT ON (region) id FROM orders ORDER BY region, 1 / (id - 2)
SELECT id FROM orders ORDER BY 1 / (id - 2)
SELECT id FROM orders GROUP BY id HAVING 1 / (id - 2) > 0
SELECT max(CAST("Ship Name" AS INT)) OVER () FROM orders
SELECT id FROM customers WHERE 1 / (salary - 77777) > 0
SELECT id FROM customers WHERE CAST(name AS INT) > 0
SELECT id FROM customers WHERE salary > 1
SELECT name FROM customers WHERE name > 'Bz'
SELECT count(*) FROM customers WHERE email LIKE 'bob%'
SELECT phone FROM customers WHERE phone = '4711'
SELECT min(born), max(born) FROM customers
"""

SPARK = r"""
SELECT reflect('java.lang.Runtime', 'getRuntime') FROM orders
SELECT java_method('java.lang.System', 'getenv') FROM orders
SELECT java_method('java.lang.System', 'getProperty', 'user.home') FROM orders
SELECT try_reflect('java.lang.System', 'exit', 1) FROM orders
SELECT input_file_name() FROM orders
SELECT input_file_block_start() FROM orders
SELECT _metadata FROM orders
SELECT _metadata.file_path FROM orders
SELECT orders._metadata FROM orders
SELECT spark_partition_id() FROM orders
SELECT monotonically_increasing_id() FROM orders
SELECT current_catalog()
SELECT current_database()
SELECT current_user()
SELECT session_user()
SELECT version()
SELECT uuid() FROM orders
SELECT assert_true(id < 2) FROM orders
SELECT raise_error(region) FROM orders
SELECT id FROM orders WHERE raise_error(region) IS NULL
SELECT from_json(region, 'a INT') FROM orders
SELECT to_json(struct(*)) FROM orders
SELECT struct(customers.*) FROM customers
SELECT named_struct('a', salary) FROM customers
SELECT to_csv(struct(region)) FROM orders
SELECT from_csv(region, 'a INT') FROM orders
SELECT schema_of_json('{{}}')
SELECT transform(array(1), x -> x) FROM orders
SELECT aggregate(array(1), 0, (a, x) -> a + x) FROM orders
SELECT explode(array(1, 2)) FROM orders
SELECT posexplode(array(1, 2)) FROM orders
SELECT stack(2, 1, 2) FROM orders
SELECT inline(array(struct(1))) FROM orders
SELECT json_tuple('{{}}', 'a') FROM orders
SELECT parse_url('http://x', 'HOST') FROM orders
SELECT xpath('<a/>', 'a') FROM orders
SELECT xpath_string('<a/>', 'a') FROM orders
SELECT aes_decrypt(region, 'k') FROM orders
SELECT url_decode(region) FROM orders
SELECT bloom_filter_agg(id) FROM orders
SELECT * FROM parquet.`/etc/passwd`
SELECT * FROM text.`/etc/passwd`
SELECT * FROM csv.`/etc/passwd`
SELECT * FROM json.`/etc`
SELECT * FROM binaryFile.`/etc/passwd`
SELECT * FROM orc.`/x`
SELECT * FROM delta.`/x`
SELECT * FROM read_files('/etc/passwd')
SELECT * FROM range(1000000000000)
SELECT * FROM global_temp.orders
SELECT * FROM spark_catalog.default.orders
SELECT * FROM default.orders
SELECT * FROM session.orders
SELECT * FROM system.information_schema.tables
SELECT * FROM orders VERSION AS OF 1
SELECT * FROM orders TIMESTAMP AS OF '2020-01-01'
SELECT * FROM orders TABLESAMPLE (100 PERCENT)
SELECT * FROM orders LATERAL VIEW explode(array(1)) t AS a
SELECT TRANSFORM (region) USING 'cat' AS (a) FROM orders
SELECT MAP (region) USING 'cat' FROM orders
FROM orders SELECT TRANSFORM (region) USING 'sh'
FROM orders MAP region USING 'cat' AS a
FROM orders REDUCE region USING 'cat' AS a
FROM orders |> SELECT region
SELECT /*+ BROADCAST(orders) */ region FROM orders
SELECT /*+ COALESCE(1) */ region FROM orders
SELECT region FROM orders DISTRIBUTE BY region
SELECT region FROM orders CLUSTER BY region
SELECT region FROM orders SORT BY region
SELECT region FROM orders WHERE region RLIKE '(A+)+'
SELECT region FROM orders WHERE region REGEXP 'A'
SELECT region FROM orders WHERE region <=> 'APAC'
SELECT `region` FROM `orders`
SELECT region AS `a``b` FROM orders
SELECT region AS "a`b" FROM orders
SELECT region AS "a``, salary, `" FROM orders
SELECT region FROM orders WHERE region = '\' OR id = 2 --'
SELECT region FROM orders WHERE region = '\\' OR id = 2 --'
SELECT region FROM orders WHERE region = '\'' OR id = 2 --'
SELECT region FROM orders WHERE region = "EMEA"
SELECT region FROM orders WHERE region = r'\' OR id = 2
SELECT region FROM orders WHERE region LIKE '\%'
SELECT region FROM orders WHERE region = ':viewer_0_0'
SELECT :mask_key FROM orders
SELECT region FROM orders WHERE region = :viewer_0_0
SELECT $mask_key FROM orders
SELECT ${{spark.sql.warehouse.dir}} FROM orders
SELECT '${{env:PATH}}' FROM orders
SELECT '${{spark.app.id}}' AS x FROM orders
EXECUTE IMMEDIATE 'SELECT * FROM orders'
SELECT IDENTIFIER('region') FROM orders
SELECT * FROM IDENTIFIER('orders')
DECLARE x INT
SET VAR x = 1
SET spark.sql.ansi.enabled = false
SET spark.sql.session.timeZone = 'Asia/Tokyo'
RESET
ADD JAR '/x.jar'
ADD FILE '/etc/passwd'
LIST FILES
CACHE TABLE orders
CACHE LAZY TABLE x AS SELECT * FROM orders
UNCACHE TABLE orders
CLEAR CACHE
REFRESH TABLE orders
REFRESH '/'
MSCK REPAIR TABLE orders
CREATE FUNCTION f AS 'x.Y' USING JAR '/x.jar'
CREATE TEMPORARY VIEW orders AS SELECT 1
CREATE TABLE t USING parquet LOCATION '/x' AS SELECT * FROM orders
INSERT OVERWRITE DIRECTORY '/x' SELECT * FROM orders
INSERT OVERWRITE LOCAL DIRECTORY '/x' USING csv SELECT * FROM orders
LOAD DATA INPATH '/x' INTO TABLE orders
DESCRIBE EXTENDED orders
SHOW CREATE TABLE orders
SHOW TBLPROPERTIES orders
SHOW PARTITIONS orders
ANALYZE TABLE orders COMPUTE STATISTICS
BEGIN DECLARE x INT; SELECT * FROM orders; END
SELECT id FROM orders WHERE 1 / (id - 2) > 0
SELECT id FROM orders WHERE CAST("Ship Name" AS INT) > 0
SELECT id FROM orders WHERE CAST("Ship Name" AS DATE) IS NULL AND id = 2
SELECT id FROM orders WHERE CAST(amount * 1000000000000000 AS INT) > 0
SELECT id FROM orders o JOIN (VALUES (2)) v(k) ON 1 / (o.id - v.k) < 1
SELECT id FROM orders WHERE id IN (SELECT 1 / (id - 2) FROM orders)
SELECT id FROM orders ORDER BY 1 / (id - 2)
SELECT sum(1 / (id - 2)) FROM orders
SELECT id FROM customers WHERE 1 / (salary - 77777) > 0
SELECT id FROM customers WHERE CAST(name AS INT) > 0
"""


def corpus(own: str) -> list[str]:
    """What one engine is asked: its own notebook, and the one that is for all of them."""
    shared = (
        everywhere.FILES,
        everywhere.CATALOG,
        everywhere.TEXT_AS_SQL,
        everywhere.STATEMENTS,
        everywhere.SHADOWING,
        everywhere.TRICKS,
    )
    every = [line for text in shared for line in everywhere.lines(text)]
    every += everywhere.lines(everywhere.SIDE_CHANNELS, raw=True)
    return list(dict.fromkeys([*own.strip().splitlines(), *every]))
