"""A stranger that knows nothing but our own description calls every route, and finds no fault."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.api.tienda.conftest import Buyer, Shop, item

RUN = [
    str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run",
    "--max-examples", "20", "--seed", "1", "--generation-database", "none", "--warnings", "off",
    "--request-timeout", "60", "--suppress-health-check", "all",
    "--generation-allow-x00", "false",  # what cannot be stored is refused, in whatever text it stands
]  # fmt: skip

REFUSED = (
    "/auth/clientes/register",
    "/auth/clientes/verify-code",
    "/auth/clientes/reset-password",
    "/clientes/{cliente_id}/carrito",
    "/clientes/{cliente_id}/auto-guardar",
)
"""Whether these take what has the right shape depends on more: who has the name, which code was mailed, what the
inventory has, how many there are of one product in all."""
SIGNS_OUT = "/auth/clientes/logout"
SETS: dict[str, Callable[[str], bool]] = {
    "the caller's own routes": lambda path: "{cliente_id}" in path and path not in REFUSED,
    "what depends on others": lambda path: path in REFUSED,
    "signing out": lambda path: path == SIGNS_OUT,
    "every other route": lambda path: "{cliente_id}" not in path and path not in (*REFUSED, SIGNS_OUT),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("which", SETS)
def test_the_description_of_tienda_holds(shop: Shop, buyer: Buyer, tmp_path: Path, which: str) -> None:
    async def unlimited(*checks: object) -> None:
        """So many calls in so little time would otherwise be told to come back later."""

    shop.world.patch.setattr(shop.world.runtime.limits, "count", unlimited)
    door = shop.product()
    buyer.save(item(door))
    described = buyer.http.get("/tienda/docs/openapi.json").json
    described["paths"] = {path: known for path, known in described["paths"].items() if SETS[which](path)}
    # Only the caller's own id lets anything but 403 be seen, and only what the inventory has can be saved.
    for operations in described["paths"].values():
        for parameter in (known for operation in operations.values() for known in operation.get("parameters", ())):
            if parameter["name"] == "cliente_id":
                parameter["schema"] = {"type": "string", "enum": [buyer.id]}
    line = next(shape for name, shape in described["components"]["schemas"].items() if name.endswith("Item"))
    line["properties"]["itemId"] = {"type": "string", "enum": [door]}
    description = tmp_path / "tienda.json"
    description.write_bytes(msgspec.json.encode(described))
    ran = subprocess.run(
        [*RUN, "--header", f"Authorization: {buyer.http.headers['authorization']}",
         *(["--exclude-checks", "positive_data_acceptance"] if which == "what depends on others" else []),
         "--url", f"{shop.world.address}/tienda", str(description)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
