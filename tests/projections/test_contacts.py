"""Counting the contacts of groups: each number once, and however many contacts others have."""

from __future__ import annotations

from typing import Any, LiteralString

import pytest

from domain import contact
from domain.contact import ContactAdded, ContactChanged
from eventstore.connect import connect
from projections import contacts
from scripts.bench import filling
from scripts.bench.filling import messages
from tests.support.http import World

EXPLAIN: LiteralString = "explain "


def test_what_a_page_of_messages_counts_is_found_by_index_among_the_contacts_of_everybody(database_url: str) -> None:
    """A page of ten messages took 120 ms among a hundred thousand contacts: PostgreSQL read them all, each time."""
    filling.fill(database_url, 20_000, [messages])  # type: ignore[list-item]
    groups = messages.groups("own_0000007")
    numbers = [number for number in range(10) for _ in groups]
    with connect(database_url, "test") as connection:

        def plan(statement: LiteralString, *parameters: Any) -> str:
            return "\n".join(line for (line,) in connection.execute(EXPLAIN + statement, parameters).fetchall())

        for mode in ("force_custom_plan", "force_generic_plan"):
            connection.execute(f"set plan_cache_mode = {mode}")
            assert "Seq Scan" not in plan(contacts.MEMBERS, "acme", groups)
            assert "Seq Scan" not in plan(contacts.REACHED, numbers, groups * 10, "acme")
        assert connection.execute(contacts.REACHED, ([0, 0], groups, "acme")).fetchall() == [(0, 20)]
        assert sorted(connection.execute(contacts.MEMBERS, ("acme", groups)).fetchall()) == [
            (groups[0], 10, 10),
            (groups[1], 10, 10),
        ]
        with pytest.raises(AssertionError):  # so the plan of a statement that reads everything would be noticed
            assert "Seq Scan" not in plan("select count(*) from contacts where name = 'x'")


def test_a_number_counts_once_and_as_it_is_now(world: World) -> None:
    """Two people keep the same number in their phone books, until one of them corrects it."""

    def counted() -> tuple[int, list[str]]:
        views = world.runtime.views
        reached = world.loop.run(contacts.reached(views, world.own, [frozenset({"grp"})]))
        return reached[frozenset({"grp"})], world.loop.run(contacts.recipients(views, world.own, ["grp"]))

    for name in ("ana", "eva"):
        added = ContactAdded(
            contact=name, owner=f"usr_{name}", name=name, phone="+525511112222", groups=("grp",), at=world.now
        )
        world.given(contact.stream(world.own, name), added)
    assert counted() == (1, ["ana"])
    corrected = ContactChanged(contact="eva", owner="usr_eva", phone="+525533334444", at=world.now)
    world.given(contact.stream(world.own, "eva"), corrected)
    assert counted() == (2, ["ana", "eva"])
