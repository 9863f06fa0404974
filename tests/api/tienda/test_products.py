"""Products in the office: entered, corrected, removed, restored, imported from a table."""

from __future__ import annotations

from typing import Any

import pytest

from domain.product import MAX_CODE
from tests.api.tienda.conftest import Shop
from tests.support.http import Answer

PATH = "/office/products"


def load(shop: Shop, text: str | bytes) -> Answer:
    body = text if isinstance(text, bytes) else text.encode()
    return shop.office.post(f"{PATH}/import", body=body, headers={"content-type": "text/csv"})


def test_a_product_is_entered_and_shown(shop: Shop) -> None:
    body = {"code": "P-1", "name": "Puerta", "price": 250.5, "cost": 99.99, "images": ["a.jpg"], "category": "Puertas"}
    created = shop.office.post(PATH, json=body)
    assert created.status == 201, created
    assert {name: created.json[name] for name in body} == body
    assert (created.json["active"], created.json["removed"], len(created.json["id"])) == (True, False, 24)
    assert shop.office.get(f"{PATH}/{created.json['id']}").json == created.json


def test_a_product_is_corrected_in_what_is_mentioned(shop: Shop) -> None:
    product = shop.product("Puerta", 250, description="Maciza", category="Puertas")
    path = f"{PATH}/{product}"
    before = shop.office.get(path).json
    changed = shop.office.patch(path, json={"price": 99.5, "description": None, "active": False})
    assert changed.json == {**before, "price": 99.5, "description": None, "active": False}
    with shop.world.unchanged():
        assert shop.office.patch(path, json={"price": 99.5, "name": " Puerta "}).json == changed.json
        assert shop.office.patch(path, json={}).json == changed.json


def test_a_code_belongs_to_one_product_of_the_shop(shop: Shop) -> None:
    first = shop.product(code="AB-1")
    second = shop.product(code="AB-2")
    with shop.world.unchanged():
        assert shop.office.post(PATH, json={"code": "ab-1 ", "name": "Otra", "price": 1}).status == 409
        assert shop.office.patch(f"{PATH}/{second}", json={"code": "AB-1"}).status == 409
    assert shop.office.patch(f"{PATH}/{first}", json={"code": "AB-3"}).status == 200
    assert shop.office.patch(f"{PATH}/{second}", json={"code": "AB-1"}).status == 200
    assert shop.office.patch(f"{PATH}/{second}", json={"code": "ab-1"}).json["code"] == "ab-1"
    other = shop.world.signed_in(shop.world.user("manager", organization=shop.world.organization("other")))
    assert other.post(PATH, json={"code": "AB-1", "name": "Suya", "price": 1}).status == 201


def test_a_removed_product_frees_its_code_and_comes_back_only_while_it_is_free(shop: Shop) -> None:
    product = shop.product(code="AB-1")
    assert shop.office.delete(f"{PATH}/{product}").json["removed"] is True
    with shop.world.unchanged():
        assert shop.office.delete(f"{PATH}/{product}").status == 200
        assert shop.office.patch(f"{PATH}/{product}", json={"price": 5}).status == 404
    assert [found["id"] for found in shop.office.get(PATH, params={"removed": True}).json["items"]] == [product]
    assert shop.office.get(PATH).json["items"] == []
    taker = shop.product(code="ab-1")
    assert shop.office.post(f"{PATH}/{product}/restoration").status == 409
    shop.office.delete(f"{PATH}/{taker}")
    assert shop.office.post(f"{PATH}/{product}/restoration").json["removed"] is False
    with shop.world.unchanged():
        assert shop.office.post(f"{PATH}/{product}/restoration").status == 200
    assert shop.office.post(f"{PATH}/{taker}/restoration").status == 409


def test_products_come_in_pages(shop: Shop) -> None:
    made = sorted(shop.product() for _ in range(5))
    found: list[str] = []
    after = ""
    while True:
        page = shop.office.get(PATH, params={"limit": 2, "after": after}).json
        found += [product["id"] for product in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert found == made


@pytest.mark.parametrize(
    "changes",
    [
        {"code": ""},
        {"code": "x" * (MAX_CODE + 1)},
        {"name": " "},
        {"price": -1},
        {"price": 1.999},
        {"price": 1e20},
        {"cost": -0.01},
        {"images": ["x"] * 21},
        {"images": [""]},
        {"images": ["x" * 2_001]},
        {"active": "yes"},
        {"zzz": 1},
    ],
)
def test_what_is_no_product_is_refused(shop: Shop, changes: dict[str, Any]) -> None:
    with shop.world.unchanged():
        answer = shop.office.post(PATH, json={"code": "P", "name": "Puerta", "price": 1, **changes})
        assert answer.status == 400, answer


def test_staff_look_and_managers_change(shop: Shop) -> None:
    product = shop.product()
    viewer = shop.world.signed_in(shop.world.user("viewer", organization=shop.organization))
    assert viewer.get(f"{PATH}/{product}").status == 200
    for method, path in (("POST", PATH), ("PATCH", f"{PATH}/{product}"), ("DELETE", f"{PATH}/{product}")):
        assert viewer.send(method, path, json={}).status == 403
    assert viewer.post(f"{PATH}/import", body=b"code,name,price", headers={"content-type": "text/csv"}).status == 403
    partner = shop.world.signed_in(shop.world.user("partner", organization=shop.organization))
    assert partner.get(PATH).status == 403


# --- tables


def test_a_table_adds_what_is_new_and_corrects_what_is_known(shop: Shop) -> None:
    known = shop.product("Puerta", 100, code="P-1", category="Puertas", description="Maciza")
    same = shop.product("Ventana", 80, code="V-1")
    answer = load(shop, "code,name,price\nP-1,Puerta nueva,120.5\nV-1,Ventana,80\nZ-1,Zócalo,3\n")
    assert answer.json == {"added": 1, "changed": 1, "unchanged": 1}
    found = shop.office.get(f"{PATH}/{known}").json
    assert (found["name"], found["price"]) == ("Puerta nueva", 120.5)
    assert (found["category"], found["description"]) == ("Puertas", "Maciza"), (
        "columns that are not there are left alone"
    )
    assert shop.office.get(f"{PATH}/{same}").json["name"] == "Ventana"
    with shop.world.unchanged():
        again = load(shop, "code,name,price\nP-1,Puerta nueva,120.50\nV-1,Ventana,80\nZ-1,Zócalo,3\n")
        assert again.json == {"added": 0, "changed": 0, "unchanged": 3}


def test_a_table_may_come_from_a_spanish_spreadsheet(shop: Shop) -> None:
    text = (
        "\ufeffCódigo;Nombre;Descripción;Categoría;Precio;Costo;Imágenes;Activo;Notas\r\n"
        'P-1;"Puerta ""Ñandú""; roble";"Dos\r\nlíneas";Puertas;1250,5;900;a.jpg | b.jpg;sí;nada\r\n'
        ";;;;;;;;\r\n"
        "V-1;Ventana;;;80;;;no;\r\n"
    )
    assert load(shop, text).json == {"added": 2, "changed": 0, "unchanged": 0}
    products = {product["code"]: product for product in shop.office.get(PATH).json["items"]}
    door, window = products["P-1"], products["V-1"]
    assert (door["name"], door["price"], door["cost"]) == ('Puerta "Ñandú"; roble', 1250.5, 900)
    assert (door["description"], door["images"]) == ("Dos\nlíneas", ["a.jpg", "b.jpg"])
    assert (window["description"], window["cost"], window["images"], window["active"]) == (None, None, [], False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "csv columns missing"),
        ("code,name\nP,Puerta\n", "price"),
        ("code,name,price\nP-1,Puerta,100\nP-2,,100\n", "line 3"),
        ("code,name,price\nP-1,Puerta,cien\n", "not an amount"),
        ("code,name,price\nP-1,Puerta,-5\n", "not an amount"),
        ("code,name,price\nP-1,Puerta,1.234\n", "not an amount"),
        ("code,name,price\nP-1,Puerta,1\nP-1,Otra,2\n", "the same as in line 2"),
        ("code,name,price\nP-1,Puerta,1\np-1,Otra,2\n", "the same as in line 2"),
        (f"code,name,price\n{'x' * 61},Puerta,1\n", "line 2"),
        ("code,name,price,active\nP-1,Puerta,1,quizás\n", "neither yes nor no"),
        ('code,name,price\n"P-1,Puerta,1\n', "csv unreadable"),
        (b"code,name,price\n\xff,Puerta,1\n", "not in UTF-8"),
        ("code,name,price\n" + "".join(f"P-{n},Puerta,1\n" for n in range(2_001)), "csv too long"),
        ("code,name,price\nP-1,Pue\0rta,1\n", "line"),
    ],
)
def test_a_wrong_line_stops_the_whole_table_and_is_named(shop: Shop, text: str | bytes, told: str) -> None:
    with shop.world.unchanged():
        answer = load(shop, text)
        assert answer.status == 400, answer
        assert told in answer.json["error"]["message"], answer


def test_a_code_that_differs_in_letter_case_is_taken_and_its_line_is_named(shop: Shop) -> None:
    shop.product(code="P-1")
    with shop.world.unchanged():
        answer = load(shop, "code,name,price\nN-1,Nueva,1\np-1,Otra,2\n")
        assert answer.status == 409
        assert answer.json["error"]["message"] == "value taken: kind product_code, line 3, known P-1"


def test_the_description_says_that_a_table_is_taken(shop: Shop) -> None:
    described = shop.office.get("/office/docs/openapi.json").json["paths"]["/products/import"]["post"]
    assert described["requestBody"]["content"] == {"text/csv": {"schema": {"type": "string"}}}


def test_a_large_table_comes_in_whole(shop: Shop) -> None:
    before = shop.world.head
    text = "code,name,price\n" + "".join(f"P-{n},Puerta {n},{n + 1}.5\n" for n in range(2_000))
    assert load(shop, text).json == {"added": 2_000, "changed": 0, "unchanged": 0}
    assert len({recorded.recorded_at for recorded in shop.world.events(before)}) == 1, "one append"
    assert load(shop, text).json == {"added": 0, "changed": 0, "unchanged": 2_000}


def test_a_retried_import_is_done_once(shop: Shop) -> None:
    headers = {"content-type": "text/csv", "idempotency-key": "table"}
    body = b"code,name,price\nP-1,Puerta,1\nP-2,Puerta,2\n"
    first = shop.office.post(f"{PATH}/import", body=body, headers=headers)
    with shop.world.unchanged():
        again = shop.office.post(f"{PATH}/import", body=body, headers=headers)
    assert first.json == again.json == {"added": 2, "changed": 0, "unchanged": 0}
