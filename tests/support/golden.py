"""The golden file: one stored sample of every event shape that was ever released.

`.venv/bin/python -m tests.support.golden` adds a sample for each event that has none. It never touches those that are
there: they are what databases out there hold.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as kinds

from domain import catalogue
from domain.model import Event

FILE = Path(__file__).resolve().parent.parent / "golden" / "events.json"
MOMENT = datetime(2026, 11, 21, 3, 45, 44, 419330, UTC)


def samples() -> dict[str, Any]:
    """Stored name -> the JSON that a database holds."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def sample(event: type[Event]) -> Any:
    """An event of this kind with every field filled in, as JSON."""
    info = kinds.type_info(event)
    assert isinstance(info, kinds.StructType)
    fields = {field.encode_name: _value(field.type, field.encode_name) for field in info.fields}
    return json.loads(msgspec.json.encode(msgspec.convert(fields, event, strict=False)))


def _value(kind: kinds.Type, name: str) -> Any:
    match kind:
        case kinds.Metadata():
            return _value(kind.type, name)
        case kinds.UnionType():
            return _value(next(part for part in kind.types if not isinstance(part, kinds.NoneType)), name)
        case kinds.StrType():
            return f"{name}_1"
        case kinds.IntType():
            return 1234
        case kinds.FloatType():
            return 0.5
        case kinds.BoolType():
            return True
        case kinds.DateTimeType():
            return MOMENT
        case kinds.LiteralType():
            return kind.values[0]
        case kinds.StructType():
            return {field.encode_name: _value(field.type, field.encode_name) for field in kind.fields}
        case kinds.DictType():
            return {"key": _value(kind.value_type, name)}
        case kinds.ListType() | kinds.VarTupleType() | kinds.FrozenSetType() | kinds.SetType():
            return [_value(kind.item_type, name)]
        case kinds.TupleType():
            return [_value(item, name) for item in kind.item_types]
        case kinds.AnyType() | kinds.RawType():
            return {"any": "thing"}
        case _:
            raise TypeError(f"{name}: no sample for {kind}")


def add_missing() -> list[str]:
    """Write a sample for every event that has none; returns their names."""
    known = samples()
    missing = [name for name in catalogue.EVENTS if name not in known]
    known |= {name: sample(catalogue.EVENTS[name]) for name in missing}
    FILE.write_text(json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    return missing


if __name__ == "__main__":
    print(*add_missing(), sep="\n")
