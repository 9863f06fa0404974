"""The figures of several processes that serve on one port: whichever is asked, it shows all of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from scripts.process import children_of
from settings import VARIABLES
from tests.support.http import House, free_port, is_open, until

ROOT = Path(__file__).resolve().parents[2]
PATH = "/pazz/nothing"
PATIENCE = 60.0


class Processes:
    """Two processes that serve, on the database of the other tests."""

    def __init__(self, house: House, directory: Path) -> None:
        self.port = free_port()
        self.output = directory / "serve.log"
        self.temporary = directory / "temporary"
        self.temporary.mkdir()
        known = {VARIABLES[name]: getattr(house.settings, name) for name in ("database_url", "redis_url", "secret")}
        env = {
            **os.environ,
            **known,
            "BITACORA_MASTER_KEY": house.settings.master_key,
            "BITACORA_PORT": str(self.port),
            "BITACORA_API_PROCESSES": "2",
            "TMPDIR": str(self.temporary),
        }
        env.pop("PROMETHEUS_MULTIPROC_DIR", None)
        with self.output.open("wb") as output:
            command = [sys.executable, "-m", "scripts.cli", "serve"]
            self.run = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)

    def ask(self, path: str) -> tuple[str, str]:
        """Ask on a connection of its own: which process answered, as its request ids tell, and what it said."""
        try:
            answer = httpx2.get(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE, trust_env=False)
        except httpx2.TransportError:
            return "", ""
        return answer.headers["x-request-id"][:16], answer.text

    def both(self) -> set[str]:
        """The two processes that serve, once both answer."""
        seen: Counter[str] = Counter()

        def found() -> bool:
            seen[self.ask("/health")[0]] += 1
            del seen[""]
            return len(seen) > 1

        until(found, self.output.read_text, PATIENCE)
        return set(seen)

    def scrapes(self, processes: set[str]) -> dict[str, dict[Any, float]]:
        """What each of the processes shows, by the sample's name and labels."""
        shown: dict[str, dict[Any, float]] = {}

        def asked() -> bool:
            process, text = self.ask("/metrics")
            shown[process] = {
                (sample.name, *sorted(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
            return processes <= set(shown)

        until(asked, self.output.read_text, PATIENCE)
        return {process: shown[process] for process in processes}

    def working(self) -> list[int]:
        """The ids of the processes that serve."""
        return [pid for pid in children_of(self.run.pid) if b"resource_tracker" not in _command(pid)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def processes(house: House, tmp_path: Path) -> Iterator[Processes]:
    started = Processes(house, tmp_path)
    try:
        until(lambda: is_open(started.port), started.output.read_text, PATIENCE)
        yield started
    finally:
        started.run.send_signal(signal.SIGTERM)
        started.run.wait(PATIENCE)


REFUSED = (
    "bitacora_request_seconds_count",
    ("frontend", "pazz"),
    ("method", "GET"),
    ("route", "-"),
    ("status", "404"),
)


def shown_pids(scrape: dict[Any, float], name: str) -> set[int]:
    return {int(dict(labels)["pid"]) for sample, *labels in scrape if sample == name}


@pytest.mark.timeout(300)
def test_whichever_process_is_asked_it_shows_all_of_them(processes: Processes) -> None:
    both = processes.both()
    asked = Counter(processes.ask(PATH)[0] for _ in range(60))
    until(lambda: asked.update([processes.ask(PATH)[0]]) or both <= set(asked), "one process answers everything")
    total = asked.total()
    until(
        lambda: {scrape[REFUSED] for scrape in processes.scrapes(both).values()} == {total},
        lambda: str([scrape.get(REFUSED) for scrape in processes.scrapes(both).values()]),
    )
    pids = set(processes.working())
    for scrape in processes.scrapes(both).values():
        assert shown_pids(scrape, "bitacora_views_position") == pids
        assert shown_pids(scrape, "process_resident_memory_bytes") == pids
        assert ("bitacora_writer_events",) in scrape

    killed = pids.pop()
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(set(processes.working()) - {killed}) == 2, processes.output.read_text, PATIENCE)
    now, pids = processes.both(), set(processes.working())

    def settled() -> bool:
        return all(shown_pids(scrape, "bitacora_views_position") == pids for scrape in processes.scrapes(now).values())

    until(settled, lambda: f"{pids}: {processes.scrapes(now)}", PATIENCE)
    for scrape in processes.scrapes(now).values():
        assert scrape[REFUSED] == total, "what a process counted outlives it"
        assert shown_pids(scrape, "process_resident_memory_bytes") == pids


@pytest.mark.timeout(300)
def test_nothing_of_the_figures_stays_behind(processes: Processes) -> None:
    processes.both()
    assert list(processes.temporary.glob("bitacora-*/*.db"))
    processes.run.send_signal(signal.SIGTERM)
    assert processes.run.wait(PATIENCE) == 0
    assert not list(processes.temporary.glob("bitacora-*"))
