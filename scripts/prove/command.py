"""`bitacora prove sends`."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import click

from scripts.errors import Stop
from scripts.progress import say
from scripts.prove import sends


@click.group()
def prove() -> None:
    """Put a promise to the test, on a system of its own that is thrown away."""


class Share(click.ParamType):
    """A share, written as 5% or 0.05."""

    name = "share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 0.5:
            self.fail(f"{text} is no share from 0% to 50%", param, ctx)
        return share


@prove.command("sends")
@click.option("--recipients", default=1_000, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--kills", default=10, show_default=True, type=click.IntRange(0, 1_000), help="Processes killed.")
@click.option("--lost-acks", default="5%", show_default=True, type=Share(), help="Answers and reports that get lost.")
@click.option("--flush-redis", default=1, show_default=True, type=click.IntRange(0, 100), help="Times it is emptied.")
@click.option("--senders", default=2, show_default=True, type=click.IntRange(1, 16), help="Processes that send.")
@click.option("--latency", default=0, show_default=True, type=click.IntRange(0, 10_000), help="Of the gateway, in ms.")
@click.option("--seed", type=int, help="Makes the same choices again.")
@click.option("--break", "fault", type=click.Choice(["claim", "settle"]), help="Plant a fault: the proof must find it.")
@click.option("--patience", default=60.0, show_default=True, help="Seconds without any progress before it gives up.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the result there.")
@click.option("--keep", is_flag=True, help="Keep the logs and the data.")
def prove_sends(
    recipients: int,
    kills: int,
    lost_acks: float,
    flush_redis: int,
    senders: int,
    latency: int,
    seed: int | None,
    fault: str | None,
    patience: float,
    file: Path | None,
    keep: bool,
) -> None:
    """No copy of a message is sent twice, and none is silently missed, whoever is killed meanwhile."""
    choices = sends.Choices(
        recipients=recipients,
        kills=kills,
        lost_acks=lost_acks,
        flushes=flush_redis,
        senders=senders,
        seed=random.SystemRandom().randrange(10**6) if seed is None else seed,
        fault=fault,
        patience=patience,
        latency=latency / 1000,
    )
    try:
        result = sends.run(choices, say, keep)
    except Stop as stop:
        sys.exit(f"bitacora: {stop}")
    if file:
        file.write_text(sends.as_json(result) + "\n")
    found = result.verdict
    click.echo(
        f"{found.received:,} copies at the provider, {found.failed} failed, {found.claims:,} claims, {found.events:,} "
        f"events in the log; {result.seconds} s; Redis emptied {result.flushed} times; killed: "
        + (", ".join(f"{name} {count}" for name, count in result.killed.items()) or "nobody")
    )
    click.echo(f"unlike={found.unlike} claimed_while_paused={found.claimed_while_paused} seed={choices.seed}")
    click.echo(f"doubled={found.doubled} missing={found.missing} unresolved={found.unresolved}")
    if not result.holds:
        sys.exit(1)
