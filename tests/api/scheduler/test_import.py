"""Importing contacts: a file is taken at once, worked on in the background, and every row is accounted for."""

from __future__ import annotations

import socket
from typing import Any

import msgspec
import pytest

from domain import contact_import
from eventstore import import_files
from tests.api.scheduler.live import listening
from tests.support.business import made
from tests.support.http import Client, World
from tests.support.sheets import IMPORT, form, hand_in, xlsx

API = "/scheduler/api"
COUNTS = ("status", "total", "processed", "progress", "created", "updated", "skipped", "failed")


def imported(world: World, client: Client, data: bytes | str, name: str = "contactos.csv", **fields: str) -> Any:
    """What became of a file."""
    answer = hand_in(client, data, name, **fields)
    assert answer.status == 202, answer
    world.react()
    return client.get(f"{IMPORT}/{answer.json['id']}").json


def counted(found: Any) -> tuple[Any, ...]:
    return tuple(found[name] for name in COUNTS)


def book(client: Client) -> dict[str, tuple[str, str | None]]:
    """Everybody in the phone book, by number."""
    rows = client.get(f"{API}/contacts", params={"page_size": 100}).json["items"]
    return {row["phone"]: (row["name"], row["email"]) for row in rows}


def test_a_file_is_answered_at_once_and_shown_from_then_on(world: World, ana: Client) -> None:
    answer = hand_in(ana, "name,phone\nRosa,+525541107788\nmala,x\n", "mis amigos.csv")
    assert answer.status == 202, answer
    assert (answer.json["status"], answer.json["file_name"]) == ("queued", "mis amigos.csv")
    assert ana.get(f"{IMPORT}/{answer.json['id']}").json == answer.json
    assert book(ana) == {}
    world.react()
    found = ana.get(f"{IMPORT}/{answer.json['id']}").json
    assert counted(found) == ("finished", 2, 2, 100.0, 1, 0, 0, 1)
    assert found["errors"] == [
        {
            "row": 3,
            "field": "phone",
            "code": "PHONE_INVALID",
            "message": "Debe ser un número internacional, como +5215512345678",
        }
    ]
    assert found["finished_at"] is not None
    assert ana.get(f"{IMPORT}/{answer.json['id']}/errors").json["items"] == found["errors"]
    outcomes = [row["outcome"] for row in ana.get(f"{IMPORT}/{answer.json['id']}/rows").json["items"]]
    assert outcomes == ["created", "error"]
    listed = ana.get(IMPORT).json
    assert [(row["id"], row["status"], row["errors"]) for row in listed] == [(answer.json["id"], "finished", [])]


def test_what_is_wrong_with_a_row_is_said_in_whole_sentences(world: World, ana: Client) -> None:
    rows = [
        f"{'x' * 101},+525541107701,,",
        f"Rosa,+525541107702,,{'g' * 101}",
        f"Luz,+525541107703,,{'|'.join(f'g{number}' for number in range(21))}",
        "\u200b,+525541107704,,",
        "Eva,+525541107705,\u200b,\u200b|\u2060",
    ]
    answer = hand_in(ana, "name,phone,email,groups\n" + "\n".join(rows), "c.csv")
    world.react()
    found = ana.get(f"{IMPORT}/{answer.json['id']}").json
    assert [(error["row"], error["field"], error["message"]) for error in found["errors"]] == [
        (2, "name", "Es demasiado largo"),
        (3, "groups", "Es demasiado largo"),
        (4, "groups", "Son demasiados"),
        (5, "name", "No puede estar vacío"),
    ]
    assert book(ana) == {"+525541107705": ("Eva", None)}
    assert ana.get(f"{API}/groups").json["total"] == 0, "a group of nothing that can be seen is none"


SPREAD = xlsx(
    [["Nombre", "Teléfono", "Correo", "Grupos"], ["Rosa Núñez", "+525541107788", "r@example.mx", "VIP,Taller"]]
)
SEPARATED = "nombre;teléfono;correo;grupos\r\nRosa Núñez;+52 55 4110 7788;R@example.mx;VIP|Taller".encode("utf-8-sig")


@pytest.mark.parametrize(
    ("data", "name"), [(SEPARATED, "c.csv"), (SPREAD, "c.xlsx"), (SPREAD, "c.csv"), (SEPARATED, "c.xlsx")]
)
def test_contacts_come_with_their_groups_whatever_the_file_is_called(
    world: World, ana: Client, data: bytes, name: str
) -> None:
    vip = made(ana, f"{API}/groups", {"name": "vip"})
    assert counted(imported(world, ana, data, name)) == ("finished", 1, 1, 100.0, 1, 0, 0, 0)
    assert book(ana) == {"+525541107788": ("Rosa Núñez", "r@example.mx")}
    groups = {row["name"]: row for row in ana.get(f"{API}/groups").json["items"]}
    assert {name: row["contact_count"] for name, row in groups.items()} == {"vip": 1, "Taller": 1}
    assert groups["vip"]["id"] == vip


def test_the_body_may_be_the_file_itself(world: World, ana: Client) -> None:
    answer = ana.post(
        f"{IMPORT}?file_name=directo.csv&country_code=52",
        body=b"name,phone\nRosa,5541107788\n",
        headers={"content-type": "text/csv"},
    )
    assert (answer.status, answer.json["file_name"]) == (202, "directo.csv")
    world.react()
    assert book(ana) == {"+525541107788": ("Rosa", None)}


def test_the_same_file_again_changes_nothing(world: World, ana: Client) -> None:
    rows = "".join(f"P{number},+52554110{number:04},p{number}@example.mx,VIP\n" for number in range(30))
    data = f"name,phone,email,groups\n{rows}"
    assert counted(imported(world, ana, data))[4:] == (30, 0, 0, 0)
    before = len([event for event in world.events() if event.stream.startswith(("contact-", "group-"))])
    assert counted(imported(world, ana, data))[4:] == (0, 0, 30, 0)
    assert len([event for event in world.events() if event.stream.startswith(("contact-", "group-"))]) == before


def test_what_is_known_is_brought_up_to_date(world: World, ana: Client) -> None:
    rosa = made(ana, f"{API}/contacts", {"name": "Rosa", "phone": "+525541107788", "email": "r@example.mx"})
    made(ana, f"{API}/contacts", {"name": "Luz", "phone": "+525541107789"})
    data = "name,phone,email,groups\nRosa Núñez,+525541107788,,VIP\nLuz,+525541107789,,\nMar,+525541107780,,\n"
    assert counted(imported(world, ana, data))[4:] == (1, 1, 1, 0)
    found = ana.get(f"{API}/contacts/{rosa}").json
    assert (found["name"], found["email"], len(found["groups"])) == ("Rosa Núñez", "r@example.mx", 1)


def test_a_number_that_comes_twice_counts_the_first_time(world: World, ana: Client) -> None:
    found = imported(world, ana, "name,phone\nRosa,+525541107788\nOtra,+52 55 4110 7788\n")
    assert counted(found)[4:] == (1, 0, 1, 0)
    assert [(error["row"], error["code"]) for error in found["errors"]] == [(3, "DUPLICATE_IN_FILE")]
    assert book(ana) == {"+525541107788": ("Rosa", None)}


def test_an_import_fills_the_phone_book_of_whom_it_is(world: World, ana: Client) -> None:
    other = world.signed_in(world.user("agent"))
    imported(world, ana, "name,phone\nRosa,+525541107788\n")
    imported(world, other, "name,phone\nRosita,+525541107788\n")
    assert book(ana) == {"+525541107788": ("Rosa", None)}
    assert book(other) == {"+525541107788": ("Rosita", None)}


def test_an_import_is_shown_to_its_owner_and_to_admins(world: World, ana: Client) -> None:
    found = imported(world, ana, "name,phone\nRosa,+525541107788\n")["id"]
    other, admin = world.signed_in(world.user("agent")), world.signed_in(world.user("admin"))
    stranger = world.signed_in(world.user("admin", organization=world.organization()))
    for path in ("", "/errors", "/rows"):
        assert other.get(f"{IMPORT}/{found}{path}").status == 403
        assert stranger.get(f"{IMPORT}/{found}{path}").status == 404
        assert admin.get(f"{IMPORT}/{found}{path}").status == 200
        assert ana.get(f"{IMPORT}/imp_nobody{path}").status == 404
    assert other.get(IMPORT).json == stranger.get(IMPORT).json == []
    assert [row["id"] for row in admin.get(IMPORT).json] == [found]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b" \n", "El archivo está vacío"),
        (b"a,b\n1,2\n", "Faltan las columnas name y phone (o nombre y teléfono)"),
        (b"PK\x03\x04 not really", "El archivo no es CSV ni XLSX, o está dañado"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_reason(
    world: World, ana: Client, data: bytes, reason: str
) -> None:
    found = imported(world, ana, data, "contactos.xlsx")
    assert (found["status"], found["error"]) == ("refused", reason)
    assert found["finished_at"] is not None
    assert book(ana) == {}


def test_only_a_head_is_over_at_once(world: World, ana: Client) -> None:
    assert counted(imported(world, ana, "name,phone\n")) == ("finished", 0, 0, 100.0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"country_code": "x"}, "country_code"),
        ({"countryCode": "x"}, "country_code"),
        ({"encoding": "klingon"}, "encoding"),
    ],
)
def test_what_is_said_beside_the_file_has_to_make_sense(ana: Client, fields: dict[str, str], field: str) -> None:
    answer = hand_in(ana, "name,phone\n", **fields)
    assert answer.status == 422, answer
    assert list(answer.json["error"]["details"]) == [field]


def test_a_form_without_a_file_is_refused(world: World, ana: Client) -> None:
    with world.unchanged():
        for data in (hand_in(ana, b""), ana.post(IMPORT), ana.post(IMPORT, json={"rows": []})):
            assert data.status in (415, 422), data
        sent = form(b"x")
        sent["body"] = sent["body"].replace(b'name="file"; filename="contactos.csv"', b'name="other"')
        assert ana.post(IMPORT, **sent).json["error"]["details"] == {"file": ["Adjunta un archivo CSV o XLSX"]}


def test_a_file_that_is_too_large_is_413_and_one_with_too_many_rows_is_refused(world: World) -> None:
    small = world.another_process(import_max_bytes=10_000)
    who = world.user("sales")
    client = small.signed_in(who)
    for size in (10_001, 100_000):
        answer = hand_in(client, b"x" * size)
        assert (answer.status, answer.json["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE"), size
    assert hand_in(client, b"name,phone\n" + b" " * 9_000).status == 202
    world.patch.setattr(world.house.performer, "settings", msgspec.structs.replace(world.settings, import_max_rows=2))
    found = imported(world, world.signed_in(who), "name,phone\n" + "Rosa,+525541107788\n" * 3)
    assert (found["status"], found["error"]) == ("refused", "El archivo tiene demasiadas filas")


def test_the_same_request_again_is_the_same_import(world: World, ana: Client) -> None:
    retrying = ana.with_headers(idempotency_key="k1")
    first = hand_in(retrying, "name,phone\nRosa,+525541107788\n")
    world.react()
    again = hand_in(retrying, "name,phone\nRosa,+525541107788\n")
    assert again.json["id"] == first.json["id"]
    assert again.json["status"] == "finished"
    assert hand_in(retrying, "name,phone\nLuz,+525541107789\n").status == 409
    assert len(ana.get(IMPORT).json) == 1


def test_a_connection_that_ends_in_the_middle_of_a_file_leaves_nothing(world: World, ana: Client) -> None:
    sent = form(b"name,phone\nRosa,+525541107788\n")
    host, _, port = world.address.removeprefix("http://").partition(":")
    with world.unchanged():
        with socket.create_connection((host, int(port)), 10) as cut:
            head = (
                f"POST {IMPORT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ana.token}\r\n"
                f"Content-Type: {sent['headers']['content-type']}\r\nContent-Length: {len(sent['body'])}\r\n\r\n"
            )
            cut.sendall(head.encode() + sent["body"][:-40])
        assert ana.get(IMPORT).json == []
    assert book(ana) == {}


def test_how_far_it_is_is_pushed_and_shown_alike(world: World, ana: Client) -> None:
    with listening(world, ana) as browser:
        rows = "".join(f"P{number},+52554{number:07}\n" for number in range(2_300))
        found = imported(world, ana, f"name,phone\n{rows}mala,x\n")
        pushed = []
        while not pushed or pushed[-1]["status"] != "finished":
            pushed.append(browser.hear("import_progress"))
    shares = [frame["progress"] for frame in pushed]
    assert shares == sorted(shares)
    assert {frame["processed"] for frame in pushed} >= {0, 2_301}
    last = {name: value for name, value in pushed[-1].items() if name not in ("type", "position")}
    assert last == {name: found[name] for name in last}
    assert counted(found) == ("finished", 2_301, 2_301, 100.0, 2_300, 0, 0, 1)


def test_a_file_does_not_stay_behind_and_was_never_readable(world: World, ana: Client) -> None:
    def kept() -> list[bytes]:
        rows = world.house.connection.execute(
            "select sealed from import_files union all select sealed from import_parts"
        )
        return [bytes(sealed) for (sealed,) in rows.fetchall()]

    before = len(kept())
    answer = hand_in(ana, "name,phone\nRosa,+525541107788\n")
    assert len(kept()) == before + 1
    assert not any(b"Rosa" in sealed for sealed in kept())
    world.react()
    assert ana.get(f"{IMPORT}/{answer.json['id']}").json["status"] == "finished"
    assert len(kept()) == before


def test_a_file_whose_import_was_never_stored_goes_a_day_later(world: World, ana: Client) -> None:
    connection, vault = world.house.connection, world.runtime.vault

    async def keep(name: str) -> str:
        stream = contact_import.stream(world.own, name)
        async with world.runtime.connection() as held:
            await import_files.keep(held, vault, stream, {}, b"name,phone\n")
        return stream

    def kept() -> set[str]:
        return {stream for (stream,) in connection.execute("select stream from import_files").fetchall()}

    lost, fresh = (world.loop.run(keep(name)) for name in ("imp_lost", "imp_fresh"))
    waiting = contact_import.stream(world.own, hand_in(ana, "name,phone\n").json["id"])
    old = "update import_files set kept_at = now() - interval '25 hours' where stream = any(%s)"
    connection.execute(old, [[lost, waiting]])
    hand_in(ana, "name,phone\n")
    assert {lost, fresh, waiting} & kept() == {fresh, waiting}
    keys = connection.execute("select 1 from subject_keys where subject = %s", [lost])
    assert keys.fetchone() is None
