"""What `scripts/up` runs, as plain data: to add a process, add a line."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Process:
    """One process of the system.

    It is ready when the address `answers` on the API's port answers 200 or, without one, when it has touched the file
    named by BITACORA_READY_FILE. `patience` is how many seconds it gets to stop. It is left out when somebody has set
    the variable `unless`. When it dies after all was ready it is started `again`, after so many seconds the first time,
    the second time and so on; without any the run ends.
    """

    name: str
    command: tuple[str, ...]
    answers: str | None = None
    patience: float = 10
    unless: str | None = None
    again: tuple[float, ...] = ()


@dataclass(frozen=True)
class Plan:
    """One run: what happens before, what stays, what happens once all of it is ready."""

    before: tuple[Process, ...]
    processes: tuple[Process, ...]
    after: tuple[Process, ...]


def bitacora(name: str) -> tuple[str, ...]:
    """A command of the `bitacora` command line."""
    return (sys.executable, "-m", "scripts.cli", name)


PLAN = Plan(
    before=(Process("migrate", bitacora("migrate")),),
    processes=(
        Process("projector", bitacora("projector")),
        Process("feed", bitacora("feed")),
        Process("clock", bitacora("clock")),
        Process("worker", bitacora("worker"), patience=15),
        Process("simulator", bitacora("simulator"), unless="BITACORA_WHATSAPP_URL"),
        Process("sender", bitacora("sender"), patience=15),
        # Granian ends when one of its processes dies twice within seconds, and gives no say in that.
        Process("serve", bitacora("serve"), answers="/health/ready", again=(0.5, 1, 2, 4, 8)),
    ),
    after=(Process("seed", bitacora("seed")),),
)
