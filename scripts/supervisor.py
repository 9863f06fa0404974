"""Start the whole system, keep it together, stop it.

One process owns the run: it starts the servers and every process of the plan as its children, in order, and stops them
in reverse. One child's death ends the run, because a system with a part missing looks healthy and is not; only what the
plan wants again is started again (see `revival.py`). When this process itself is killed, the kernel tells the children
(see `leash.py`).
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable

from scripts import card, checks, options
from scripts.errors import Stop
from scripts.plan import PLAN, Plan, Process
from scripts.process import Child, last_words, reason
from scripts.progress import say, step
from scripts.revival import Revival
from scripts.servers import Servers
from scripts.state import ROOT, State

READY_WITHIN = 90
ORIGINS = ",".join(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (3000, 4173, 5173, 8080))
"""Where the servers of frontends under development usually listen: browsers may call from there."""
TICK = 0.05


class Interrupted(Exception):
    """Somebody asked for the end of the run."""


class Run:
    """One run of the system."""

    def __init__(self, choices: options.Options, plan: Plan) -> None:
        self.choices = choices
        self.plan = plan
        self.state = State()
        self.children: list[Child] = []
        self.revivals: dict[str, Revival] = {}
        self.servers: Servers | None = None
        self.signals = 0
        self.last_signal = 0.0
        self.host = os.environ.get("BITACORA_HOST") or "127.0.0.1"
        self.env: dict[str, str] = {}

    def go(self) -> int:
        """Everything from the lock to the last stop; the exit code of the command."""
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self.remember_signal)
        began = time.monotonic()
        own_database = os.environ.get("DATABASE_URL")
        if self.choices.fresh and own_database:
            raise Stop("--fresh wipes the database that comes with this command: unset DATABASE_URL to use that one.")
        self.state.take()
        problem = None
        try:
            if self.choices.fresh:
                self.state.wipe()
            checks.port_is_free(self.host, self.choices.port, 10 if self.state.previous_was_killed else 0)
            self.start(own_database, os.environ.get("REDIS_URL"))
            address = f"http://{self.reachable_host()}:{self.choices.port}"
            simulator = None if os.environ.get("BITACORA_WHATSAPP_URL") else self.env["BITACORA_WHATSAPP_URL"]
            card.show(address, self.state, time.monotonic() - began, simulator)
            while not self.choices.exit_when_ready:
                self.pause()
        except Interrupted:
            pass
        except Stop as stop:
            problem = stop
        finally:
            killed = self.stop()
        if problem:
            raise problem
        if killed:
            raise Stop(f"{' and '.join(killed)} did not stop in time and had to be killed: see {self.state.logs}.")
        return 0

    def start(self, database_url: str | None, redis_url: str | None) -> None:
        """Servers, tables, processes, demo data: each when the one before is ready."""
        if database_url:
            checks.database_answers(database_url)
        if redis_url:
            checks.redis_answers(redis_url)
        if not (database_url and redis_url):
            database_url, redis_url = self.start_servers(database_url, redis_url)
        settings = {
            **{name: os.environ.get(name) or value for name, value in self.state.keys().items()},
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "BITACORA_PORT": str(self.choices.port),
            "BITACORA_ENVIRONMENT": "development",
            "ALLOWED_ORIGINS": os.environ.get("ALLOWED_ORIGINS") or ORIGINS,
            "BITACORA_PAZZ_ORGANIZATION": os.environ.get("BITACORA_PAZZ_ORGANIZATION") or "acme",
            "BITACORA_TIENDA_ORGANIZATION": os.environ.get("BITACORA_TIENDA_ORGANIZATION") or "acme",
            "BITACORA_MAIL_URL": os.environ.get("BITACORA_MAIL_URL") or self.state.mail.as_uri(),
        }
        if not os.environ.get("BITACORA_WHATSAPP_URL"):
            settings |= self.simulated_whatsapp(settings["BITACORA_SECRET"])
        self.env = {**os.environ, **settings, "PYTHONUNBUFFERED": "1"}
        self.state.publish(settings)
        for task in self.plan.before:
            self.finish(task)
        self.start_processes()
        for task in self.plan.after:
            self.finish(task)
        again = {process.name: process for process in self.plan.processes if process.again}
        self.revivals = {
            child.name: self.revival(child, again[child.name]) for child in self.children if child.name in again
        }

    def simulated_whatsapp(self, secret: str) -> dict[str, str]:
        """What leads the system and the simulator to each other. Nobody is banned there for sending fast."""
        key = hashlib.sha256(f"whatsapp simulator {secret}".encode()).hexdigest()
        return {
            "BITACORA_WHATSAPP_URL": f"http://127.0.0.1:{checks.free_port('127.0.0.1', self.choices.port + 1)}",
            "BITACORA_WHATSAPP_KEY": key[:32],
            "BITACORA_WHATSAPP_WEBHOOK_SECRET": key[32:],
            "BITACORA_SEND_PER_MINUTE": os.environ.get("BITACORA_SEND_PER_MINUTE") or "600",
        }

    def start_servers(self, database_url: str | None, redis_url: str | None) -> tuple[str, str]:
        """Start those of the two servers that nobody brought."""
        with step("Starting " + " and ".join(["PostgreSQL"] * (not database_url) + ["Valkey"] * (not redis_url))):
            servers = self.servers = Servers(self.state.path, self.state.log)
            if not database_url:
                self.children.append(servers.postgres.child)
                servers.postgres.start()
                database_url = servers.postgres.ensure_database()
            if not redis_url:
                self.children.append(servers.valkey.child)
                servers.valkey.start()
                redis_url = servers.valkey.url()
        return database_url, redis_url

    def child(self, process: Process) -> Child:
        env = {**self.env, "BITACORA_READY_FILE": str(self.state.ready / process.name)}
        log = self.state.log(process.name)
        return Child(process.name, process.command, log=log, env=env, directory=ROOT, patience=process.patience)

    def finish(self, task: Process) -> None:
        """Run a command that ends by itself."""
        with step(f"Running {task.name}") as tick:
            child = self.child(task)
            child.start()
            try:
                while child.exit_code is None:
                    self.pause(tick)
            finally:
                child.stop()
        if child.exit_code != 0:
            raise Stop(f"{task.name} failed with exit code {child.exit_code} ({reason(child)}): see {child.log}.")

    def start_processes(self) -> None:
        """Start all of them, then wait for each."""
        wanted = [process for process in self.plan.processes if not (process.unless and os.environ.get(process.unless))]
        waiting = {process.name: process for process in wanted}
        with step(f"Starting {', '.join(waiting)}") as tick:
            for process in wanted:
                self.children.append(self.child(process))
                self.children[-1].start()
            deadline = time.monotonic() + READY_WITHIN
            while waiting := {name: process for name, process in waiting.items() if not self.is_ready(process)}:
                if time.monotonic() > deadline:
                    raise Stop(f"{', '.join(waiting)} not ready after {READY_WITHIN} s: see {self.state.logs}.")
                self.pause(tick)

    def revival(self, child: Child, process: Process) -> Revival:
        return Revival(child, lambda: self.is_ready(process), process.again, READY_WITHIN)

    def is_ready(self, process: Process) -> bool:
        if process.answers:
            return checks.answers(self.reachable_host(), self.choices.port, process.answers)
        return (self.state.ready / process.name).exists()

    def reachable_host(self) -> str:
        """Where the API is asked from this machine, when it listens on every address."""
        return "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host

    def pause(self, tick: Callable[[], None] = lambda: None) -> None:
        """Wait a moment, and notice what happened meanwhile: a signal, a death."""
        time.sleep(TICK)
        tick()
        if self.signals:
            raise Interrupted
        for child in self.children:
            if child.name in self.revivals:
                self.revivals[child.name].look()
            elif child.exit_code is not None:
                raise Stop(f"{child.name} ended with exit code {child.exit_code}{last_words(child)}")

    def remember_signal(self, *_: object) -> None:
        """Count it, unless it is the echo of one: a shell or a runner may pass on what the terminal sent already."""
        if time.monotonic() - self.last_signal > 1:
            self.signals += 1
            self.last_signal = time.monotonic()

    def stop(self) -> list[str]:
        """Stop what was started, last first, and name what had to be killed. A second Ctrl-C ends the patience."""
        signals = self.signals
        order = [child for child in reversed(self.children) if child.popen]
        killed: list[str] = []
        if order:
            with step(f"Stopping {', '.join(child.name for child in order)}"):
                killed = [child.name for child in order if not child.stop(lambda: self.signals > signals)]
        if self.servers:
            self.servers.clear()
        self.state.withdraw()
        return killed


def main(arguments: list[str], plan: Plan = PLAN) -> int:
    """The command itself, given what to run."""
    try:
        return Run(options.parse(arguments), plan).go()
    except Stop as stop:
        say(f"scripts/up: {stop}")
    except OSError as error:
        say(f"scripts/up: {error}: check the space and the permissions of the state directory.")
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
