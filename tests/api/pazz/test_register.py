"""Joining, forgetting the password, and finding back in by mail."""

from __future__ import annotations

import email
import email.policy
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from psycopg.sql import SQL, Identifier

from domain.user import PasswordChanged, PasswordResetRequested
from tests.support.http import PASSWORD, Answer, Client, Process, World

AUTH = "/pazz/api/v1/auth"
NEW = {"fullName": "Bea Ruiz", "email": "bea@example.mx", "phone": "5512345678", "password": "Secreto123"}
PASSWORD_RULE = "Debe tener entre 8 y 200 caracteres, una mayúscula y un número"


@pytest.fixture
def open_door(world: World) -> Process:
    """A process of the API where people can register into the test's organisation."""
    return world.another_process(pazz_organization=world.own)


@pytest.fixture
def letters(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the worker's mail goes."""
    performer = world.house.performer
    settings = msgspec.structs.replace(performer.settings, mail_url=tmp_path.as_uri(), pazz_url="https://pazz.example/")
    monkeypatch.setattr(performer, "settings", settings)
    return tmp_path


def details(answer: Answer) -> dict[str, list[str]]:
    assert answer.status == 400, answer
    return answer.json["error"]["details"]


def registered(visitor: Client, **changed: Any) -> Answer:
    return visitor.post(f"{AUTH}/register", json={**NEW, **changed})


def log_in(visitor: Client, address: str, password: str) -> Answer:
    return visitor.post(f"{AUTH}/login", json={"email": address, "password": password})


def test_whoever_registers_is_a_partner_and_signed_in(world: World, open_door: Process) -> None:
    mine = f"bea@{world.own}.example"
    answer = registered(open_door.visitor(), email=f"  {mine}".strip().upper())
    assert answer.status == 201, answer
    data = answer.json["data"]
    assert data["user"] == {"id": data["user"]["id"], "name": "Bea Ruiz", "email": mine, "role": "partner"}
    headers = {"authorization": f"Bearer {data['token']}"}
    assert open_door.visitor().get(f"{AUTH}/me", headers=headers).json["data"] == data["user"]
    assert open_door.visitor().get("/pazz/api/v1/user/profile", headers=headers).status == 200
    assert log_in(open_door.visitor(), mine, NEW["password"]).status == 200
    admin = world.signed_in(world.user("manager"))
    assert admin.get(f"/office/users/{data['user']['id']}").json["phone"] == "+525512345678"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"fullName": "Bo"}, {"fullName": ["Debe tener entre 3 y 200 caracteres"]}),
        ({"fullName": "     "}, {"fullName": ["Debe tener entre 3 y 200 caracteres"]}),
        ({"email": "bea"}, {"email": ["Debe ser un correo electrónico válido"]}),
        ({"email": "bea@mx"}, {"email": ["Debe ser un correo electrónico válido"]}),
        ({"phone": "551234567"}, {"phone": ["Debe tener exactamente 10 dígitos"]}),
        ({"phone": "55123456789"}, {"phone": ["Debe tener exactamente 10 dígitos"]}),
        ({"phone": "55 1234 5678"}, {"phone": ["Debe tener exactamente 10 dígitos"]}),
        ({"phone": "٥٥١٢٣٤٥٦٧٨"}, {"phone": ["Debe tener exactamente 10 dígitos"]}),
        ({"fullName": "x" * 201}, {"fullName": ["Debe tener entre 3 y 200 caracteres"]}),
        ({"password": "Bitacora1" + "x" * 200}, {"password": [PASSWORD_RULE]}),
        ({"password": "Corto1"}, {"password": [PASSWORD_RULE]}),
        ({"password": "sinmayuscula1"}, {"password": [PASSWORD_RULE]}),
        ({"password": "SinNumero"}, {"password": [PASSWORD_RULE]}),
        ({"color": "azul"}, {"color": ["No se reconoce este campo"]}),
    ],
)
def test_every_field_has_its_rule(
    world: World, open_door: Process, changed: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    with world.unchanged():
        answer = registered(open_door.visitor(), **changed)
    assert details(answer) == expected
    assert answer.json["error"]["code"] == "VALIDATION_FAILED"


def test_all_wrong_fields_are_told_at_once(open_door: Process) -> None:
    answer = open_door.visitor().post(f"{AUTH}/register", json={"fullName": "B", "email": 5, "phone": "1"})
    assert details(answer) == {
        "fullName": ["Debe tener entre 3 y 200 caracteres"],
        "email": ["El tipo de dato no es válido"],
        "phone": ["Debe tener exactamente 10 dígitos"],
        "password": ["Es obligatorio"],
    }


@pytest.mark.parametrize("password", ["Ñandú1234", "1234567A", "ÁÁÁÁÁÁÁ1"])
def test_a_capital_may_have_an_accent(world: World, open_door: Process, password: str) -> None:
    address = f"{world.user().id}@new.example"
    assert registered(open_door.visitor(), email=address, password=password).status == 201


def test_an_address_that_has_an_account_is_refused_even_when_two_ask_at_once(world: World, open_door: Process) -> None:
    taken = world.user("sales")
    answer = registered(open_door.visitor(), email=taken.email.upper())
    assert (answer.status, answer.json["error"]["code"]) == (409, "EMAIL_ALREADY_REGISTERED")
    assert answer.json["error"]["message"] == "Ya existe una cuenta con este correo"
    visitor, body = open_door.visitor(), {**NEW, "email": f"at-once@{world.own}.example"}
    answers = world.at_once(*(visitor.asking("POST", f"{AUTH}/register", json=body) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409]


def test_without_an_organisation_to_join_nobody_can_register(world: World) -> None:
    closed = world.another_process(pazz_organization="")
    with world.unchanged():
        answer = registered(closed.visitor())
    assert (answer.status, answer.json["error"]["code"]) == (403, "REGISTRATION_CLOSED")


def test_ten_an_hour_may_register_from_one_address(open_door: Process) -> None:
    visitor = open_door.visitor()
    answers = [registered(visitor, email=f"{number}@flood.example", password="x").status for number in range(11)]
    assert set(answers) == {400}, "what is malformed is refused before it is counted"
    answers = [registered(visitor, email="taken@flood.example").status for _ in range(11)]
    assert answers == [201, *[409] * 9, 429]


# --- forgotten


def token_in(folder: Path) -> str:
    """The token of the newest letter's link."""
    letter = email.message_from_bytes(sorted(folder.glob("*.eml"))[-1].read_bytes(), policy=email.policy.default)
    body = letter.get_body()
    assert body is not None
    link = next(word for word in body.get_content().split() if word.startswith("https://"))
    assert link.startswith("https://pazz.example/auth/reset-password?token=")
    return parse_qs(urlsplit(link).query)["token"][0]


def forget(visitor: Client, address: str) -> Answer:
    answer = visitor.post(f"{AUTH}/forgot-password", json={"email": address})
    assert answer.status == 200, answer
    return answer


def reset(visitor: Client, token: str, password: str = "OtroSecreto1") -> Answer:
    return visitor.post(f"{AUTH}/reset-password", json={"token": token, "password": password})


def test_a_mailed_link_sets_another_password_once_and_ends_every_sign_in(world: World, letters: Path) -> None:
    user = world.user("partner", name="Ana López")
    client, visitor, before = world.signed_in(user), world.visitor(), world.head
    forget(visitor, user.email.upper())
    world.react()
    letter = sorted(letters.glob("*.eml"))[-1].read_text(encoding="utf-8")
    assert f"To: {user.email}" in letter
    assert "Hola Ana:" in letter
    token = token_in(letters)
    assert reset(visitor, token, "corto").status == 400, "a password that will not do leaves the token good"
    assert reset(visitor, token).json["data"] == {"message": "Tu contraseña cambió. Inicia sesión con la nueva"}
    assert client.get(f"{AUTH}/me").status == 401
    assert client.signed is not None
    assert visitor.post(f"{AUTH}/refresh", json={"refreshToken": client.signed.refresh_token}).status == 401
    assert log_in(visitor, user.email, PASSWORD).status == 401
    assert log_in(visitor, user.email, "OtroSecreto1").status == 200
    again = reset(visitor, token)
    assert (again.status, again.json["error"]["code"]) == (403, "RESET_TOKEN_INVALID")
    happened = [type(recorded.event) for recorded in world.events(before)]
    assert happened == [PasswordResetRequested, PasswordChanged]


def test_the_token_is_nowhere_but_in_the_letter(world: World, letters: Path, caplog: pytest.LogCaptureFixture) -> None:
    user = world.user("partner")
    with caplog.at_level("DEBUG"):
        forget(world.visitor(), user.email)
        world.react()
        token = token_in(letters)
        reset(world.visitor(), token)
    assert token not in caplog.text
    connection = world.house.connection
    tables = connection.execute("select tablename from pg_tables where schemaname in ('public', 'views')").fetchall()
    assert ("password_resets",) in tables
    for (table,) in tables:
        count = SQL("select count(*) from {} held where held::text like %s").format(Identifier(table))
        assert connection.execute(count, [f"%{token}%"]).fetchone() == (0,), table


def test_only_the_newest_link_is_good(world: World, letters: Path) -> None:
    user = world.user("partner")
    tokens = []
    for minute in range(2):
        world.time_is(datetime(2025, 10, 14, 12, minute, tzinfo=UTC))
        forget(world.visitor(), user.email)
        world.react()
        tokens.append(token_in(letters))
    assert reset(world.visitor(), tokens[0]).status == 403
    assert reset(world.visitor(), tokens[1]).status == 200


def test_a_link_is_good_for_a_short_time(world: World, letters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    performer, user = world.house.performer, world.user("partner")
    settings = msgspec.structs.replace(performer.settings, password_reset_seconds=0)
    monkeypatch.setattr(performer, "settings", settings)
    forget(world.visitor(), user.email)
    world.react()
    assert reset(world.visitor(), token_in(letters)).status == 403
    assert log_in(world.visitor(), user.email, PASSWORD).status == 200


@pytest.mark.parametrize("who", ["nobody", "staff", "deactivated"])
def test_nobody_learns_from_the_answer_who_has_an_account(world: World, letters: Path, who: str) -> None:
    partner = world.user("partner")
    address = "nobody@example.mx"
    if who != "nobody":
        other = world.user("manager" if who == "staff" else "partner")
        address = other.email
        if who == "deactivated":
            admin = world.signed_in(world.user("admin"))
            admin.post(f"/office/users/{other.id}/standing", json={"active": False})
    with world.unchanged():
        began = time.monotonic()
        unknown = forget(world.visitor(), address)
        assert time.monotonic() - began >= 0.3, "an early answer would tell"
        world.react()
    known = forget(world.visitor(), partner.email)
    assert unknown.json == known.json
    varying = {"x-request-id", "x-ratelimit-reset", "x-ratelimit-remaining"}
    assert set(unknown.headers) - varying == set(known.headers) - varying
    assert not list(letters.glob("*.eml"))
    world.react()
    assert len(list(letters.glob("*.eml"))) == 1


def test_letters_to_one_account_are_limited(world: World, letters: Path) -> None:
    user, visitor = world.user("partner"), world.visitor()
    body = {"email": user.email}
    answers = [visitor.post(f"{AUTH}/forgot-password", json=body) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


def test_a_letter_that_cannot_leave_is_tried_again(world: World) -> None:
    user = world.user("partner")
    forget(world.visitor(), user.email)
    with pytest.raises(Exception, match="BITACORA_MAIL_URL"):
        world.react()
    waiting = world.house.connection.execute("select reaction, failed from jobs").fetchall()
    assert waiting == [("password_reset", None)]


@pytest.mark.parametrize("token", ["nonsense", "x" * 200, "nul\0"])
def test_a_token_that_was_never_issued_is_refused(world: World, token: str) -> None:
    with world.unchanged():
        assert reset(world.visitor(), token).status == 403
