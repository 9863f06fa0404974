"""The fixtures that hand out databases keep tests apart and survive rough treatment."""

from __future__ import annotations

import psycopg
import pytest
import redis

from scripts.postgres import Postgres


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_database(database_url: str, turn: int) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE mark (turn int)")
        connection.execute("INSERT INTO mark VALUES (%s)", [turn])


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_redis(redis_url: str, turn: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("mark", turn)


def test_accents_count_as_letters(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        found = connection.execute("SELECT similarity('Ñandú', 'ñandú'), 'É' < 'a', lower('ÁÉ')").fetchone()
    assert found == (1.0, False, "áé")


def test_a_connection_left_open_does_not_keep_a_database_alive(
    request: pytest.FixtureRequest, database_template: str
) -> None:
    from tests.support.servers import address, admin, create_database, drop_database

    create_database("bitacora_left_open", database_template)
    left_open = psycopg.connect(address("bitacora_left_open"))
    request.addfinalizer(left_open.close)
    drop_database("bitacora_left_open")
    with admin() as connection:
        assert connection.execute("SELECT 1 FROM pg_database WHERE datname = 'bitacora_left_open'").fetchone() is None


def test_committed_rows_survive_a_killed_server(durable_postgres: Postgres) -> None:
    with psycopg.connect(durable_postgres.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE fact AS SELECT 7 AS number")
        durable_postgres.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    durable_postgres.start()
    with psycopg.connect(durable_postgres.url()) as connection:
        assert connection.execute("SELECT number FROM fact").fetchone() == (7,)
    durable_postgres.restart()
    with psycopg.connect(durable_postgres.url()) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
