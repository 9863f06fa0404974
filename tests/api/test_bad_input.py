"""Bad input on every route there is: a clear refusal in that frontend's form, nothing stored, never a 500."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import msgspec
import pytest

from domain.values import ROLES
from tests.support.business import business
from tests.support.http import Answer, Client, House, World
from tests.support.routes import FRONTENDS, Manners, Route, fields, is_text, may, query_names, routes, sample, signed_in

LONG = "x" * 10_000
TEXTS = {"a NUL byte": "nul\0byte", "nothing but a NUL byte": "\0", "more than any field holds": "م" * 100_000}
OTHER_TYPES: tuple[Any, ...] = ("5", 5, True, None, [[]], {"a": 1}, 1e300)
SAYS_NOTHING = "El tipo de dato no es válido"
"""What is right of a body that says a number where a text belongs; a query is all text."""
NOT_JSON = (
    b"",
    b"{",
    b"nonsense",
    b"null",
    b"[]",
    b'"text"',
    b"5",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b'{"a": NaN}',
    b'{"a": 1e999}',
    b'{"a": "\\ud800"}',
    b'{"a": "\xff"}',
    b'{"a": 1} {"a": 2}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
)


class Callers:
    """Somebody who may, for each route, and the ids of things that are there."""

    def __init__(self, world: World) -> None:
        self.world = world
        shopper = world.shopper()
        self.ids = {**business(world).ids, "cliente_id": shopper.id}
        self._clients = {role: signed_in(world, role) for role in ROLES} | {"shopper": world.signed_in(shopper)}

    def call(self, route: Route, **more: Any) -> Answer:
        """Call the route with ids of things that are there."""
        self.world.forget_limits()
        return self.client(route).send(route.method, route.at(self.ids), **more)

    def client(self, route: Route) -> Client:
        return self.world.visitor() if route.is_public else self._clients[may(route)]


@pytest.fixture(scope="module")
def callers(house: House) -> Iterator[Callers]:
    """Made once: nothing of what follows may change anything."""
    with pytest.MonkeyPatch.context() as patch:
        yield Callers(World(house, patch))


@pytest.fixture
def refusals(callers: Callers) -> Iterator[Refusals]:
    """Collects what is not a refusal, so that one run tells all; the log must not have grown."""
    found = Refusals(callers)
    with callers.world.unchanged():
        yield found
        assert not found.wrong, "\n".join(found.wrong[:40])


class Refusals:
    def __init__(self, callers: Callers) -> None:
        self.callers = callers
        self.wrong: list[str] = []
        self.seen = 0

    def expect(self, statuses: Collection[int], route: Route, what: str, **more: Any) -> None:
        """Call and note it when the answer is another than expected or has not the frontend's form."""
        self.seen += 1
        answer = self.callers.call(route, **more)
        if answer.status not in statuses:
            self.wrong.append(f"{route} with {what}: {answer!r}"[:400])
            return
        code = FRONTENDS[route.frontend].code(answer)
        expected = FRONTENDS[route.frontend].codes.get(answer.status, code)
        if answer.status in (413, 415) and code != expected:
            self.wrong.append(f"{route} with {what}: {code}")


def with_bodies(world: World) -> list[tuple[Route, dict[str, Any]]]:
    return [(route, sample(route.body)) for route in routes(world.process.door) if route.body]


def manners(route: Route) -> Manners:
    return FRONTENDS[route.frontend]


def test_what_is_no_json_object_is_refused(world: World, refusals: Refusals) -> None:
    seen: set[str] = set()
    for route, _ in with_bodies(world):
        # All of it on one route of each frontend, where it is decoded in one place for all; the gist of it everywhere.
        for body in NOT_JSON if route.frontend not in seen else NOT_JSON[:5]:
            if route.may_be_bodiless and body in (b"", b"null"):
                continue
            refusals.expect(manners(route).wrong, route, repr(body[:40]), body=body)
        seen.add(route.frontend)


def test_what_says_that_it_is_no_json_is_refused(world: World, refusals: Refusals) -> None:
    for route, body in with_bodies(world):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"):
            refusals.expect({415}, route, kind, body=json.dumps(body).encode(), headers={"content-type": kind})


def test_an_oversize_body_is_refused(world: World, refusals: Refusals) -> None:
    spaces = b" " * (world.settings.max_body_bytes + 1)
    for route, body in with_bodies(world):
        refusals.expect({413}, route, "spaces in front", body=spaces + json.dumps(body).encode())


def test_an_unknown_field_is_refused(world: World, refusals: Refusals) -> None:
    for route, body in with_bodies(world):
        assert route.body is not None
        if not route.body.__struct_config__.forbid_unknown_fields:
            assert route.frontend not in ("pazz", "office"), route
            continue
        wrong = manners(route).wrong
        refusals.expect(wrong, route, "an unknown field", json={**body, "zzz": 1})
        refusals.expect(wrong, route, "a long unknown field", json={**body, LONG: 1})
        refusals.expect(wrong, route, "a thousand of them", json={**body, **{f"z{n}": n for n in range(1_000)}})


def test_a_refusal_stays_short_however_much_is_wrong(world: World) -> None:
    client = world.signed_in(world.user("manager"))
    answer = client.post("/office/customers", json={f"{LONG}{n}": n for n in range(90)})
    assert answer.status == 400
    assert len(answer.body) < 20_000


def test_a_missing_field_is_refused(world: World, refusals: Refusals) -> None:
    for route, body in with_bodies(world):
        assert route.body is not None
        for field in msgspec.structs.fields(route.body):
            if field.required:
                less = {name: value for name, value in body.items() if name != field.encode_name}
                refusals.expect(manners(route).wrong, route, f"no {field.encode_name}", json=less)


def test_a_value_of_another_type_is_refused(world: World, refusals: Refusals) -> None:
    for route, body in with_bodies(world):
        assert route.body is not None
        for field in msgspec.structs.fields(route.body):
            for value in OTHER_TYPES:
                try:
                    msgspec.convert(value, field.type)
                except msgspec.ValidationError:
                    changed = {**body, field.encode_name: value}
                    refusals.expect(manners(route).wrong, route, f"{field.encode_name} = {value!r}", json=changed)


@pytest.mark.parametrize("what", TEXTS)
def test_no_text_field_takes(world: World, refusals: Refusals, what: str) -> None:
    for route, body in with_bodies(world):
        assert route.body is not None
        required = {field.encode_name for field in msgspec.structs.fields(route.body) if field.required}
        least = {name: value for name, value in body.items() if name in required}
        for name, kind in fields(route.body).items():
            forgiven = name in manners(route).cleaned or "forgot" in route.path
            if is_text(kind) and not (forgiven and "NUL" in what):
                # Without the other fields that may be left out: some are one field under several names.
                refusals.expect(
                    {400, 401, 403, 404, 409, 422}, route, f"{name} = {what}", json={**least, name: TEXTS[what]}
                )


def test_query_parameters_that_make_no_sense_are_refused_or_find_nothing(world: World, refusals: Refusals) -> None:
    for route in routes(world.process.door):
        for name in query_names(world.process.door, route):
            for value in ("\0", LONG, "-1", "1e9", "9" * 40, "NaN", "", "ÿ", "' or 1=1 --"):
                answer = refusals.callers.call(route, params={name: value})
                if answer.status >= 500 or SAYS_NOTHING in answer.text:
                    refusals.wrong.append(f"{route}?{name}={value[:20]!r}: {answer!r}")


@pytest.mark.parametrize(
    ("role", "path", "said"),
    [
        ("sales", "/scheduler/api/messages?page_size=101", "Debe estar entre 1 y 100"),
        ("sales", "/scheduler/api/messages?page_size=diez", "Debe estar entre 1 y 100"),
        ("sales", "/scheduler/api/groups?sort=color", "Debe ser uno de: "),
        ("sales", f"/scheduler/api/messages?search={'x' * 201}", "Debe tener 200 caracteres como máximo"),
        ("partner", "/pazz/api/v1/goals/history?limit=25", "Debe estar entre 1 y 24"),
        ("partner", "/pazz/api/v1/commissions/summary?month=13", "Debe estar entre 1 y 12"),
    ],
)
def test_what_a_query_may_ask_for_is_said(world: World, role: str, path: str, said: str) -> None:
    name = path.partition("?")[2].partition("=")[0]
    error = signed_in(world, role).get(path).json["error"]
    ((sentence,),) = (error["details"][name],)
    assert sentence.startswith(said)


def test_ids_that_cannot_be_ids_are_not_there(world: World, refusals: Refusals) -> None:
    strange = ("%00", "a%00b", "%ff", "%0a", "%2e%2e", "a" * 5_000, "-", "'", "%F0%9F%98%80", "a%2Fb", "a b", "*")
    for route in routes(world.process.door):
        if route.parameters and not route.is_public:
            body = sample(route.body) if route.body else None
            for value in strange:
                path = route.at({}, value)
                world.forget_limits()
                answer = refusals.callers.client(route).send(route.method, path, json=body)
                if answer.status not in (400, 403, 404, 405, 422):
                    refusals.wrong.append(f"{route} at {value[:20]}: {answer!r}")


def test_headers_that_make_no_sense_are_refused_or_ignored(world: World, refusals: Refusals) -> None:
    for route, body in with_bodies(world):
        for key in ("", "k" * 201, "tab\tinside", "\x01"):
            headers = {"idempotency-key": key}
            if route.is_public:
                continue
            refusals.expect({400, 422}, route, f"key {key[:10]!r}", json={**body, "zzz": 1}, headers=headers)
    for route in routes(world.process.door):
        if route.method == "GET" and not route.parameters:
            usual = refusals.callers.call(route).status
            for least in ("abc", "-5", "1" * 40, "٣", "", "1.5"):
                answer = refusals.callers.call(route, headers={"bitacora-at-least": least.encode()})
                if answer.status != usual:
                    refusals.wrong.append(f"{route} at least {least}: {answer!r}")
