"""Two devices and one cart, at random, against a plain model of what must come of it."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.api.tienda.conftest import Buyer, Shop, item

PRODUCTS = 4
Line = tuple[int, int, int]
"""Which product, how many, and which look of it."""
CARTS = st.lists(st.tuples(st.integers(0, PRODUCTS - 1), st.integers(1, 3), st.integers(0, 1)), max_size=5)
DEVICES = st.integers(0, 1)


def wire(products: list[str], lines: list[Line]) -> list[dict[str, Any]]:
    """The lines as a device sends them."""
    return [item(products[product], quantity, precio=look) for product, quantity, look in lines]


def merged(lines: list[Line]) -> list[Line]:
    """One line for each product: the place of the first, the sum, the look of the last."""
    found: dict[int, Line] = {}
    for product, quantity, look in lines:
        before = found.get(product, (product, 0, look))
        found[product] = (product, before[1] + quantity, look)
    return list(found.values())


def machine(shop: Shop) -> type[RuleBasedStateMachine]:
    """The story of one cart in this shop."""

    class TwoDevices(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.versions: list[list[Line]] = []
            self.cart: list[Line] | None = None
            self.gone: set[int] = set()
            self.view: str | None = None

        @initialize()
        def begin(self) -> None:
            buyer = shop.buyer()
            self.devices: list[Buyer] = [buyer, buyer.another_device()]
            self.products = [shop.product() for _ in range(PRODUCTS)]

        def holds(self, lines: list[Line]) -> None:
            if self.cart != lines:
                self.versions.append(lines)
                self.cart = lines

        @rule(device=DEVICES, lines=CARTS)
        def save(self, device: int, lines: list[Line]) -> None:
            shop.world.forget_limits()
            answer = self.devices[device].save(*wire(self.products, lines))
            if any(product in self.gone for product, _, _ in lines):
                assert answer.status == 422, answer
            else:
                assert answer.status == 200, answer
                self.holds(merged(lines))

        @rule(device=DEVICES, lines=st.none() | CARTS, view=st.sampled_from([None, "inicio", "carrito"]))
        def save_all(self, device: int, lines: list[Line] | None, view: str | None) -> None:
            body: dict[str, Any] = {"preferencias": view and {"vista_activa": view}}
            if lines is not None:
                body["carrito"] = {"items": wire(self.products, lines)}
            answer = self.devices[device].post("/auto-guardar", body)
            if any(product in self.gone for product, _, _ in lines or ()):
                assert answer.status == 422, answer
                return
            assert answer.status == 200, answer
            changed = lines is not None and merged(lines) != self.cart
            assert answer.json["carrito_actualizado"] is changed
            assert answer.json["preferencias_actualizadas"] is (view is not None and view != self.view)
            self.view = view or self.view
            if lines is not None:
                self.holds(merged(lines))

        @rule(first=CARTS, second=CARTS)
        def save_at_once(self, first: list[Line], second: list[Line]) -> None:
            if any(product in self.gone for product, _, _ in [*first, *second]):
                return
            answers = shop.world.at_once(
                *(
                    device.http.asking("PUT", f"{device.path}/carrito", json={"items": wire(self.products, lines)})
                    for device, lines in zip(self.devices, (first, second), strict=True)
                )
            )
            assert [answer.status for answer in answers] == [200, 200]
            last = self.shown()
            assert last in (wire(self.products, merged(first)), wire(self.products, merged(second)))
            ends_with_second = last == wire(self.products, merged(second))
            for lines in (first, second) if ends_with_second else (second, first):
                self.holds(merged(lines))

        @rule(product=st.integers(0, PRODUCTS - 1))
        def remove_or_restore(self, product: int) -> None:
            path = f"/office/products/{self.products[product]}"
            if product in self.gone:
                assert shop.office.post(f"{path}/restoration").status == 200
            else:
                assert shop.office.delete(path).status == 200
            self.gone ^= {product}

        # Drawn before it is known how many versions there are: the race of two savings decides on that.
        @rule(turn=st.integers(0, 30))
        def restore(self, turn: int) -> None:
            if not self.versions:
                return
            version = turn % len(self.versions) + 1
            path = f"/office/shoppers/{self.devices[0].id}/cart/restoration"
            assert shop.office.post(path, json={"version": version}).status == 200
            self.holds(self.versions[version - 1])

        def shown(self) -> list[dict[str, Any]]:
            """What is stored, in whatever list it is shown, in its order."""
            answer = self.devices[0].get("/carrito")
            assert answer.status == 200, answer
            gone = {self.products[product] for product in self.gone}
            assert all(line["itemId"] not in gone for line in answer.json["items"])
            assert all(line["itemId"] in gone for line in answer.json["items_no_disponibles"])
            lines = {line["itemId"]: line for line in (*answer.json["items"], *answer.json["items_no_disponibles"])}
            path = f"/office/shoppers/{self.devices[0].id}/cart"
            return [lines[line["item"]] for line in shop.office.get(path).json["items"]]

        @invariant()
        def both_devices_find_what_was_saved_last(self) -> None:
            shop.world.forget_limits()
            if self.cart is None:
                assert self.devices[1].get("/carrito").status == 404
                return
            assert self.shown() == wire(self.products, self.cart)
            assert self.devices[1].get("/carrito").json == self.devices[0].get("/carrito").json

        def teardown(self) -> None:
            """Every version that there was is in the history, in its order, and can be looked at."""
            path = f"/office/shoppers/{self.devices[0].id}/cart"
            history = shop.office.get(f"{path}/history", params={"limit": 200}).json["items"]
            quantities = [change["quantities"] for change in reversed(history)]
            assert quantities == [
                {self.products[product]: quantity for product, quantity, _ in lines} for lines in self.versions
            ]
            for version, lines in enumerate(self.versions, 1):
                shop.world.forget_limits()
                found = shop.office.get(f"{path}/versions/{version}").json["items"]
                assert [
                    {"itemId": line["item"], "item": line["snapshot"], "cantidad": line["quantity"]} for line in found
                ] == wire(self.products, lines)

    return TwoDevices


def test_two_devices_and_one_cart(shop: Shop) -> None:
    run_state_machine_as_test(
        machine(shop),
        settings=settings(
            max_examples=25,
            stateful_step_count=15,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
