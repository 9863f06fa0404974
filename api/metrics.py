"""The figures for Prometheus: what this process counts and, where several serve, one scrape that shows all of them.

Where several serve, whoever starts them names a folder (`FOLDER`) before this module is loaded: the Prometheus client
then counts in files that the processes share, and whichever is asked adds them up. What a process counted outlives it;
what only tells its own state is labelled with its process id, and gone when the process is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from api.context import Context
from api.runtime import Runtime

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable in which the Prometheus client looks for the folder; without it a process counts for itself."""
EVERY = 1.0
"""Seconds after which a process tells its state to those that may be asked for it."""
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

REQUESTS = Histogram(
    "bitacora_request_seconds",
    "Time to answer a request",
    ["frontend", "method", "route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
STORED = Gauge("bitacora_writer_events", "Events stored", multiprocess_mode="sum")
FLUSHES = Gauge("bitacora_writer_flushes", "Flushes of the writer", multiprocess_mode="sum")
VIEWS = Gauge(
    "bitacora_views_position",
    "Position up to which the views show the log, as the process knows it",
    multiprocess_mode="liveall",
)
FAILURES = Counter("bitacora_readiness_failures", "Readiness checks that found a dependency away", ["dependency"])


def observe(about: Context, method: str, status: int, seconds: float) -> None:
    """Count a served request. Routes are counted by template and methods by list, so that callers make no labels."""
    method = method if method in METHODS else "other"
    REQUESTS.labels(about.frontend, method, about.template or "-", str(status)).observe(seconds)


async def keep(runtime: Runtime) -> None:
    """Tell the state of this process again and again, where another one may be asked for it."""
    while FOLDER in os.environ:
        tell(runtime)
        await asyncio.sleep(EVERY)


def tell(runtime: Runtime) -> None:
    """Tell the state of this process."""
    STORED.set(runtime.writer.stored)
    FLUSHES.set(runtime.writer.flushes)
    VIEWS.set(runtime.horizon.position)


def scrape() -> bytes:
    """Every figure there is, in Prometheus's words."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return generate_latest()
    registry = CollectorRegistry()
    registry.register(Living(_living(folder)))
    MultiProcessCollector(registry, folder)
    return generate_latest(registry)


class Living(Collector):
    """Memory and time of the processes that serve."""

    def __init__(self, pids: list[int]) -> None:
        self._pids = pids

    def collect(self) -> Iterable[Metric]:
        """The standard figures of a process, those of each labelled with its id."""
        found: dict[str, Metric] = {}
        for pid in self._pids:
            for metric in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():
                kept = found.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    kept.add_sample(sample.name, {"pid": str(pid)}, sample.value)
        return found.values()


def _living(folder: str) -> list[int]:
    """The ids of the processes that are there; what told the state of others is removed."""
    living: list[int] = []
    for file in Path(folder).glob("gauge_liveall_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
            living.append(pid)
        except ProcessLookupError:
            with suppress(FileNotFoundError):  # another process was asked at the same moment
                mark_process_dead(pid, folder)
    return living
