"""Which statements leave nothing behind, and who may be given whatever connection is free."""

import sys

import pytest

from boogie.apps.tasks.db.lending import manners

NOTHING = [
    'SELECT "shop_product"."id" FROM "shop_product"',
    "  (SELECT 1) UNION (SELECT 2)",
    "select 1",
    "WITH found AS (SELECT 1) SELECT * FROM found",
    'INSERT INTO "shop_product" ("name") VALUES (%s)',
    "UPDATE shop_product SET name = %s",
    "DELETE FROM shop_product;",
    'SAVEPOINT "s1"',
    'RELEASE SAVEPOINT "s1"',
    'ROLLBACK TO SAVEPOINT "s1"',
    "SELECT data @> %s, body @@ to_tsquery(%s) FROM shop_product",
    "SELECT temperature FROM shop_product",
    'SELECT "a"."temp", "a"."row_count" FROM "a"',
    "SELECT 1 /* it's; a comment */ FROM shop_product",
    "/* controller='basket', route='a;b' */ SELECT 1",
    "SELECT data #> %s, data #>> %s, 'it''s; SET' FROM shop_product",
    "SELECT `temporary` FROM `a` WHERE `b` = 'x@y.org; or'",
]
SOMETHING = [
    "SET search_path = elsewhere",
    "set session sql_mode = ''",
    "BEGIN",
    "LISTEN news",
    "CREATE TEMPORARY TABLE found (id int)",
    "SELECT 1 INTO TEMP found",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_lock(1)",
    "SELECT set_config('a.b', %s, false)",
    "SELECT GET_LOCK('a', 1)",
    "SELECT LAST_INSERT_ID()",
    "SELECT @found := id FROM shop_product",
    "SELECT currval('s')",
    "SELECT 1; SET a.b = 1",
    "DECLARE found CURSOR WITH HOLD FOR SELECT 1",
    "PREPARE found AS SELECT 1",
    "CALL something()",
    r"SELECT '\'; SET search_path TO 'x'",
    "SELECT 1 -- it's\n; SET a.b = 'c'",
    "SELECT 1 # it's\n; SET a.b = 'c'",
    "SELECT $$'$$; SET search_path TO 'x'",
    "SELECT 1 INTO @`x`",
    "SELECT 1 /*! INTO @x */",
    "SELECT 1 /* one /* two */ ' */; SET a.b = 'c'",
    b"SELECT 1",
]


@pytest.mark.parametrize("statement", NOTHING)
def test_a_plain_statement_leaves_nothing(statement):
    assert manners.leaves_nothing(statement)


@pytest.mark.parametrize("statement", SOMETHING)
def test_what_a_session_may_remember_leaves_something(statement):
    assert not manners.leaves_nothing(statement)


def test_code_of_a_project_is_not_trusted_to_ask_for_one_statement():
    assert not manners.is_trusted(sys._getframe())
