"""What a process must be told, and what it does not take."""

from __future__ import annotations

from pathlib import Path

import pytest

from api import app
from settings import MissingSetting, load

KNOWN = {
    "DATABASE_URL": "postgresql://localhost/bitacora",
    "REDIS_URL": "redis://localhost",
    "BITACORA_SECRET": "abcd" * 8,
    "BITACORA_MASTER_KEY": "0a" * 32,
}


def test_nothing_else_has_to_be_said() -> None:
    assert load(KNOWN).environment == "production"


@pytest.mark.parametrize("variable", KNOWN)
@pytest.mark.parametrize("left", [None, ""])
def test_no_secret_and_no_server_has_a_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, left: str | None
) -> None:
    monkeypatch.setenv("BITACORA_STATE", str(tmp_path))  # where nothing runs
    with pytest.raises(MissingSetting, match=f"{variable} is not set"):
        load({name: text for name, text in {**KNOWN, variable: left}.items() if text is not None})


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("BITACORA_SECRET", "a" * 31),
        ("BITACORA_MASTER_KEY", "0a" * 31),
        ("BITACORA_MASTER_KEY", "zz" * 32),
        ("BITACORA_ENVIRONMENT", "prod"),
        ("BITACORA_PORT", "99999"),
        ("BITACORA_PORT", "http"),
        ("BITACORA_API_PROCESSES", "0"),
        ("BITACORA_TIENDA_TOKEN_SECONDS", "-5"),
        ("BITACORA_VIEW_WAIT_SECONDS", "nan"),
        ("BITACORA_TRUSTED_PROXIES", "-1"),
        ("BITACORA_LEVEL_RATES", "1,2"),
        ("BITACORA_LEVEL_RATES", "1,2,three"),
        ("BITACORA_TIME_ZONE", "Mars/Base"),
        ("BITACORA_TIME_ZONE", "../etc"),
        ("BITACORA_ONLY", "nada"),
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_ORIGINS", "https://app.example, *"),
    ],
)
def test_what_cannot_be_meant_is_said_at_the_start(variable: str, text: str) -> None:
    with pytest.raises(MissingSetting, match=variable):
        load({**KNOWN, variable: text})


@pytest.mark.parametrize("frontend", app.FRONTENDS)
def test_every_frontend_can_be_served_alone(frontend: str) -> None:
    assert load({**KNOWN, "BITACORA_ONLY": frontend}).only == frontend
