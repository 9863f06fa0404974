"""An import whose worker is killed in the middle goes on with another, and takes every row once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.support.http import Client, World, until
from tests.support.sheets import IMPORT, hand_in
from tests.workers.test_worker import beside, kill, working

ROWS = 2_500
KNOWN = 100
CONTACTS = "/scheduler/api/contacts"
HOLD = """
create sequence added;
create function hold() returns trigger language plpgsql as $$
begin
    if nextval('added') > 1200 then
        perform pg_advisory_xact_lock(4201200);
    end if;
    return new;
end
$$;
create trigger hold before insert on events for each row when (new.name = 'ContactAdded') execute function hold();
select pg_advisory_lock(4201200)
"""
LET_GO = """
select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 4201200 and not granted
   and database = (select oid from pg_database where datname = current_database());
select pg_advisory_unlock(4201200);
drop trigger hold on events;
drop function hold;
drop sequence added
"""


def state(client: Client, found: str) -> dict[str, Any]:
    return client.get(f"{IMPORT}/{found}").json


@contextmanager
def held(world: World) -> Iterator[None]:
    """Nobody can add more than so many contacts. What is being added at the end is not."""
    connection = world.house.connection
    connection.execute(HOLD)
    try:
        yield
    finally:
        connection.execute(LET_GO)


def test_a_killed_worker_leaves_no_row_out_and_takes_none_twice(world: World, tmp_path: Path) -> None:
    client = world.signed_in(world.user("sales"))
    head, rows = "name,phone,groups\n", [f"P{number},+52554{number:07},VIP\n" for number in range(ROWS)]
    hand_in(client, head + "".join(rows[:KNOWN]).replace("P", "antes "))
    world.react()
    data = "".join([head, *rows[:KNOWN], "mala,x,\n", rows[0], *rows[KNOWN:]])

    def contacts() -> int:
        return client.get(CONTACTS, params={"page_size": 1}).json["total"]

    settings = msgspec.structs.replace(world.settings, log_level="error")
    with beside(settings):
        # Held up, the worker is in the middle however slow this process is.
        with working(settings, tmp_path / "ready") as worker, held(world):
            found = hand_in(client, data).json["id"]
            until(lambda: contacts() > 1_150, lambda: state(client, found))
            kill(worker)
        world.settle()
        assert state(client, found)["status"] == "running"
        assert KNOWN < contacts() < ROWS
        with working(settings, tmp_path / "ready"):
            world.house.connection.execute("update jobs set next_at = now()")  # five seconds later
            until(lambda: state(client, found)["status"] == "finished", lambda: state(client, found), 60)
    ended = state(client, found)
    assert (ended["total"], ended["processed"], ended["failed"], ended["skipped"]) == (ROWS + 2, ROWS + 2, 1, 1)
    assert (ended["created"], ended["updated"]) == (ROWS - KNOWN, KNOWN)
    assert contacts() == ROWS
    outcomes = client.get(f"{IMPORT}/{found}/rows", params={"page_size": 1_000}).json
    assert outcomes["total"] == ROWS + 2
    assert [row["outcome"] for row in outcomes["items"][KNOWN - 1 : KNOWN + 3]] == [
        "updated",
        "error",
        "skipped",
        "created",
    ]
    added = [event for event in world.events() if event.name == "ContactAdded" and event.meta.correlation == found]
    assert len(added) == ROWS - KNOWN
