"""Identity and access: who gets in, with what, for how long, and what they may touch."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import argon2
import jwt
import pytest

from api import access, identity
from api.access import Tokens
from domain import user
from tests.support.business import business
from tests.support.http import ORIGIN, PASSWORD, Answer, Client, World, until
from tests.support.routes import FRONTENDS, ROLE_NAMES, Route, may, routes, sample, signed_in
from tests.support.sockets import Refused, SocketIo

PAZZ = "/pazz/api/v1/auth"
ME = f"{PAZZ}/me"


def closed(world: World) -> list[Route]:
    return [route for route in routes(world.process.door) if not route.is_public]


def call(client: Client, route: Route, path: str) -> Answer:
    return client.send(route.method, path, json=sample(route.body) if route.body else None)


def with_token(world: World, token: str) -> Client:
    return Client(world.process, {"authorization": f"Bearer {token}"})


MEANT = {
    "/scheduler/swagger",  # the documentation under another name
    *(f"/scheduler/api/health{service}" for service in ("", "/db", "/redis", "/whatsapp")),  # for monitors
}

# --- every route


def test_every_frontend_is_known_to_these_tests(world: World) -> None:
    unknown = set(world.process.door.applications) - set(FRONTENDS)
    assert not unknown, "add it to tests/support/routes.py, and every route of it is tested here and in test_bad_input"


def test_every_route_that_takes_a_body_says_its_shape(world: World) -> None:
    silent = [str(route) for route in routes(world.process.door) if route.takes_body != (route.body is not None)]
    assert not silent, "their wrong fields could not be told apart"


def test_every_route_that_is_not_public_wants_a_token(world: World) -> None:
    with world.unchanged():
        for route in closed(world):
            manners = FRONTENDS[route.frontend]
            answer = call(world.visitor(), route, route.at({}))
            assert answer.status == 401, (str(route), answer)
            assert manners.code(answer) == manners.codes[401]
            assert answer.headers["www-authenticate"] == "Bearer"


def test_only_signing_in_is_public(world: World) -> None:
    public = {route.path for route in routes(world.process.door) if route.is_public and "/docs" not in route.path}
    unexpected = {path for path in public if "/auth/" not in path and path not in MEANT}
    assert not unexpected, "a public route that is not about signing in: is that meant?"


def test_every_route_refuses_the_roles_that_it_is_not_for(world: World) -> None:
    clients = {role: signed_in(world, role) for role in ROLE_NAMES}
    with world.unchanged():
        for route in closed(world):
            manners = FRONTENDS[route.frontend]
            for role in set(ROLE_NAMES) - set(manners.roles(route)):
                answer = call(clients[role], route, route.at({}))
                assert answer.status == manners.other_role, (str(route), role, answer)
                assert manners.code(answer) == manners.codes[manners.other_role]
                world.forget_limits()


@pytest.mark.parametrize("whose", ["another organisation's", "nobody's"])
def test_what_belongs_to_others_is_not_there(world: World, whose: str) -> None:
    ids = {}
    if whose == "another organisation's":
        ids = {**business(world, "other").ids, "cliente_id": world.shopper().id}
    clients = {role: signed_in(world, role) for role in ROLE_NAMES}
    with world.unchanged():
        for route in closed(world):
            if not route.parameters:
                continue
            answer = call(clients[may(route)], route, route.at(ids))
            assert answer.status in (403, 404), (str(route), answer)
            FRONTENDS[route.frontend].code(answer)
            world.forget_limits()


def test_what_a_body_names_of_another_organisation_is_not_there(world: World) -> None:
    theirs, ours = business(world, "theirs"), business(world, "ours")
    with world.unchanged():
        for path, body in (
            ("/office/customers", {"name": "Pedro", "assigned_to": theirs.partner.id}),
            ("/office/deals", {"customer": theirs.customer, "partner": ours.partner.id, "title": "A", "value": 1}),
            ("/office/deals", {"customer": ours.customer, "partner": theirs.partner.id, "title": "A", "value": 1}),
            ("/office/commissions", {"deal": theirs.deal, "rate": 2}),
            (f"/office/deals/{ours.deal}/partner", {"partner": theirs.partner.id}),
        ):
            answer = ours.office.post(path, json=body)
            assert answer.status == 404, (path, answer)


# --- signing in


def test_a_partner_who_was_created_by_a_manager_signs_in_with_the_real_hash(world: World) -> None:
    process = world.another_process()  # the tests' own hashes its passwords in a hurry
    manager = process.signed_in(world.user("manager"))
    email, password = f"real{world.head}@example.mx", "Contraseña larga"
    before = world.head
    created = manager.post(
        "/office/users", json={"name": "Rosa Díaz", "email": email, "password": password, "role": "partner"}
    )
    assert created.status == 201, created
    answer = process.visitor().post(f"{PAZZ}/login", json={"email": f" {email.upper()} ", "password": password})
    assert answer.status == 200, answer
    data = answer.json["data"]
    assert data["user"] == {"id": created.json["id"], "name": "Rosa Díaz", "email": email, "role": "partner"}
    assert data["tokenType"] == "Bearer"
    assert data["expiresIn"] == world.settings.access_token_seconds
    assert with_token(world, data["token"]).get(ME).json["data"] == data["user"]
    kept = "select password_hash from credentials where account = %s"
    account = user.stream(world.own, created.json["id"])
    row = world.house.connection.execute(kept, [account]).fetchone()
    assert row is not None
    assert row[0].startswith("$argon2id$")
    assert argon2.extract_parameters(row[0]).memory_cost >= 19 * 1024, "at least what OWASP asks for"
    rows = world.house.connection.execute("select data from events where position > %s", [before]).fetchall()
    assert not any(secret.encode() in row[0] for row in rows for secret in (password, email, "Rosa"))


def test_an_unknown_account_and_a_wrong_password_cannot_be_told_apart(world: World) -> None:
    partner = world.user()
    answers = [
        world.visitor().post(f"{PAZZ}/login", json={"email": email, "password": "not the password"})
        for email in (partner.email, "nobody@example.mx", "not an address", "a\0b@example.mx", "")
    ]
    assert {answer.status for answer in answers} == {401}
    assert {json.dumps(answer.json["error"]) for answer in answers} == {
        json.dumps({"code": "INVALID_CREDENTIALS", "message": "Correo o contraseña incorrectos"}, ensure_ascii=True)
    }


def test_a_crowd_at_the_door_is_told_to_come_back(world: World) -> None:
    process = world.another_process()
    world.patch.setattr(access, "MOST_WAITING", 4)
    login = {"email": world.user().email, "password": PASSWORD}
    released, refused = threading.Event(), itertools.count(1)
    for _ in range(access.HASHING_THREADS):
        process.runtime.passwords._threads.submit(released.wait, 10)

    async def come() -> int:
        """Nobody's password is looked at before the last of those that are refused is."""
        answer = await process.visitor().asking("POST", f"{PAZZ}/login", json=login)
        if answer.status == 503 and next(refused) == 6:
            released.set()
        return answer.status

    assert sorted(world.at_once(*(come() for _ in range(10)))) == [200] * 4 + [503] * 6
    assert process.signed_in(world.user()).get(ME).status == 200, "and then it goes on"


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [("partner", "/office/auth/login", 403), ("manager", f"{PAZZ}/login", 403), ("auditor", "/office/auth/login", 200)],
)
def test_a_frontend_lets_only_its_roles_sign_in(world: World, role: user.Role, path: str, status: int) -> None:
    who = world.user(role)
    assert world.visitor().post(path, json={"email": who.email, "password": PASSWORD}).status == status


def test_the_process_that_ends_a_sign_in_refuses_it_before_it_is_told(world: World) -> None:
    async def deaf(heard: access.Revocations, _: object) -> None:
        heard._known.set()
        await asyncio.Event().wait()

    world.patch.setattr(access.Revocations, "_listen", deaf)
    process, partner = world.another_process(), world.user()
    client, office = process.signed_in(partner), process.signed_in(world.user("admin"))
    assert client.get(ME).status == 200
    office.post(f"/office/users/{partner.id}/standing", json={"active": False})
    assert client.get(ME).status == 401


def test_a_deactivated_user_is_out_at_once_everywhere(world: World) -> None:
    partner = world.user()
    here, there = world.signed_in(partner), world.another_process().signed_in(partner)
    office = world.signed_in(world.user("admin"))
    assert there.get(ME).status == 200
    assert office.post(f"/office/users/{partner.id}/standing", json={"active": False}).json["active"] is False
    assert here.get(ME).status == 401
    until(lambda: there.get(ME).status == 401)
    assert here.signed is not None
    refreshed = world.visitor().post(f"{PAZZ}/refresh", json={"refreshToken": here.signed.refresh_token})
    assert refreshed.status == 401
    refused = world.visitor().post(f"{PAZZ}/login", json={"email": partner.email, "password": PASSWORD})
    assert (refused.status, refused.json["error"]["code"]) == (403, "ACCOUNT_INACTIVE")
    assert office.post(f"/office/users/{partner.id}/standing", json={"active": True}).json["active"] is True
    assert world.visitor().post(f"{PAZZ}/login", json={"email": partner.email, "password": PASSWORD}).status == 200
    assert here.get(ME).status == 401, "the old sign-in stays over"


def test_only_an_admin_decides_about_admins(world: World) -> None:
    admin, manager = world.user("admin"), world.signed_in(world.user("manager"))
    new = {"name": "Eva", "email": f"eva{world.head}@example.mx", "password": PASSWORD, "role": "admin"}
    with world.unchanged():
        assert manager.post("/office/users", json=new).status == 403
        assert manager.post(f"/office/users/{admin.id}/standing", json={"active": False}).status == 403
    assert world.signed_in(admin).post("/office/users", json=new).status == 201


# --- access tokens


def test_an_expired_token_is_refused(world: World) -> None:
    client = world.signed_in(world.user())
    caller = world.runtime.tokens.caller(client.token)
    late = Tokens(world.settings.secret, lifetime=-1)
    assert with_token(world, late.issue(caller)).get(ME).status == 401


def test_a_token_that_was_read_before_still_expires(world: World) -> None:
    client = world.signed_in(world.user())
    assert client.get(ME).status == 200
    over = time.time() + world.settings.access_token_seconds
    world.patch.setattr(access, "time", SimpleNamespace(time=lambda: over))
    assert client.get(ME).status == 401


def forged(token: str, **claims: str) -> str:
    """The token with other claims under the same signature."""
    header, payload, signature = token.split(".")
    known = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**known, **claims}).encode()).rstrip(b"=").decode()
    return f"{header}.{changed}.{signature}"


def test_a_token_that_we_did_not_sign_is_refused(world: World) -> None:
    client = world.signed_in(world.user())
    known = jwt.decode(client.token, options={"verify_signature": False})
    header, payload, signature = client.token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    without = {name: value for name, value in known.items() if name != "sid"}
    for token in (
        forged(client.token, role="admin"),
        forged(client.token, org="other"),
        f"{none}.{payload}.",
        f"{none}.{payload}.{signature}",
        jwt.encode(known, "another secret of thirty-two characters", algorithm="HS256"),
        jwt.encode(known, world.settings.secret + " and thirty-two characters more", algorithm="HS512"),
        jwt.encode(without, world.settings.secret, algorithm="HS256"),
        jwt.encode({**known, "nbf": int(time.time()) + 600}, world.settings.secret, algorithm="HS256"),
        f"{header}.{payload}.{signature[:-2]}",
        f"{header}.{payload}",
        "a.b.c",
        "x" * 20_000,
        "",
    ):
        assert with_token(world, token).get(ME).status == 401, token[:200]


def test_only_the_bearer_scheme_is_a_token(world: World) -> None:
    token = world.signed_in(world.user()).token
    for sent, status in ((f"bearer  {token}", 200), (f"Basic {token}", 401), (token, 401), ("Bearer", 401)):
        assert world.visitor().get(ME, headers={"authorization": sent}).status == status, sent


def test_a_refresh_token_is_no_access_token_nor_the_other_way_round(world: World) -> None:
    client = world.signed_in(world.user())
    assert client.signed is not None
    assert with_token(world, client.signed.refresh_token).get(ME).status == 401
    assert world.visitor().post(f"{PAZZ}/refresh", json={"refreshToken": client.token[:100]}).status == 401
    assert client.get(ME).status == 200


# --- staying signed in, signing out


def refresh(world: World, token: str) -> Answer:
    return world.visitor().post(f"{PAZZ}/refresh", json={"refreshToken": token})


def test_a_refresh_trades_both_tokens(world: World) -> None:
    client = world.signed_in(world.user())
    assert client.signed is not None
    answer = refresh(world, client.signed.refresh_token)
    assert answer.status == 200, answer
    assert answer.json["data"]["refreshToken"] != client.signed.refresh_token
    assert with_token(world, answer.json["data"]["token"]).get(ME).status == 200
    assert client.get(ME).status == 200, "the access token lives until it expires"


def test_a_refresh_token_that_comes_again_ends_the_sign_in(world: World) -> None:
    client = world.signed_in(world.user())
    other = world.signed_in(world.user())
    assert client.signed is not None
    first = refresh(world, client.signed.refresh_token).json["data"]
    leeway_is_over(world)
    assert refresh(world, client.signed.refresh_token).status == 401
    assert refresh(world, first["refreshToken"]).status == 401, "the one that was fresh is over as well"
    until(lambda: with_token(world, first["token"]).get(ME).status == 401)
    assert client.get(ME).status == 401
    assert other.get(ME).status == 200


def leeway_is_over(world: World) -> None:
    """As if every trade had happened so much earlier as a token may be traded once more."""
    earlier = "update sign_ins set rotated_at = array(select t - make_interval(secs => %s) from unnest(rotated_at) t)"
    world.house.connection.execute(earlier, [world.settings.refresh_leeway_seconds])


@pytest.mark.parametrize(
    ("frontend", "sent", "got"),
    [
        ("pazz/api/v1/auth", "refreshToken", ("token", "refreshToken")),
        ("office/auth", "refresh_token", ("access_token", "refresh_token")),
        ("scheduler/api/auth", "refresh_token", ("access_token", "refresh_token")),
    ],
)
def test_tabs_that_refresh_at_once_stay_signed_in(world: World, frontend: str, sent: str, got: tuple[str, str]) -> None:
    """Twenty with one token, in two processes: each may go on with whatever it was answered."""
    client = world.signed_in(world.user("partner" if frontend.startswith("pazz") else "manager"))
    assert client.signed is not None
    second = world.another_process()
    body, path = {sent: client.signed.refresh_token}, f"/{frontend}/refresh"
    visitors = [world.visitor(), second.visitor()] * 10
    answers = world.at_once(*(visitor.asking("POST", path, json=body) for visitor in visitors))
    assert [answer.status for answer in answers] == [200] * 20, answers
    handed = [answer.json.get("data", answer.json) for answer in answers]
    me = f"/{frontend}/me"
    assert {with_token(world, given[got[0]]).get(me).status for given in handed} == {200}
    leeway_is_over(world)
    kept = handed[-1][got[1]]
    assert world.visitor().post(path, json={sent: kept}).status == 200
    leeway_is_over(world)
    assert world.visitor().post(path, json={sent: kept}).status == 401, "traded too long ago"


def test_a_tab_that_comes_late_is_not_let_in_again_by_a_token_of_before_the_logout(world: World) -> None:
    client = world.signed_in(world.user())
    assert client.signed is not None
    fresh = refresh(world, client.signed.refresh_token).json["data"]
    assert with_token(world, fresh["token"]).post(f"{PAZZ}/logout").status == 200
    assert refresh(world, client.signed.refresh_token).status == 401


def test_a_refresh_token_that_expired_is_refused(world: World) -> None:
    brief = world.another_process(refresh_token_seconds=-1)
    client = brief.signed_in(world.user())
    assert client.signed is not None
    assert refresh(world, client.signed.refresh_token).status == 401


def test_a_refresh_reads_the_rights_anew(world: World) -> None:
    who = world.user("viewer")
    client = world.signed_in(who)
    assert client.signed is not None
    changed = user.ChangeUserRole(user=who.id, role="manager", now=world.now)
    world.run(user.DECIDER, who.account, changed)
    answer = world.visitor().post("/office/auth/refresh", json={"refresh_token": client.signed.refresh_token})
    assert answer.json["role"] == "manager", answer
    assert with_token(world, answer.json["access_token"]).get("/office/auth/me").json["role"] == "manager"


def test_signing_out_ends_both_tokens_in_every_process(world: World) -> None:
    partner = world.user()
    second = world.another_process()
    client, other = world.signed_in(partner), world.signed_in(partner)
    elsewhere = Client(second, client.headers)
    assert elsewhere.get(ME).status == 200
    assert client.post(f"{PAZZ}/logout").json == {"success": True, "data": {"signedOut": True}}
    assert client.get(ME).status == 401
    assert client.post(f"{PAZZ}/logout").status == 401
    until(lambda: elsewhere.get(ME).status == 401)
    assert client.signed is not None
    assert refresh(world, client.signed.refresh_token).status == 401
    assert other.get(ME).status == 200, "another sign-in of the same account goes on"


def test_a_process_that_starts_knows_who_signed_out_before(world: World) -> None:
    client = world.signed_in(world.user())
    client.post(f"{PAZZ}/logout")
    assert Client(world.another_process(), client.headers).get(ME).status == 401


def test_old_sign_ins_are_forgotten_and_stay_refused(world: World) -> None:
    tokens = Tokens(world.settings.secret, 60)
    client = world.signed_in(world.user())
    ended: list[str] = []
    tokens.on_revoked(ended.append)
    sign_in = tokens.caller(client.token).sign_in
    tokens.remember_only({sign_in})
    with pytest.raises(identity.Unauthorized):
        tokens.caller(client.token)
    tokens.remember_only(set())
    tokens.revoke("another", "another")
    assert ended == [sign_in, "another"]


# --- cookies


def test_a_cookie_alone_changes_nothing(world: World) -> None:
    token = world.signed_in(world.user()).token
    visitor = world.visitor()
    goal = {"amount": 30_000, "month": "diciembre", "year": 2030}
    with world.unchanged():
        for proof in (None, "", "x", "ÿ", "0" * 40, token):
            sent = {"cookie": f"pazz_access={token}"} | ({"x-csrf-token": proof.encode("latin-1")} if proof else {})
            answer = visitor.post("/pazz/api/v1/goals", json=goal, headers=sent)
            assert (answer.status, answer.json["error"]["code"]) == (403, "CSRF_TOKEN_INVALID"), (proof, answer)
    assert visitor.get(ME, headers={"cookie": f"pazz_access={token}"}).status == 200
    for cookie in ("pazz_access=", "pazz_access=x.y.z", "pazz_access", "=;=;", "pazz_access=\xff", ";" * 1_000):
        assert visitor.get(ME, headers={"cookie": cookie.encode("latin-1")}).status == 401, cookie


# --- sockets


@pytest.mark.parametrize("namespace", ["/", "/pazz"])
def test_a_socket_is_cut_when_its_sign_in_ends(world: World, namespace: str) -> None:
    world.time_is(datetime(2030, 11, 5, tzinfo=UTC))
    partner = world.user()
    client, other = world.signed_in(partner), world.signed_in(partner)
    with (
        SocketIo(world.address, {"token": client.token}, namespace) as cut,
        SocketIo(world.address, {"token": other.token}, namespace) as kept,
    ):
        client.post(f"{PAZZ}/logout")
        assert cut.is_cut()
        other.post("/pazz/api/v1/goals", json={"amount": 40_000, "month": "noviembre", "year": 2030})
        assert kept.event()[0] == "goal:updated"


def test_a_socket_wants_a_token_of_a_partner(world: World) -> None:
    manager = world.signed_in(world.user("manager"))
    out = world.signed_in(world.user())
    out.post(f"{PAZZ}/logout")
    expired = Tokens(world.settings.secret, -1).issue(world.runtime.tokens.caller(manager.token))
    for auth, why in (
        ({"token": manager.token}, "FORBIDDEN"),
        ({"token": out.token}, "UNAUTHORIZED"),
        ({"token": expired}, "UNAUTHORIZED"),
        ({"token": 5}, "UNAUTHORIZED"),
        ({}, "UNAUTHORIZED"),
        (None, "UNAUTHORIZED"),
        ("token", "UNAUTHORIZED"),
        ([1], "UNAUTHORIZED"),
    ):
        with pytest.raises(Refused) as refused:
            SocketIo(world.address, auth)
        assert refused.value.why == why, auth


@pytest.mark.parametrize(
    ("origin", "welcome"), [(ORIGIN, True), (None, True), ("https://evil.example", False), ("null", False)]
)
def test_a_socket_is_for_pages_of_our_origins(world: World, origin: str | None, welcome: bool) -> None:
    token = {"token": world.signed_in(world.user()).token}
    headers = {"origin": origin} if origin else {}
    if welcome:
        SocketIo(world.address, token, headers=headers).close()
    else:
        with pytest.raises(Refused):
            SocketIo(world.address, token, headers=headers)


def test_time_stands_still_when_a_test_says_so(world: World) -> None:
    moment = world.now - timedelta(days=400)
    world.time_is(moment)
    assert world.another_process().runtime.clock() == moment == world.now
