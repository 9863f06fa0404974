"""A stranger that knows nothing but our own description calls every route, and finds no fault."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.support.http import Client, World
from tests.support.messages import draft

RUN = [
    str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run",
    "--max-examples", "20", "--seed", "1", "--generation-database", "none", "--warnings", "off",
    "--request-timeout", "20",
    "--generation-allow-x00", "false",  # what cannot be stored is refused, in whatever text it stands
]  # fmt: skip
REFUSED = (
    "/api/messages",
    "/api/messages/{message_id}",
    "/api/messages/{message_id}/schedule",
    "/api/messages/{message_id}/resume",
    "/api/contacts",
    "/api/contacts/{contact_id}",
    "/api/groups",
    "/api/groups/{group_id}",
    "/api/analytics/messages",
    "/api/reports/export",
    "/api/sync",
)
"""Whether these take what has the right shape depends on more: what time it is, which zones there are, which numbers
have a country, what a text may hold, what is in a file, which operations came before."""
NOT_ASKED = ["ensure_resource_availability"]
"""It takes a 404 for the resource just made to be about that one; here it may be about a group that the body names."""
DEPENDS = "what depends on more"
FORM = "what is sent as a form"
IMPORT = "/api/contacts/import"
"""Also depends on what is in the file. And in a form everything is a text, or a file: what it takes for a null or
a list in the wrong place is a file that holds the word, or a field that is not there."""
SIGNS_OUT = "/api/auth/logout"
SETS: dict[str, Callable[[str], bool]] = {
    DEPENDS: lambda path: path in REFUSED,
    FORM: lambda path: path == IMPORT,
    "signing out": lambda path: path == SIGNS_OUT,
    "every other route": lambda path: path not in (*REFUSED, IMPORT, SIGNS_OUT),
}
LEFT_OUT = {DEPENDS: ["positive_data_acceptance"], FORM: ["positive_data_acceptance", "negative_data_rejection"]}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("which", SETS)
def test_the_description_of_the_scheduler_holds(
    world: World, ana: Client, group: str, tmp_path: Path, which: str
) -> None:
    async def unlimited(*checks: object) -> None:
        """So many calls in so little time would otherwise be told to come back later."""

    world.patch.setattr(world.runtime.limits, "count", unlimited)
    message = draft(ana, group, scheduled_for=None)
    described = ana.get("/scheduler/docs/openapi.json").json
    described["paths"] = {path: known for path, known in described["paths"].items() if SETS[which](path)}
    assert described["paths"]
    known = {"message_id": message, "group_id": group}
    for operations in described["paths"].values():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()) if method != "delete" else ():
                if parameter["in"] == "path" and parameter["name"] in known:
                    parameter["schema"] = {"type": "string", "enum": [known[parameter["name"]]]}
    description = tmp_path / "scheduler.json"
    description.write_bytes(msgspec.json.encode(described))
    ran = subprocess.run(
        [*RUN, "--header", f"Authorization: {ana.headers['authorization']}",
         "--exclude-checks", ",".join([*NOT_ASKED, *LEFT_OUT.get(which, [])]),
         "--url", f"{world.address}/scheduler", str(description)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
