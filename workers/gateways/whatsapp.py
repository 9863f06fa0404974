"""WhatsApp, as the system uses it: one small protocol, and which adapter speaks it.

What a gateway cannot do it must say in one of three ways, because they lead to different things: `NotSent` (the
message surely did not leave: try again later), `Rejected` (this recipient will never get it), `Doubtful` (nobody can
tell: ask before anything is sent again).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import msgspec

from domain.delivery import Doubt
from settings import Settings

State = Literal["connected", "disconnected", "qr_needed"]
Progress = Literal["sent", "delivered", "read", "failed"]


class GatewayFault(Exception):
    """What a gateway could not do."""


class NotSent(GatewayFault):
    """The call did not reach WhatsApp, or was turned away before anything was done. `wait` says for how many seconds
    other calls would most likely fare no better."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


class Failing(NotSent):
    """The provider is there and answers, but with an error of its own."""


class Rejected(GatewayFault):
    """WhatsApp will not bring this message to this recipient."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Doubtful(GatewayFault):
    """The call went out and its answer was lost, or says nothing."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__(doubt)
        self.doubt: Doubt = doubt


class BadSignature(Exception):
    """A webhook call that nobody who knows the secret has signed."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook says about one message. `reference` is what was given along with it, where a provider keeps it;
    `at` is when the message was sent, or None where the provider does not say."""

    provider_id: str
    progress: Progress
    reference: str | None = None
    reason: str = ""
    at: datetime | None = None


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook says about the connection of a number."""

    session: str
    state: State


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A message that the provider has."""

    provider_id: str
    progress: Progress | None


class Gateway(Protocol):
    """One number of ours at one provider. Close it in the end."""

    async def state(self) -> State:
        """Whether messages can leave. Raises `NotSent` where nobody answers, and `Failing` for an answer that is an
        error."""
        ...

    async def qr(self) -> str | None:
        """The QR code to be scanned, as PNG in base64; None when none is needed or to be had."""
        ...

    async def chat(self, phone: str) -> str | None:
        """Where messages to this number (+52…) go; None when nobody is there. Raises `NotSent`."""
        ...

    async def send(self, chat: str, text: str, reference: str) -> str:
        """Hand over a text and return the provider's id of it. Raises `NotSent`, `Rejected`, `Doubtful`."""
        ...

    async def find(self, chat: str, text: str, since: datetime) -> Sequence[Copy] | None:
        """The copies of this text that went to that chat since then, oldest first; None when the provider cannot be
        asked such a thing at all. Raises `NotSent`."""
        ...

    async def progress(self, chat: str, provider_id: str) -> Progress | None:
        """How far a message got; None when the provider does not know. Raises `NotSent`."""
        ...

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """The answer to a provider that asks whether the webhook's address is ours; None when it is not to be had."""
        ...

    def heard(self, headers: Mapping[str, str], body: bytes) -> Sequence[Receipt | StateChange]:
        """What a webhook call says; header names in small letters. Raises `BadSignature`."""
        ...

    async def close(self) -> None:
        """Let the connections go."""
        ...


def session(settings: Settings, organization: str) -> str:
    """The name, at the provider, of the number that an organisation sends from."""
    return settings.whatsapp_session.replace("{organization}", organization)


def gateway(settings: Settings, organization: str) -> Gateway:
    """The adapter that the settings name, for the number of an organisation."""
    from workers.gateways import cloud, waha

    name = session(settings, organization)
    return cloud.Cloud(settings, name) if settings.whatsapp_gateway == "cloud" else waha.Waha(settings, name)


def decoded(body: bytes) -> Any:
    """What a provider said in JSON; None when it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def is_here(url: str) -> bool:
    """Whether an address is on this machine: no proxy is asked for it."""
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


class Gateways:
    """The gateways of one process, one for each number. Use as `async with`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[str, Gateway] = {}

    async def __aenter__(self) -> Gateways:
        return self

    async def __aexit__(self, *_: object) -> None:
        for opened in self._open.values():
            await opened.close()

    def of(self, organization: str) -> Gateway:
        """The gateway of an organisation's number."""
        name = session(self._settings, organization)
        if name not in self._open:
            self._open[name] = gateway(self._settings, organization)
        return self._open[name]
