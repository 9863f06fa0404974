"""Two phone books at random, by hand, by file and from offline, against what a careful person would have noted."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.api.scheduler.live import API
from tests.support.http import Answer, Client, World
from tests.support.sheets import IMPORT, hand_in

GROUPS = ("Clientes", "clientes ", "VIP", "Taller")
PHONES = tuple(f"+52554110770{number}" for number in range(5))
NAMES = ("Rosa", "Ñandú, Iván", "=2+5", "مريم")
ROW = st.tuples(st.sampled_from(NAMES), st.sampled_from(PHONES), st.sampled_from(("", *GROUPS)))
NUMBERS = itertools.count()


def folded(name: str) -> str:
    return name.strip().casefold()


@dataclass
class Person:
    name: str
    phone: str
    groups: set[str]
    active: bool = True


@dataclass
class Book:
    """One owner's phone book, kept by hand: groups and contacts by id."""

    client: Client
    groups: dict[str, str] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)

    def holder(self, phone: str) -> str | None:
        return next((found for found, person in self.people.items() if person.phone == phone), None)

    def named(self, name: str) -> str | None:
        return next((found for found, known in self.groups.items() if folded(known) == folded(name)), None)


class PhoneBooks(RuleBasedStateMachine):
    """What two owners are shown, whatever happens. Half of it is done as if it came from a queue kept offline."""

    world: World

    @initialize()
    def begin(self) -> None:
        organization = self.world.organization()
        self.books = [Book(self.world.signed_in(self.world.user("sales", organization=organization))) for _ in range(2)]

    def ask(self, book: Book, offline: bool, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A request, made now or replayed; a replayed one is replayed twice."""
        self.world.forget_limits()
        if not offline:
            answer: Answer = book.client.send(method, f"{API}/{path}", json=body)
            return answer.status, answer.json if answer.body else None
        queued = {"client_id": f"c{next(NUMBERS)}", "method": method, "path": f"/api/{path}"}
        queue = {"operations": [queued | ({} if body is None else {"body": body})]}
        (first,) = book.client.post(f"{API}/sync", json=queue).json["results"]
        (again,) = book.client.post(f"{API}/sync", json=queue).json["results"]
        if first["status"] == "applied":
            assert (again["status"], again["code"]) == ("replayed", first["code"])
        else:
            assert (again["status"], again["code"]) == (first["status"], first["code"])
        return first["code"], first["body"]

    # --- what happens

    @rule(who=st.integers(0, 1), name=st.sampled_from(GROUPS), offline=st.booleans())
    def a_group_is_made(self, who: int, name: str, offline: bool) -> None:
        book = self.books[who]
        code, group = self.ask(book, offline, "POST", "groups", {"name": name})
        assert code == (409 if book.named(name) else 201)
        if code == 201:
            book.groups[group["id"]] = name.strip()

    @rule(data=st.data(), who=st.integers(0, 1), name=st.sampled_from(GROUPS), offline=st.booleans())
    def a_group_is_called_otherwise(self, data: st.DataObject, who: int, name: str, offline: bool) -> None:
        book = self.books[who]
        if group := self.one(data, book.groups):
            code, _ = self.ask(book, offline, "PUT", f"groups/{group}", {"name": name})
            assert code == (200 if book.named(name) in (None, group) else 409)
            if code == 200:
                book.groups[group] = name.strip()

    @rule(data=st.data(), who=st.integers(0, 1), offline=st.booleans())
    def a_group_goes(self, data: st.DataObject, who: int, offline: bool) -> None:
        book = self.books[who]
        if group := self.one(data, book.groups):
            assert self.ask(book, offline, "DELETE", f"groups/{group}")[0] == 204
            del book.groups[group]
            for person in book.people.values():
                person.groups.discard(group)

    @rule(
        data=st.data(), who=st.integers(0, 1), phone=st.sampled_from(PHONES), name=st.sampled_from(NAMES),
        offline=st.booleans(),
    )  # fmt: skip
    def somebody_is_added(self, data: st.DataObject, who: int, phone: str, name: str, offline: bool) -> None:
        book = self.books[who]
        groups = self.some(data, book.groups)
        code, contact = self.ask(
            book, offline, "POST", "contacts", {"name": name, "phone": phone, "groups": sorted(groups)}
        )
        assert code == (409 if book.holder(phone) else 201)
        if code == 201:
            book.people[contact["id"]] = Person(name, phone, groups)

    @rule(
        data=st.data(), who=st.integers(0, 1), phone=st.none() | st.sampled_from(PHONES),
        active=st.none() | st.booleans(), regroup=st.booleans(), offline=st.booleans(),
    )  # fmt: skip
    def somebody_is_changed(
        self, data: st.DataObject, who: int, phone: str | None, active: bool | None, regroup: bool, offline: bool
    ) -> None:
        book = self.books[who]
        if not (found := self.one(data, book.people)):
            return
        person = book.people[found]
        body: dict[str, Any] = {}
        if phone is not None:
            body["phone"] = phone
        if active is not None:
            body["is_active"] = active
        if regroup:
            body["groups"] = sorted(self.some(data, book.groups))
        code, _ = self.ask(book, offline, "PUT", f"contacts/{found}", body)
        assert code == (200 if phone is None or book.holder(phone) in (None, found) else 409)
        if code == 200:
            person.phone = phone or person.phone
            person.active = person.active if active is None else active
            person.groups = {*body["groups"]} if regroup else person.groups

    @rule(data=st.data(), who=st.integers(0, 1), offline=st.booleans())
    def somebody_goes(self, data: st.DataObject, who: int, offline: bool) -> None:
        book = self.books[who]
        if found := self.one(data, book.people):
            assert self.ask(book, offline, "DELETE", f"contacts/{found}")[0] == 204
            del book.people[found]

    @rule(data=st.data(), who=st.integers(0, 1), offline=st.booleans())
    def some_join_a_group(self, data: st.DataObject, who: int, offline: bool) -> None:
        book = self.books[who]
        group, people = self.one(data, book.groups), self.some(data, book.people)
        if group and people:
            code, shown = self.ask(book, offline, "POST", f"groups/{group}/contacts", {"contact_ids": sorted(people)})
            assert code == 200
            for found in people:
                book.people[found].groups.add(group)
            assert shown["contact_count"] == sum(group in person.groups for person in book.people.values())

    @rule(data=st.data(), who=st.integers(0, 1), offline=st.booleans())
    def somebody_leaves_a_group(self, data: st.DataObject, who: int, offline: bool) -> None:
        book = self.books[who]
        group, found = self.one(data, book.groups), self.one(data, book.people)
        if group and found:
            code, _ = self.ask(book, offline, "DELETE", f"groups/{group}/contacts/{found}")
            assert code == (204 if group in book.people[found].groups else 404)
            book.people[found].groups.discard(group)

    @rule(
        who=st.integers(0, 1),
        rows=st.lists(ROW, max_size=5),
    )  # fmt: skip
    def a_file_is_imported(self, who: int, rows: list[tuple[str, str, str]]) -> None:
        book = self.books[who]
        self.world.forget_limits()
        lines = "".join(f'"{name}",{phone},{group}\n' for name, phone, group in rows)
        found = hand_in(book.client, f"name,phone,groups\n{lines}").json["id"]
        self.world.react()
        ended = book.client.get(f"{IMPORT}/{found}").json
        ids = {row["phone"]: row["id"] for row in self.shown(book, "contacts")}
        made = {folded(row["name"]): row["id"] for row in self.shown(book, "groups")}
        expected = []
        first = {phone: (name, group) for name, phone, group in reversed(rows)}
        in_order = sorted(first.items(), key=lambda entry: [phone for _, phone, _ in rows].index(entry[0]))
        for phone, (name, group) in in_order:
            if group and not book.named(group):
                book.groups[made[folded(group)]] = group.strip()
            groups = {made[folded(group)]} if group else set[str]()
            held = book.holder(phone)
            if held is None:
                expected.append("created")
                book.people[ids[phone]] = Person(name, phone, groups)
            else:
                person = book.people[held]
                changes = person.name != name or not groups <= person.groups
                expected.append("updated" if changes else "skipped")
                person.name, person.groups = name, person.groups | groups
        expected += ["skipped"] * (len(rows) - len(first))
        counts = {name: ended[name] for name in ("created", "updated", "skipped", "failed")}
        assert counts == {name: expected.count(name) for name in counts}, ended

    # --- what is shown

    @invariant()
    def everything_is_shown_as_the_book_says(self) -> None:
        for book in getattr(self, "books", ()):
            groups = {row["id"]: row for row in self.shown(book, "groups")}
            assert {found: row["name"] for found, row in groups.items()} == book.groups
            people = {row["id"]: row for row in self.shown(book, "contacts")}
            shown = {
                found: Person(row["name"], row["phone"], {*row["groups"]}, row["is_active"])
                for found, row in people.items()
            }
            assert shown == book.people
            for group, row in groups.items():
                members = {found: person for found, person in book.people.items() if group in person.groups}
                active = sum(person.active for person in members.values())
                assert (row["contact_count"], row["active_count"]) == (len(members), active)
                assert {member["id"] for member in self.shown(book, f"groups/{group}/contacts")} == {*members}

    def shown(self, book: Book, path: str) -> list[Any]:
        self.world.forget_limits()
        return book.client.get(f"{API}/{path}", params={"page_size": 100}).json["items"]

    @staticmethod
    def one(data: st.DataObject, among: dict[str, Any]) -> str | None:
        return data.draw(st.sampled_from([*among])) if among else None

    @staticmethod
    def some(data: st.DataObject, among: dict[str, Any]) -> set[str]:
        return {*data.draw(st.lists(st.sampled_from([*among]), max_size=3))} if among else set()


@pytest.mark.timeout(300)
def test_whatever_happens_phone_books_show_what_a_careful_person_would_have_noted(world: World) -> None:
    machine = type("PhoneBooks", (PhoneBooks,), {"world": world})
    checks = settings(
        max_examples=8, stateful_step_count=20, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=(Phase.generate,),
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=checks)
