"""A product of the shop's inventory: what a cart may hold.

A product that is not active is kept out of the catalogue but stays in the inventory. One that was removed is in
neither, and can be restored as it was. Its code is unique in the shop, by a claim in the same append.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any, assert_never

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, Invalid, NotFound

MAX_CODE = 60
MAX_CATEGORY = 100
MAX_IMAGES = 20
MAX_IMAGE = 2_000


class ProductAdded(Event):
    """A product came into the inventory. Money in the smallest unit."""

    product: str
    code: str
    name: str
    description: str | None = None
    category: str | None = None
    price: int
    cost: int | None = None
    images: tuple[str, ...] = ()
    active: bool = True
    at: datetime


class ProductChanged(Event):
    """A product was corrected. A field that is absent stayed as it was; null means it was cleared."""

    product: str
    code: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    category: str | UnsetType | None = UNSET
    price: int | UnsetType = UNSET
    cost: int | UnsetType | None = UNSET
    images: tuple[str, ...] | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    at: datetime


class ProductRemoved(Event):
    """A product left the inventory."""

    product: str
    at: datetime


class ProductRestored(Event):
    """A product that had been removed is back, as it was."""

    product: str
    at: datetime


class AddProduct(Command):
    """Take a product into the inventory."""

    product: str
    code: str
    name: str
    description: str | None = None
    category: str | None = None
    price: int
    cost: int | None = None
    images: tuple[str, ...] = ()
    active: bool = True
    now: datetime


class ChangeProduct(Command):
    """Correct a product: a field left `UNSET` stays as it is, None clears it. `known_code` is the code whose claim is
    released for a new one."""

    product: str
    known_code: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    category: str | UnsetType | None = UNSET
    price: int | UnsetType = UNSET
    cost: int | UnsetType | None = UNSET
    images: tuple[str, ...] | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    now: datetime


class RemoveProduct(Command):
    """Take a product out of the inventory. Carts that hold it keep it, and say so."""

    product: str
    known_code: str
    now: datetime


class RestoreProduct(Command):
    """Put a removed product back."""

    product: str
    known_code: str
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    added: bool = False
    removed: bool = False
    code: str = ""
    name: str = ""
    description: str | None = None
    category: str | None = None
    price: int = 0
    cost: int | None = None
    images: tuple[str, ...] = ()
    active: bool = False


FIELDS = ("code", "name", "description", "category", "price", "cost", "images", "active")


def evolve(state: State, event: ProductAdded | ProductChanged | ProductRemoved | ProductRestored) -> State:
    match event:
        case ProductAdded():
            return State(added=True, **{field: getattr(event, field) for field in FIELDS})
        case ProductChanged():
            given = {field: getattr(event, field) for field in FIELDS}
            return replace(state, **{field: value for field, value in given.items() if value is not UNSET})
        case ProductRemoved():
            return replace(state, removed=True)
        case ProductRestored():
            return replace(state, removed=False)
        case _:
            assert_never(event)


def decide(state: State, command: AddProduct | ChangeProduct | RemoveProduct | RestoreProduct) -> list[Event]:
    """Refuses with TEXT_*, AMOUNT_OUT_OF_RANGE, IMAGES_TOO_MANY (Invalid), PRODUCT_NOT_FOUND (NotFound),
    PRODUCT_ALREADY_EXISTS and PRODUCT_CHANGED (Conflict)."""
    if isinstance(command, AddProduct):
        return add(state, command)
    if not state.added:
        raise NotFound("PRODUCT_NOT_FOUND", product=command.product)
    match command:
        case ChangeProduct():
            return change(state, command)
        case RemoveProduct():
            _check_code(state, command)
            return [] if state.removed else [ProductRemoved(product=command.product, at=command.now)]
        case RestoreProduct():
            _check_code(state, command)
            return [ProductRestored(product=command.product, at=command.now)] if state.removed else []
        case _:
            assert_never(command)


def add(state: State, command: AddProduct) -> list[Event]:
    added = ProductAdded(
        product=command.product,
        code=values.text(command.code, "code", MAX_CODE),
        name=values.text(command.name, "name"),
        description=_description(command.description),
        category=_category(command.category),
        price=values.money(command.price, "price"),
        cost=_cost(command.cost),
        images=_images(command.images),
        active=command.active,
        at=command.now,
    )
    if not state.added:
        return [added]
    if not state.removed and evolve(state, added) == state:
        return []
    raise Conflict("PRODUCT_ALREADY_EXISTS", product=command.product)


def change(state: State, command: ChangeProduct) -> list[Event]:
    if state.removed:
        raise NotFound("PRODUCT_NOT_FOUND", product=command.product)
    new: dict[str, Any] = {
        "code": UNSET if command.code is UNSET else values.text(command.code, "code", MAX_CODE),
        "name": UNSET if command.name is UNSET else values.text(command.name, "name"),
        "description": UNSET if command.description is UNSET else _description(command.description),
        "category": UNSET if command.category is UNSET else _category(command.category),
        "price": UNSET if command.price is UNSET else values.money(command.price, "price"),
        "cost": UNSET if command.cost is UNSET else _cost(command.cost),
        "images": UNSET if command.images is UNSET else _images(command.images),
        "active": command.active,
    }
    new = {field: value for field, value in new.items() if value is not UNSET and value != getattr(state, field)}
    if not new:
        return []
    if "code" in new and command.known_code != state.code:
        raise Conflict("PRODUCT_CHANGED", product=command.product)
    return [ProductChanged(product=command.product, at=command.now, **new)]


def _check_code(state: State, command: RemoveProduct | RestoreProduct) -> None:
    """The claim that goes or comes with the product is the one on its code of today."""
    if command.known_code != state.code:
        raise Conflict("PRODUCT_CHANGED", product=command.product)


def _description(written: str | None) -> str | None:
    return values.optional_text(written, "description", values.MAX_TEXT, lines=True)


def _category(written: str | None) -> str | None:
    return values.optional_text(written, "category", MAX_CATEGORY)


def _cost(amount: int | None) -> int | None:
    return None if amount is None else values.money(amount, "cost")


def _images(written: tuple[str, ...]) -> tuple[str, ...]:
    if len(written) > MAX_IMAGES:
        raise Invalid("IMAGES_TOO_MANY", field="images", maximum=MAX_IMAGES)
    return tuple(values.text(image, "images", MAX_IMAGE) for image in written)


def compared(code: str) -> str:
    """The form in which codes are compared: without regard to letter case."""
    return unicodedata.normalize("NFC", code).strip().casefold()


def stream(organization: str, product: str) -> str:
    return values.stream_name("product", organization, product)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
