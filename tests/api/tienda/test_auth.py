"""Opening an account, signing in, signing out: the client area's own manners."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from typing import Any

import jwt
import pytest

from api import access
from tests.api.tienda.conftest import NUMBERS, Buyer, Shop
from tests.support.http import Answer, Client, until

REGISTER = "/tienda/auth/clientes/register/"


def new(**changes: Any) -> dict[str, Any]:
    """Somebody who registers."""
    number = next(NUMBERS)
    known = {
        "usuario": f"nuevo{number}",
        "password": "secreta",
        "nombre": "Nuria Peña",
        "cedula": f"V-{number}",
        "direccion": "Calle 5, n.º 12",
        "telefono": "0414-1234567",
        "email": f"nuevo{number}@example.com",
    }
    return {**known, **changes}


def register(shop: Shop, **changes: Any) -> Answer:
    return shop.stranger.post(REGISTER, json=new(**changes))


def test_somebody_registers_and_signs_in(shop: Shop) -> None:
    who = new()
    registered = shop.stranger.post(REGISTER, json=who)
    assert registered.status == 200, registered
    assert set(registered.json) == {"message", "cliente_id"}
    identity = registered.json["cliente_id"]
    assert re.fullmatch("[0-9a-f]{24}", identity)
    answer = shop.login(who["usuario"], who["password"])
    assert answer.status == 200, answer
    body = answer.json
    assert body["cliente_access_token"] == body["access_token"]
    assert (body["cliente_id"], body["usuario"], body["nombre"]) == (identity, who["usuario"], "Nuria Peña")
    assert (body["token_type"], body["rol"]) == ("bearer", "cliente")
    buyer = shop.signed_in(identity, who["usuario"], who["password"])
    profile = buyer.get().json
    assert {name: profile[name] for name in who if name != "password"} == {
        name: value for name, value in who.items() if name != "password"
    }


def test_nothing_personal_and_no_secret_stands_in_the_log(shop: Shop) -> None:
    who, before = new(), shop.world.head
    shop.stranger.post(REGISTER, json=who)
    rows = shop.world.house.connection.execute(
        "select data, stream from events where position > %s", [before]
    ).fetchall()
    assert len(rows) == 4
    for value in who.values():
        assert not any(value.encode() in data or value in stream for data, stream in rows), value


def test_no_password_can_be_tried_against_what_is_kept_of_a_request(shop: Shop) -> None:
    body = json.dumps(new()).encode()
    keyed = shop.stranger.with_headers(idempotency_key="k1")
    assert keyed.post(REGISTER, body=body).status == 200
    kept = shop.world.house.connection.execute("select fingerprint from accepted_commands").fetchall()
    guess = hashlib.sha256(b"\n".join([b"POST", REGISTER.rstrip("/").encode(), body])).hexdigest()
    assert kept
    assert (guess,) not in kept


@pytest.mark.parametrize(
    ("field", "again", "message"),
    [
        ("usuario", lambda value: value.upper(), "El usuario ya está registrado"),
        ("usuario", lambda value: f"  {value} ", "El usuario ya está registrado"),
        ("cedula", lambda value: value.replace("-", ".").lower(), "La cédula ya está registrada"),
        ("email", str.upper, "El email ya está registrado"),
    ],
)
def test_what_somebody_has_is_taken(shop: Shop, field: str, again: Any, message: str) -> None:
    who = new()
    assert shop.stranger.post(REGISTER, json=who).status == 200
    with shop.world.unchanged():
        answer = register(shop, **{field: again(who[field])})
        assert (answer.status, answer.json) == (400, {"message": message, "detail": message})


def test_of_two_who_want_a_username_at_once_one_gets_it(shop: Shop) -> None:
    answers = shop.world.at_once(*(shop.stranger.asking("POST", REGISTER, json=new(usuario="unico")) for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400, 400, 400]


def test_another_shop_has_usernames_of_its_own(shop: Shop) -> None:
    who = new()
    assert shop.stranger.post(REGISTER, json=who).status == 200
    shop.settings(tienda_organization=shop.world.organization("elsewhere"))
    assert shop.login(who["usuario"], who["password"]).status == 401
    assert shop.stranger.post(REGISTER, json=who).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"usuario": "ab"},
        {"usuario": "x" * 61},
        {"usuario": "   "},
        {"usuario": None},
        {"password": "12345"},
        {"password": "x" * 201},
        {"password": "con\0nulo"},
        {"nombre": ""},
        {"nombre": "  "},
        {"nombre": "a\0b"},
        {"cedula": ""},
        {"cedula": "x" * 41},
        {"email": "nadie"},
        {"email": "a@b"},
        {"direccion": "x" * 501},
        {"telefono": 5},
    ],
)
def test_what_makes_no_account_is_refused(shop: Shop, changes: dict[str, Any]) -> None:
    with shop.world.unchanged():
        answer = register(shop, **changes)
        assert answer.status == 422, answer
        assert set(answer.json) == {"message", "detail"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"password": "12345"}, "La contraseña debe tener entre 6 y 200 caracteres"),
        ({"usuario": "ab"}, "El usuario debe tener entre 3 y 60 caracteres"),
        ({"nombre": ""}, "El campo nombre no puede estar vacío"),
        ({"cedula": ""}, "El campo cedula no puede estar vacío"),
        ({"email": "nadie"}, "El email no es válido"),
    ],
)
def test_whoever_registers_is_told_in_a_sentence_what_to_change(shop: Shop, changes: dict[str, Any], told: str) -> None:
    assert register(shop, **changes).json == {"message": told, "detail": told}


@pytest.mark.parametrize("missing", ["direccion", "telefono", "email"])
def test_some_things_may_be_missing(shop: Shop, missing: str) -> None:
    who = new()
    del who[missing]
    assert shop.stranger.post(REGISTER, json=who).status == 200
    assert register(shop, **{missing: ""}).status == 200
    assert register(shop, **{missing: None}).status == 200


def test_a_username_may_be_written_in_any_script(shop: Shop) -> None:
    for name in ("Ñandú Pérez", "محمد علي", "门先生", "👩‍🔧 Ana"):
        assert register(shop, usuario=name).status == 200
        assert shop.login(name.upper(), "secreta").status == 200


def test_a_retried_registration_is_answered_as_the_first(shop: Shop) -> None:
    who, key = new(), {"idempotency-key": "one account"}
    first = shop.stranger.post(REGISTER, json=who, headers=key)
    again = shop.stranger.post(REGISTER, json=who, headers=key)
    assert (first.status, again.status) == (200, 200)
    assert first.json == again.json


def test_without_a_shop_nobody_registers_or_signs_in(shop: Shop, buyer: Buyer) -> None:
    shop.settings(tienda_organization="")
    assert register(shop).status == 403
    assert shop.login(buyer.username).status == 401


def test_an_unknown_account_and_a_wrong_password_cannot_be_told_apart(shop: Shop, buyer: Buyer) -> None:
    attempts = [
        (buyer.username, "equivocada"),
        ("nadie", "secreta"),
        ("", ""),
        ("a\0b", "x"),
        (buyer.username, ""),
        (f"{buyer.username}@example.com", "Bitacora1"),
    ]
    answers = [shop.login(*attempt) for attempt in attempts]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json["message"] == "Usuario o contraseña incorrectos"


def test_signing_in_takes_no_get(shop: Shop) -> None:
    assert shop.stranger.get("/tienda/auth/clientes/login/").status == 405


def test_paths_may_end_with_a_slash_or_not(shop: Shop, buyer: Buyer) -> None:
    for path in ("login", "login/"):
        body = {"usuario": buyer.username, "password": "Bitacora1"}
        assert shop.stranger.post(f"/tienda/auth/clientes/{path}", json=body).status == 200
    for path in ("/preferencias", "/preferencias/", "", "/"):
        assert buyer.get(path).status == 200, path


def test_attempts_on_one_account_are_limited(shop: Shop, buyer: Buyer) -> None:
    shop.world.forget_limits()
    answers = [shop.login(buyer.username.upper(), "adivinada") for _ in range(11)]
    assert [answer.status for answer in answers] == [401] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "Demasiadas solicitudes" in answers[-1].json["message"]


def test_an_inactive_client_is_told_so_with_the_token_and_at_the_door(shop: Shop, buyer: Buyer) -> None:
    other = shop.buyer()
    standing = f"/office/shoppers/{buyer.id}/standing"
    assert shop.office.post(standing, json={"active": False}).json["active"] is False
    until(lambda: buyer.get("/carrito").status == 403)
    refused = buyer.get("/carrito")
    assert refused.json["message"] == "Tu cuenta está inactiva"
    assert buyer.http.get(f"{other.path}/carrito").status == 403
    answer = shop.login(buyer.username)
    assert (answer.status, answer.json["message"]) == (403, "Tu cuenta está inactiva")
    assert shop.login(buyer.username, "equivocada").status == 401
    assert shop.office.post(standing, json={"active": True}).json["active"] is True
    assert buyer.get().status == 401, "the old sign-in stays over"
    assert buyer.another_device().get().status == 200


def test_signing_out_ends_one_device_and_deletes_nothing(shop: Shop, buyer: Buyer) -> None:
    other = buyer.another_device()
    buyer.put("/preferencias", {"vista_activa": "catalogo"})
    with shop.world.unchanged():
        assert buyer.http.post("/tienda/auth/clientes/logout").status == 200
    until(lambda: buyer.get().status == 401)
    assert other.get("/preferencias").json["vista_activa"] == "catalogo"
    assert buyer.another_device().get("/preferencias").json["vista_activa"] == "catalogo"


def test_a_sign_in_lasts_as_long_as_the_settings_say(shop: Shop, buyer: Buyer) -> None:
    claims = jwt.decode(buyer.http.headers["authorization"].split()[1], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 66 * 3600
    assert claims["role"] == "shopper"


def test_staff_are_not_clients_and_clients_are_not_staff(shop: Shop, buyer: Buyer) -> None:
    for path in (f"{buyer.path}/carrito", "/tienda/inventario/all"):
        assert shop.office.get(path).status == 401
    for path in ("/office/products", "/office/shoppers", f"/office/shoppers/{buyer.id}/cart", "/office/users"):
        assert buyer.http.get(path).status == 403
    assert buyer.http.get("/pazz/api/v1/goals/current").status == 403


def test_an_erased_client_is_gone_from_everywhere(shop: Shop) -> None:
    who = new()
    identity = shop.stranger.post(REGISTER, json=who).json["cliente_id"]
    buyer = shop.signed_in(identity, who["usuario"], who["password"])
    buyer.put("/borradores/soporte", {"asunto": "Mi secreto", "mensaje": "Vivo en la calle 5"})
    buyer.post("/reclamo", {"titulo": "Me llamo Nuria", "descripcion": "Y no me gusta"})
    before = shop.world.head
    erased = shop.office.post(f"/office/shoppers/{identity}/erasure")
    assert (erased.json["erased"], erased.json["name"], erased.json["email"]) == (True, "", None)
    shop.world.react()
    until(lambda: buyer.get().status == 401)
    assert shop.login(who["usuario"], who["password"]).status == 401
    assert "ShopperErased" in shop.happened(before)
    requests = shop.office.get("/office/support-requests").json
    assert [(request["title"], request["text"]) for request in requests] == [("", "")]
    told = json.dumps([repr(recorded.event) for recorded in shop.world.events() if identity in recorded.stream])
    for secret in ("Nuria", "secreto", "calle 5", "gusta", who["cedula"], who["email"], who["usuario"]):
        assert secret not in told, secret
    assert shop.stranger.post(REGISTER, json=who).status == 200, "what was unique is free again"


def test_what_a_device_still_saves_after_the_erasure_is_not_kept(shop: Shop) -> None:
    """Its process does not know yet that the sign-in is over."""

    async def deaf(heard: access.Revocations, _: object) -> None:
        heard._known.set()
        await asyncio.Event().wait()

    shop.world.patch.setattr(access.Revocations, "_listen", deaf)
    buyer, process = shop.buyer(), shop.world.another_process()
    process.runtime.settings = shop.world.runtime.settings
    late = Buyer(shop, buyer.id, buyer.username, Client(process, buyer.http.headers))
    assert late.put("/borradores/soporte", {"asunto": "Hola"}).status == 200
    assert shop.office.post(f"/office/shoppers/{buyer.id}/erasure").status == 200
    shop.world.react()
    with shop.world.unchanged():
        assert late.put("/borradores/soporte", {"mensaje": "Vivo en la calle 5"}).status == 409
        assert late.put("/borradores/reclamo", {"titulo": "Me llamo Nuria"}).status == 409
        assert late.post("/reclamo", {"titulo": "Me llamo Nuria", "descripcion": "Y no me gusta"}).status == 409
    assert late.get("/borradores").json["borradores"] == {"reclamo": None, "soporte": None}
