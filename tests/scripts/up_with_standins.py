"""`scripts/up` with other processes than those of the system: STANDINS lists them as `kind:name`."""

from __future__ import annotations

import os
import sys

from scripts import supervisor
from scripts.plan import Plan, Process

GRANIAN = "-m granian --interface asgi --workers 2 --respawn-failed-workers --log-level warning"
PROGRAMS = {
    "granian": tuple(GRANIAN.split()),
    "dramatiq": ("-m", "dramatiq", "tests.scripts.standin_jobs", "--processes", "2", "--threads", "1"),
}
AGAIN = {
    "serve": (0.1, 0.2), "granian": (0.1, 0.2), "brittle": (0.1, 0.2), "brittle-and-slow": (0.1, 600), "lasting": (0.1,)
}  # fmt: skip
"""What is started again when it died, and after how many seconds."""


def process(kind: str, name: str) -> Process:
    """One stand-in as a line of the plan."""
    answers = "/health/ready" if kind in {"serve", "granian", "brittle", "brittle-and-slow"} else None
    command: tuple[str, ...] = ("-m", "tests.scripts.standin", kind, name)
    if kind == "granian":
        command = (*PROGRAMS[kind], "--port", os.environ["STANDIN_PORT"], "tests.scripts.standin_api:app")
    elif kind == "dramatiq":
        command = PROGRAMS[kind]
    return Process(
        name,
        (sys.executable, *command),
        answers,
        patience=0.3 if kind == "stubborn" else 10,
        again=AGAIN.get(kind, ()),
    )


def plan(text: str) -> Plan:
    """Tasks go before and after, everything else between them."""
    listed = [tuple(part.split(":")) for part in text.split()]
    tasks = [process(kind, name) for kind, name in listed if kind.endswith("task")]
    processes = [process(kind, name) for kind, name in listed if not kind.endswith("task")]
    return Plan(before=tuple(tasks[:1]), processes=tuple(processes), after=tuple(tasks[1:]))


if __name__ == "__main__":
    sys.exit(supervisor.main(sys.argv[1:], plan(os.environ["STANDINS"])))
