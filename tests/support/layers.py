"""The rules of the house about who may import whom, read from the source with `ast`."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

LAYERS = {
    "domain": set[str](),
    "eventstore": {"domain"},
    "projections": {"domain", "eventstore"},
    "workers": {"domain", "eventstore", "projections", "settings", "logs"},
    "api": {"domain", "eventstore", "projections", "settings", "logs"},
    "scripts": {"domain", "eventstore", "projections", "workers", "api", "settings", "logs"},
}
"""What each package may import besides itself."""

PURE = {"msgspec"}
"""What the domain may use outside the standard library."""
OUTSIDE_WORLD = {
    "asyncio", "http", "io", "os", "pathlib", "random", "secrets", "shutil", "socket", "ssl", "subprocess", "tempfile",
    "threading", "time", "urllib.request", "uuid",
}  # fmt: skip
"""Parts of the standard library that know the time, roll dice or reach out: not for the domain."""
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}

SQL = re.compile(r"^\s*(select|insert into|update|delete from|with)\b[\s\S]*\b(from|values|set|where)\b", re.I)
MAX_LINES = 400
FRONTENDS = {"pazz", "customers_hub", "flow", "scheduler", "tienda", "office"}


def violations(root: Path) -> list[str]:
    """Every broken rule below `root`, as `path: what is wrong`."""
    found: list[str] = []
    aggregates, views = _with(root / "domain", "DECIDER"), _with(root / "projections", "TABLES")
    for package in LAYERS:
        for file in sorted((root / package).rglob("*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            source = file.read_text(encoding="utf-8")
            tree = ast.parse(source)
            found += [f"{'/'.join(parts)}: {wrong}" for wrong in _wrong(parts, tree, source, aggregates, views)]
    return found


def _with(folder: Path, word: str) -> set[str]:
    """The modules that declare this: an aggregate has a DECIDER, a view has TABLES."""
    return {file.stem for file in folder.glob("*.py") if re.search(rf"^{word}\b", file.read_text("utf-8"), re.M)}


def _wrong(
    parts: tuple[str, ...], tree: ast.Module, source: str, aggregates: set[str], views: set[str]
) -> Iterator[str]:
    package = parts[0]
    for name in _imports(tree):
        yield from _wrong_import(parts, name)
        yield from _siblings(parts, name, {"domain": aggregates, "projections": views})
    if package not in ("eventstore", "projections", "scripts"):
        yield from _sql(tree)
    if package == "domain":
        yield from _clocks(tree)
    if (lines := source.count("\n")) > MAX_LINES:
        yield f"{lines} lines, more than can be read in one sitting"


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _wrong_import(parts: tuple[str, ...], name: str) -> Iterator[str]:
    package, target = parts[0], name.split(".")
    if name.startswith("workers.gateways.") and package == "api":
        return  # what speaks to a provider is for both: one sends through it, the other reads its webhooks
    if target[0] in LAYERS and target[0] != package and target[0] not in LAYERS[package]:
        yield f"imports {name}, which is not below it"
    if target[0] in ("settings", "logs") and target[0] not in LAYERS[package]:
        yield f"imports {name}: settings are handed in"
    if package == "domain":
        known = {*LAYERS, *PURE, "settings", "logs", *(sys.stdlib_module_names - OUTSIDE_WORLD)}
        if target[0] not in known or name.startswith("urllib.request"):
            yield f"imports {name}: the domain is pure"
    if package == target[0] == "api" and len(parts) > 2 and len(target) > 2 and target[1] in FRONTENDS - {parts[1]}:
        yield f"imports {name}: frontends do not know each other"


def _siblings(parts: tuple[str, ...], name: str, kinds: dict[str, set[str]]) -> Iterator[str]:
    package, target = parts[0], name.split(".")
    kind = kinds.get(package, set())
    inside = target[0] == package and len(parts) == 2 and len(target) > 1
    if inside and parts[1] in kind and target[1] in kind - {parts[1]}:
        yield f"imports {name}: {'aggregates' if package == 'domain' else 'views'} do not know each other"


def _sql(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield f"line {node.lineno} holds SQL"


def _clocks(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        if (node.value.id, node.attr) in CLOCKS:
            yield f"line {node.lineno} looks at a clock"
