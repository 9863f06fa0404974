"""Finding back in with a code of six digits: mailed, verified, used once, guessed a few times at most."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from eventstore.recovery_codes import GUESSES
from tests.api.tienda.conftest import Buyer, Shop
from tests.support.http import Answer

AUTH = "/tienda/auth/clientes"


@pytest.fixture(autouse=True)
def letters(shop: Shop, tmp_path: Path) -> Path:
    """Where mail goes."""
    performer = shop.world.house.performer
    changed = msgspec.structs.replace(performer.settings, mail_url=tmp_path.as_uri())
    shop.world.patch.setattr(performer, "settings", changed)
    return tmp_path


def ask(shop: Shop, **who: str) -> Answer:
    return shop.stranger.post(f"{AUTH}/forgot-password/", json=who)


def verify(shop: Shop, code: str, **who: str) -> Answer:
    return shop.stranger.post(f"{AUTH}/verify-code/", json={**who, "codigo": code})


def reset(shop: Shop, code: str, password: str = "nueva clave", **who: str) -> Answer:
    return shop.stranger.post(f"{AUTH}/reset-password/", json={**who, "codigo": code, "nueva_password": password})


def mailed(shop: Shop, letters: Path, **who: str) -> str:
    """Ask for a code, and read the letter."""
    assert ask(shop, **who).status == 200
    shop.world.react()
    letter = sorted(letters.iterdir())[-1].read_bytes().decode()
    found = re.search(r"^([0-9]{6})\r?$", letter, re.MULTILINE)
    assert found, letter
    return found[1]


def other(code: str) -> str:
    """Another code."""
    return f"{(int(code) + 1) % 1_000_000:06}"


@pytest.mark.parametrize("by", ["email", "usuario"])
def test_somebody_sets_another_password_with_a_mailed_code(shop: Shop, buyer: Buyer, letters: Path, by: str) -> None:
    who = {by: {"email": f"{buyer.username}@example.com", "usuario": buyer.username.upper()}[by]}
    code = mailed(shop, letters, **who)
    assert verify(shop, code, **who).json == {"message": "Código verificado", "valido": True}
    assert reset(shop, f" {code} ", **who).status == 200
    assert buyer.get().status == 401
    assert shop.login(buyer.username).status == 401
    assert shop.login(buyer.username, "nueva clave").status == 200


def test_the_new_password_may_have_either_name(shop: Shop, buyer: Buyer, letters: Path) -> None:
    who = {"usuario": buyer.username}
    code = mailed(shop, letters, **who)
    verify(shop, code, **who)
    body = {**who, "codigo": code, "new_password": "nueva clave"}
    assert shop.stranger.post(f"{AUTH}/reset-password", json=body).status == 200
    assert shop.login(buyer.username, "nueva clave").status == 200


def test_asking_tells_nothing_about_who_has_an_account(shop: Shop, buyer: Buyer, letters: Path) -> None:
    asked = [{"usuario": buyer.username}, {"usuario": "nadie"}, {"email": "nadie@example.com"}, {"email": "a\0b"}, {}]
    answers = [ask(shop, **who) for who in asked]
    assert {answer.text for answer in answers} == {
        '{"message":"Si la cuenta existe, te enviamos un código a su correo"}'
    }
    shop.world.react()
    assert len(list(letters.iterdir())) == 1


def test_the_code_stands_nowhere_but_in_the_letter(shop: Shop, buyer: Buyer, letters: Path) -> None:
    before = shop.world.head
    code = mailed(shop, letters, usuario=buyer.username)
    connection = shop.world.house.connection
    rows = connection.execute("select data from events where position > %s", [before]).fetchall()
    assert shop.happened(before) == ["RecoveryRequested"]
    assert not any(code.encode() in data for (data,) in rows)
    kept = connection.execute("select digest from recovery_codes where account like %s", [f"%{buyer.id}"]).fetchall()
    assert len(kept) == 1
    assert code not in kept[0][0]


def test_a_code_has_to_be_verified_first(shop: Shop, buyer: Buyer, letters: Path) -> None:
    who = {"usuario": buyer.username}
    code = mailed(shop, letters, **who)
    answer = reset(shop, code, **who)
    assert (answer.status, answer.json["message"]) == (400, "El código no es válido o ya caducó")
    assert verify(shop, code, **who).status == 200
    assert reset(shop, code, **who).status == 200


def test_a_code_works_once(shop: Shop, buyer: Buyer, letters: Path) -> None:
    who = {"usuario": buyer.username}
    code = mailed(shop, letters, **who)
    assert verify(shop, code, **who).status == 200
    assert verify(shop, code, **who).status == 200
    answers = shop.world.at_once(
        *(
            shop.stranger.asking(
                "POST", f"{AUTH}/reset-password", json={**who, "codigo": code, "nueva_password": f"clave {number}"}
            )
            for number in range(4)
        )
    )
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]
    assert verify(shop, code, **who).status == 400


def test_a_code_is_good_for_fifteen_minutes(shop: Shop, buyer: Buyer, letters: Path) -> None:
    who, now = {"usuario": buyer.username}, shop.world.now
    code = mailed(shop, letters, **who)
    shop.world.time_is(now + timedelta(minutes=14))
    assert verify(shop, code, **who).status == 200
    shop.world.time_is(now + timedelta(minutes=16))
    assert verify(shop, code, **who).status == 400
    assert reset(shop, code, **who).status == 400
    assert shop.login(buyer.username).status == 200


def test_a_new_code_ends_the_one_before(shop: Shop, buyer: Buyer, letters: Path) -> None:
    who = {"usuario": buyer.username}
    first = mailed(shop, letters, **who)
    verify(shop, first, **who)
    second = mailed(shop, letters, **who)
    if first != second:
        assert reset(shop, first, **who).status == 400
        assert reset(shop, second, **who).status == 400, "not verified yet"
    assert verify(shop, second, **who).status == 200
    assert reset(shop, second, **who).status == 200


@pytest.mark.parametrize("how", [verify, reset])
def test_few_wrong_guesses_end_a_code(shop: Shop, buyer: Buyer, letters: Path, how: object) -> None:
    who = {"usuario": buyer.username}
    code = mailed(shop, letters, **who)
    if how is reset:
        verify(shop, code, **who)
    for _ in range(GUESSES):
        assert how(shop, other(code), **who).status == 400  # type: ignore[operator]
    assert verify(shop, code, **who).status == 400
    assert reset(shop, code, **who).status == 400


def test_guesses_made_at_once_are_counted_all(shop: Shop, buyer: Buyer, letters: Path) -> None:
    who = {"usuario": buyer.username}
    code = mailed(shop, letters, **who)
    wrong = {**who, "codigo": other(code)}
    shop.world.at_once(*(shop.stranger.asking("POST", f"{AUTH}/verify-code", json=wrong) for _ in range(GUESSES)))
    assert verify(shop, code, **who).status == 400


def test_guessing_is_limited_beyond_one_code(shop: Shop, buyer: Buyer) -> None:
    answers = [verify(shop, f"{number:06}", usuario=buyer.username) for number in range(11)]
    assert [answer.status for answer in answers] == [400] * 10 + [429]


def test_asking_again_and_again_is_limited(shop: Shop, buyer: Buyer) -> None:
    assert [ask(shop, usuario=buyer.username).status for _ in range(4)] == [200, 200, 200, 429]


@pytest.mark.parametrize("password", ["12345", "x" * 201, ""])
def test_the_new_password_has_its_limits(shop: Shop, buyer: Buyer, letters: Path, password: str) -> None:
    who = {"usuario": buyer.username}
    code = mailed(shop, letters, **who)
    verify(shop, code, **who)
    refused = reset(shop, code, password, **who)
    assert refused.status == 422
    if len(password) < 6:
        assert refused.json["detail"] == "La contraseña debe tener entre 6 y 200 caracteres"
    assert reset(shop, code, **who).status == 200, "the code was not used up"


def test_nothing_is_mailed_to_an_inactive_client(shop: Shop, buyer: Buyer, letters: Path) -> None:
    shop.office.post(f"/office/shoppers/{buyer.id}/standing", json={"active": False})
    with shop.world.unchanged():
        assert ask(shop, usuario=buyer.username).status == 200
    shop.world.react()
    assert not list(letters.iterdir())
