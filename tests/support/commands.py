"""Commands at random, for every aggregate: each field takes values by its name where it has rules, else by its type.

Ids come from a pool of two, so that commands meet; a good part of the other values lies just outside a limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from domain import deal, level, pipeline, scheduled_message
from domain.model import Command
from domain.values import LEVELS, ROLES, Month

START = datetime(2025, 10, 1, tzinfo=UTC)
PRICES = [1, 50_000, 1_245_000_00]


def mostly(right: Sequence[Any], wrong: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of the right values, three times as often as one of the wrong."""
    return st.sampled_from([*list(right) * (3 * len(wrong)), *list(wrong) * len(right)])


WORDS = mostly(
    ["Ana", " Ana  ", "Pedro Juan", "\u0645\u062d\u0645\u062f", "a\u0301", "x" * 200],
    ["", "   ", "nul\0", "two\nlines", "x" * 201, "x" * 5_001, "\ud800"],
)
STAGES = sorted({name for line in pipeline.PIPELINES.values() for name in line.names})

BY_NAME: Mapping[str, st.SearchStrategy[Any]] = {
    "name": WORDS,
    "title": WORDS,
    "subtitle": WORDS,
    "note": WORDS,
    "reason": WORDS,
    "region": mostly(["MX-CMX", "MX-JAL", ""], ["nul\0"]),
    "email": mostly(["ana@example.mx", "ANA@example.mx", "bo@example.mx"], ["nobody", "a@b", "a b@c.mx"]),
    "phone": mostly(["+52 155 9877 2310", "5215598772310", "00966 50 123 4567"], ["12", "call me", "+" + "1" * 16]),
    "role": mostly(ROLES, ["captain"]),
    "pipeline": mostly([*pipeline.PIPELINES], ["oil"]),
    "stage": mostly(STAGES, ["moon"]),
    "digest": st.sampled_from(["0" * 64, "f" * 64]),
    "image_url": mostly(["https://cdn.example.mx/a.jpg"], ["https://cdn.example.mx/a?w=1", "http://a.mx/a"]),
    "terms_url": mostly(["https://example.mx/terms?of=a"], ["ftp://a.mx/a", "https://[", "nul\0"]),
    "amount": mostly([1, 100_000, 2_000_000], [-1, 0, 99_999, 100_000_001, 10**15 + 1]),
    "sale": mostly([0, 50, 450_000_000], [-1, 10**15 + 1]),
    "value": mostly([0, 50, 450_000_000], [-1, 10**15 + 1]),
    "rate": mostly([0, 200, 10_000], [-1, 10_001]),
    "percentage": mostly([0, 45, 100], [-1, 101]),
    "priority": mostly([1, 100], [0, 1_001]),
    "vehicle_year": mostly([2_025, 2_026], [0, -1, 3_000]),
    "month": mostly([Month(2025, 10), Month(2026, 1)], [Month(2025, 9), Month(2031, 1)]),
    "current_month": mostly([Month(2025, 10)], [Month(2026, 1)]),
    "valid_from": mostly(
        [START, START + timedelta(days=10)], [START + timedelta(days=400), START.replace(tzinfo=None)]
    ),
    "valid_to": mostly([START + timedelta(days=20), START + timedelta(days=30)], [START]),
    "original_price": st.sampled_from(PRICES),
    "final_price": st.sampled_from(PRICES),
    "bonus_amount": mostly([0, 1], [100_000_00]),
    "months": mostly([12, 24], [0]),
    "content": mostly(["Hola", "Hola <3 a todos", "a\u0301"], ["", "<b>x</b>", "x" * 4_097, "HOLA " * 10]),
    "scheduled_for": mostly([START + timedelta(days=10)], [START, START.replace(tzinfo=None)]),
    "last": mostly([START + timedelta(days=400)], [START]),
    "timezone": mostly(["Europe/Madrid"], ["no zone"]),
    "repeated": mostly([0, 1], [5]),
    "recipients": mostly([("a",), ("a", "b", "a")], [()]),
    "late": mostly([7 * 24 * 3_600], [0, -1]),
    "sent": mostly([1], [0]),
    "failed": mostly([0], [1]),
    "username": mostly(["ana", "Ana L\u00f3pez"], ["x", "nul\0"]),
    "quantity": mostly([1, 2], [0, 100_001]),
    "snapshot": mostly([{"nombre": "Puerta"}, {"precio": 1.5, "imagenes": []}], [{"nombre": "x" * 40_000}]),
    "ladder": st.sampled_from(
        [
            level.LADDER,
            tuple(msgspec.structs.replace(rung, sales=rung.sales // 1_000) for rung in level.LADDER),
            level.LADDER[::-1],
            level.LADDER[:1],
        ]
    ),
    "description": WORDS,
    "file_name": WORDS,
    "outcomes": mostly(["c", "cuse"], ["x", ""]),
    "rows": mostly([1, 5], [0, -1]),
    "row": mostly([1, 50], [0, 2**31]),
    "part": mostly([1, 2], [0, 50]),
    "phone_was": mostly([None], ["+5210"]),
    "name_was": mostly([None], ["x"]),
    "levels": mostly([(), ("legend",), LEVELS], [("captain",), LEVELS * 2]),
}

TEXT = st.sampled_from(["a", "b"])
NUMBER = st.sampled_from([-1, 0, 1, 50, 10**15 + 1])
MOMENT = st.sampled_from([START, START + timedelta(days=10), START + timedelta(days=20), START + timedelta(days=400)])
MONTH = st.sampled_from([Month(2025, 10), Month(2025, 11)])


def commands(classes: Iterable[type[Command]]) -> st.SearchStrategy[Command]:
    """Any command of an aggregate, right or wrong."""
    return st.one_of([command(kind) for kind in classes])


def command(kind: type[Command]) -> st.SearchStrategy[Command]:
    """A command of this class; what has a default is sometimes left out."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return _fields(info).map(lambda values: kind(**values))


def _fields(info: inspect.StructType) -> st.SearchStrategy[dict[str, Any]]:
    fields = {field.name: _field(field) for field in info.fields}
    required = {field.name for field in info.fields if field.required}
    return st.fixed_dictionaries(
        {name: values for name, values in fields.items() if name in required},
        optional={name: values for name, values in fields.items() if name not in required},
    )


def _field(field: inspect.Field) -> st.SearchStrategy[Any]:
    values = BY_NAME.get(field.name)
    if values is None:
        return of_type(field.type)
    alternatives = field.type.types if isinstance(field.type, inspect.UnionType) else ()
    return values | st.none() if any(isinstance(kind, inspect.NoneType) for kind in alternatives) else values


def of_type(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of a type that a command may have."""
    match kind:
        case inspect.StrType():
            return TEXT
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return NUMBER
        case inspect.FloatType():
            return NUMBER.map(float)
        case inspect.DateTimeType():
            return MOMENT
        case inspect.NoneType():
            return st.none()
        case inspect.LiteralType():
            return st.sampled_from(sorted(kind.values))
        case inspect.UnionType():
            return st.one_of([of_type(part) for part in kind.types])
        case inspect.VarTupleType():
            return st.lists(of_type(kind.item_type), max_size=3).map(tuple)
        case inspect.ListType():
            return st.lists(of_type(kind.item_type), max_size=3)
        case inspect.SetType() | inspect.FrozenSetType():
            return st.frozensets(of_type(kind.item_type), max_size=3)
        case inspect.DictType():
            return st.dictionaries(of_type(kind.key_type), of_type(kind.value_type), max_size=3)
        case inspect.StructType() if kind.cls is Month:
            return MONTH
        case inspect.StructType():
            return _fields(kind).map(lambda values: kind.cls(**values))
    raise TypeError(f"no values are known for {kind}: teach tests/support/commands.py")


IN_TEN_DAYS = START + timedelta(days=10)
MESSAGE: tuple[Command, ...] = (
    scheduled_message.DraftMessage(message="a", owner="a", content="Hola", groups=("a",), now=START),
    scheduled_message.ScheduleMessage(message="a", scheduled_for=IN_TEN_DAYS, now=START),
)
SENDING: tuple[Command, ...] = (
    *MESSAGE,
    scheduled_message.StartSending(message="a", recipients=("a",), late=0, now=IN_TEN_DAYS),
)


def finished(sent: int, failed: int) -> Command:
    return scheduled_message.FinishSending(message="a", sent=sent, failed=failed, reasons={}, now=IN_TEN_DAYS)


FILE = deal.OpenDeal(
    deal="a", customer="a", partner="a", pipeline="vehicle_financing", title="BMW", value=50, now=START
)

OPENINGS: Mapping[str, Sequence[Sequence[Command]]] = {
    "deal": ((FILE,), (FILE, deal.NoticeAttention(deal="a", now=IN_TEN_DAYS))),
    "scheduled_message": (
        MESSAGE,
        (*MESSAGE, scheduled_message.PauseMessage(message="a", now=START)),
        (
            *MESSAGE,
            scheduled_message.PauseMessage(message="a", now=START),
            scheduled_message.ResumeMessage(message="a", scheduled_for=IN_TEN_DAYS, now=START),
        ),
        SENDING,
        (*SENDING, finished(sent=1, failed=0)),
        (*SENDING, finished(sent=0, failed=1), scheduled_message.RetryMessage(message="a", now=IN_TEN_DAYS)),
    ),
}
"""How an aggregate's life usually begins, where chance alone would rarely get that far."""
