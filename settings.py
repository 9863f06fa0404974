"""Every setting of the system, read once from the environment.

Secrets have no default: outside the development command (`scripts/up`, which makes its own and keeps them with its
data) a process without them refuses to start and says which variable is missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

Whole = Annotated[int, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Wait = Annotated[float, msgspec.Meta(ge=0)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class MissingSetting(Exception):
    """A required environment variable is absent or malformed; the message says which and what to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in force. Durations are in seconds, sizes in bytes, money in the smallest unit."""

    database_url: str
    redis_url: str
    secret: str
    """Signs access tokens; at least 32 characters."""
    master_key: str
    """32 bytes as 64 hex digits; wraps the keys that seal personal data."""
    environment: Literal["development", "production"] = "production"
    host: str = "127.0.0.1"
    port: Port = 8000
    api_processes: Count = 1
    allowed_origins: tuple[str, ...] = ()
    """Origins that browsers may call from, for every frontend."""
    time_zone: str = "America/Mexico_City"
    """Where a Pazz month begins and ends."""
    access_token_seconds: Count = 15 * 60
    refresh_token_seconds: Count = 30 * 24 * 3600
    refresh_leeway_seconds: Wait = 10.0
    """How long after a refresh token was traded it may be traded once more, as two tabs of a browser do that refresh at
    the same moment; after that it ends the sign-in."""
    view_wait_seconds: Wait = 2.0
    """How long a command waits for the views to show it before it answers with `Bitacora-Lag`."""
    max_body_bytes: Count = 1024 * 1024
    only: Literal["", "pazz", "tienda", "scheduler", "office"] = ""
    """Serve this one frontend, at the root."""
    level_sales: tuple[int, int] = (4_500_000_00, 8_000_000_00)
    """Accumulated sales, in centavos, that make a Pazz partner a master and a legend."""
    level_rates: tuple[int, int, int] = (200, 250, 300)
    """Commission rates of starter, master and legend, in hundredths of a percent."""
    scheduler_token_seconds: Count = 24 * 3600
    """How long an access token of the WhatsApp Scheduler is good; its document promises a day."""
    import_max_bytes: Count = 50 * 1024 * 1024
    """The largest file of contacts that is taken."""
    import_max_rows: Count = 200_000
    default_goal: int = 25_000_00
    """A Pazz partner's target, in centavos, as long as none was ever set."""
    pazz_return_seconds: Wait = 24 * 3600
    """A Pazz dashboard that was cut comes back with the access token it was opened with, although that has expired, for
    so long after its sign-in was last refreshed; 0 means never."""
    pazz_organization: str = ""
    """The organisation that people join who register in Pazz; without one nobody can."""
    pazz_url: str = "http://localhost:5173"
    """Where the Pazz frontend is; the links in mails lead there."""
    password_reset_seconds: Count = 30 * 60
    tienda_organization: str = ""
    """The organisation whose shop the Tienda frontend is; without one nobody can register or sign in there."""
    tienda_token_seconds: Count = 66 * 3600
    """How long somebody stays signed in to Tienda, whose client never refreshes a token."""
    tienda_idle_cart_days: Whole = 0
    """After so many days without a change a cart is cleared; 0 leaves every cart alone."""
    tienda_empty_cart_seconds: Wait = 0
    """For so long after signing in, an empty cart does not replace one that holds something; 0 means it always does."""
    mail_url: str = ""
    """How mail leaves: smtp://user:password@host:587, smtps://…, or file:///folder to read it there."""
    mail_from: str = "Bitácora <no-reply@localhost>"
    whatsapp_gateway: Literal["waha", "cloud"] = "waha"
    """Who brings messages to WhatsApp: a WAHA server, or Meta's Cloud API."""
    whatsapp_url: str = ""
    """The gateway's address; without one nothing is sent."""
    whatsapp_key: str = ""
    whatsapp_session: str = "default"
    """The gateway's name of the number that messages leave from (Cloud API: the phone number id); `{organization}` in
    it stands for the organisation, where each has a number of its own."""
    whatsapp_webhook_secret: str = ""
    """Signs what the gateway tells us; without it nothing is believed."""
    whatsapp_check_numbers: bool = True
    """Ask the gateway whether a number is on WhatsApp, and under which chat, before a message goes there."""
    whatsapp_timeout_seconds: Wait = 20.0
    """How long a call to the gateway may take; after that its outcome is unknown."""
    whatsapp_settle_seconds: Wait = 90.0
    """How long after a copy was claimed its absence at the gateway proves that it was never sent."""
    whatsapp_confirm_seconds: Wait = 600.0
    """How long after a copy was handed over the gateway is asked about it, when it said nothing by itself."""
    send_per_minute: Whole = 20
    """How many messages leave from one number in a minute; 0 is as many as go. WhatsApp bans numbers that flood."""
    send_at_once: Count = 8
    """How many messages one sender has under way at a time, where their number per minute is not limited."""
    send_tries: Count = 3
    """How often a copy is handed over that the gateway does not take."""
    send_late_seconds: Whole = 6 * 3600
    """A message that is later than this, because the system or WhatsApp was away, is not sent any more and fails."""
    trusted_proxies: Whole = 0
    """How many proxies in front may set X-Forwarded-For; 0 means the header is ignored."""
    ready_file: str | None = None
    """Touched by a process when it is ready to work; the supervisor of `scripts/up` waits for it."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def announce_ready(self) -> None:
        """Say to whoever started this process that it is ready to work."""
        if self.ready_file:
            Path(self.ready_file).touch()


VARIABLES = {
    "database_url": "DATABASE_URL",
    "redis_url": "REDIS_URL",
    "allowed_origins": "ALLOWED_ORIGINS",
    **{
        field: f"BITACORA_{field.upper()}"
        for field in Settings.__struct_fields__
        if field not in {"database_url", "redis_url", "allowed_origins"}
    },
}

LISTS = {"allowed_origins", "level_sales", "level_rates"}
"""Settings written as one text with commas."""

ADVICE = {
    "database_url": "set it to postgresql://user:password@host/database, or run scripts/up, which starts a database",
    "redis_url": "set it to redis://host:6379/0, or run scripts/up, which starts a server",
    "secret": "set it to at least 32 random characters",
    "master_key": "set it to 64 random hex digits, and keep a copy: personal data cannot be read without it",
}


def run_file(root: Path | None = None) -> Path:
    """Where `scripts/up` leaves the settings of the run that is going on, for the command line to find."""
    state = os.environ.get("BITACORA_STATE")
    return (Path(state) if state else (root or Path(__file__).resolve().parent) / ".bitacora") / "run.json"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; where the environment names no database, those of a running `scripts/up` are taken."""
    environ = dict(os.environ if environ is None else environ)
    if "DATABASE_URL" not in environ and run_file().exists():
        environ = {**json.loads(run_file().read_text()), **environ}
    values: dict[str, object] = {}
    for field, variable in VARIABLES.items():
        text = environ.get(variable)
        if not text:
            if field in ADVICE:
                raise MissingSetting(f"{variable} is not set: {ADVICE[field]}.")
            continue
        values[field] = [part.strip() for part in text.split(",") if part.strip()] if field in LISTS else text
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$.")
        raise MissingSetting(
            f"{VARIABLES.get(place.rstrip('`').partition('[')[0], 'A setting')} cannot be read: {text}."
        ) from None
    if len(settings.secret) < 32:
        raise MissingSetting(f"BITACORA_SECRET is too short: {ADVICE['secret']}.")
    try:
        if len(bytes.fromhex(settings.master_key)) != 32:
            raise ValueError
    except ValueError:
        raise MissingSetting(f"BITACORA_MASTER_KEY is not a key: {ADVICE['master_key']}.") from None
    if "*" in settings.allowed_origins:
        raise MissingSetting(
            "ALLOWED_ORIGINS is not open to all: name the origins, for their pages act for who signs in."
        )
    try:
        ZoneInfo(settings.time_zone)
    except (KeyError, ValueError, OSError):
        raise MissingSetting("BITACORA_TIME_ZONE is no time zone: set it to one such as America/Mexico_City.") from None
    if settings.whatsapp_settle_seconds < settings.whatsapp_timeout_seconds * 1.5:
        raise MissingSetting(
            "BITACORA_WHATSAPP_SETTLE_SECONDS is too short: at least one and a half times the time-out, because a call "
            "that was given up may still arrive."
        )
    if settings.mail_url and not settings.mail_url.startswith(("smtp://", "smtps://", "file:///")):
        raise MissingSetting("BITACORA_MAIL_URL is no address for mail: it begins with smtp://, smtps:// or file:///.")
    return settings
