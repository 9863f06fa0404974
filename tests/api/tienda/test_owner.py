"""Every route is its owner's alone: refused before anything about the request or the data is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.tienda.conftest import Buyer, Shop, item
from tests.support.http import Client
from tests.support.routes import Route, routes

BODIES: tuple[dict[str, Any], ...] = (
    {},
    {"json": {"items": [], "titulo": "x", "descripcion": "x"}},
    {"json": {"items": "wrong"}},
    {"body": b"{"},
    {"body": b"x", "headers": {"content-type": "text/plain"}},
)
KINDS = ("reclamo", "nothing of the kind")


def owned(shop: Shop) -> Iterator[tuple[Route, str]]:
    """Every route with a client in its path, and what comes after the client."""
    for route in routes(shop.world.process.door):
        if route.frontend == "tienda" and "{cliente_id}" in route.path:
            for kind in KINDS if "{tipo}" in route.path else ("",):
                yield route, route.path.replace("{tipo}", kind)


def test_there_are_routes_to_try(shop: Shop) -> None:
    assert len(list(owned(shop))) >= 15


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_without_a_token_every_answer_is_401(shop: Shop, buyer: Buyer, body: dict[str, Any]) -> None:
    with shop.world.unchanged():
        for route, path in owned(shop):
            for identity in (buyer.id, "0" * 24, "not an id"):
                answer = shop.stranger.send(route.method, path.format(cliente_id=identity), **body)
                assert answer.status == 401, (str(route), answer)
                assert answer.json["message"] == answer.json["detail"]
                assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_with_another_clients_token_every_answer_is_the_same_403(
    shop: Shop, buyer: Buyer, body: dict[str, Any]
) -> None:
    other, elsewhere = shop.buyer(), "f" * 24
    buyer.save(item(shop.product()))
    buyer.put("/borradores/reclamo", {"titulo": "secreto"})
    said = set()
    with shop.world.unchanged():
        for route, path in owned(shop):
            for identity in (buyer.id, elsewhere, "0" * 24, "not an id", "ñ", other.id.upper() + "a", "%00"):
                shop.world.forget_limits()
                answer = other.http.send(route.method, path.format(cliente_id=identity), **body)
                assert answer.status == 403, (str(route), identity, answer)
                said.add(answer.text)
    assert len(said) == 1, "nothing tells who exists and who does not"


def test_a_token_of_staff_is_none_here(shop: Shop, buyer: Buyer) -> None:
    with shop.world.unchanged():
        for route, path in owned(shop):
            assert shop.office.send(route.method, path.format(cliente_id=buyer.id)).status == 401, str(route)


def test_a_client_of_another_shop_is_another_client(shop: Shop, buyer: Buyer) -> None:
    shop.settings(tienda_organization=shop.world.organization("elsewhere"))
    theirs = Shop(shop.world, shop.world.runtime.settings.tienda_organization, shop.office, shop.stranger).buyer()
    for route, path in owned(shop):
        assert theirs.http.send(route.method, path.format(cliente_id=buyer.id)).status == 403


def test_a_broken_token_is_no_token(shop: Shop, buyer: Buyer) -> None:
    token = buyer.http.headers["authorization"]
    for sent in (token[:-2], token.replace("Bearer", "Basic"), "Bearer ", "Bearer a.b.c", f"{token} x"):
        client = Client(shop.world.process, {"authorization": sent})
        assert client.get(f"{buyer.path}/carrito").status == 401, sent
