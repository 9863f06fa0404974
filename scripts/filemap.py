"""Writes `docs/files.md`: every module of the system with the first sentence of its docstring.

Run it after adding a file: `.venv/bin/python -m scripts.filemap`. A test compares the page with the code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "files.md"
PACKAGES = ("domain", "eventstore", "projections", "api", "workers", "scripts")
HEAD = """# Every file, in one line each

Written by `python -m scripts.filemap` from the first sentence of each module; a test keeps it true. The shape of the
whole is in [architecture.md](architecture.md).
"""


def sentences() -> Iterator[tuple[str, str, str]]:
    """(package, path, first sentence) of every module, in the order of their paths."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
            if text:
                first = " ".join(text.split("\n\n")[0].split())
                yield package, str(file.relative_to(ROOT)), first
    for name in ("logs.py", "settings.py"):
        text = ast.get_docstring(ast.parse((ROOT / name).read_text(encoding="utf-8"))) or ""
        yield "top level", name, " ".join(text.split("\n\n")[0].split())


def page() -> str:
    """The page as it has to be."""
    lines = [HEAD]
    package = None
    for found, path, sentence in sentences():
        if found != package:
            package = found
            lines.append(f"\n## {package}\n")
        lines.append(f"- `{path}`: {sentence}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
