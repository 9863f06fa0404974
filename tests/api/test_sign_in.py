"""Looking at a password takes its time: nobody is let in to an account that they lost meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from api import access
from eventstore import sign_ins
from tests.support.http import CHEAP, PASSWORD, PATIENCE, Answer, User, World, until

LOGINS = {
    "partner": ("/pazz/api/v1/auth/login", "email"),
    "sales": ("/scheduler/api/auth/login", "email"),
    "manager": ("/office/auth/login", "email"),
    "shopper": ("/tienda/auth/clientes/login", "usuario"),
}


def deactivate(world: World, who: User) -> None:
    path = f"/office/shoppers/{who.id}" if who.role == "shopper" else f"/office/users/{who.id}"
    office = world.signed_in(world.user("admin", organization=who.organization))
    assert office.post(f"{path}/standing", json={"active": False}).status == 200


def set_another_password(world: World, who: User) -> None:
    async def set_it() -> None:
        async with world.runtime.connection() as connection, connection.transaction():
            await sign_ins.set_password(connection, who.account, CHEAP.hash("quite another"))
            await sign_ins.revoke_all(connection, who.account)

    world.loop.run(set_it())


@pytest.mark.parametrize("role", LOGINS)
@pytest.mark.parametrize(("meanwhile", "status"), [(deactivate, 403), (set_another_password, 401)])
def test_who_loses_the_account_while_signing_in_is_not_let_in(
    world: World, role: str, meanwhile: Callable[[World, User], None], status: int
) -> None:
    who = world.shopper() if role == "shopper" else world.user(role)  # type: ignore[arg-type]
    path, name = LOGINS[role]
    process, released = world.another_process(), threading.Event()
    process.runtime.passwords._hasher = CHEAP
    for _ in range(access.HASHING_THREADS):
        process.runtime.passwords._threads.submit(released.wait, PATIENCE)
    come = process.visitor().asking("POST", path, json={name: who.email, "password": PASSWORD})
    coming = asyncio.run_coroutine_threadsafe(come, world.loop.loop)
    try:
        until(lambda: process.runtime.passwords._waiting > 0)
        meanwhile(world, who)
    finally:
        released.set()
    answer: Answer = coming.result(PATIENCE)
    assert answer.status == status, answer
    alive = "select sign_in from sign_ins where account = %s and revoked_at is null"
    assert world.house.connection.execute(alive, [who.account]).fetchall() == []
