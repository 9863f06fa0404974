"""Questions that `scripts/up` asks before and while it starts things, each answered in one line when it goes wrong."""

from __future__ import annotations

import errno
import http.client
import socket
import time

from scripts.errors import Stop


def port_is_free(host: str, port: int, patience: float) -> None:
    """Refuse a port that is in use. After a run that was killed its API may need a moment to let go of it."""
    deadline = time.monotonic() + patience
    while (problem := occupied(host, port)) is not None:
        if problem.errno != errno.EADDRINUSE:
            raise Stop(f"Port {port} cannot be used ({problem.strerror}): choose another with --port.")
        if time.monotonic() > deadline:
            raise Stop(f"Port {port} is taken by another program: stop that, or choose another with --port.")
        time.sleep(0.05)


def occupied(host: str, port: int) -> OSError | None:
    """Why nobody can listen there; None when one can."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error
    return None


def free_port(host: str, first: int) -> int:
    """A port that is free: one of the next few, or any."""
    for port in range(first, min(first + 20, 65_536)):
        if occupied(host, port) is None:
            return port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def database_answers(url: str) -> None:
    """Refuse a DATABASE_URL where no database answers."""
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as error:
        raise Stop(
            f"DATABASE_URL leads to no database ({first_line(error)}): start that server, or unset DATABASE_URL to use "
            "the one that comes with this command."
        ) from None


def redis_answers(url: str) -> None:
    """Refuse a REDIS_URL where no server answers."""
    import redis

    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            client.ping()
    except (redis.RedisError, ValueError, OSError) as error:
        raise Stop(
            f"REDIS_URL leads to no server ({first_line(error)}): start that server, or unset REDIS_URL to use the one "
            "that comes with this command."
        ) from None


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def answers(host: str, port: int, path: str) -> bool:
    """Whether an HTTP address of ours says 200. No proxy is asked."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
