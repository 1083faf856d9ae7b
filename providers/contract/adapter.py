"""The adapter itself: the verbs of one vendor family, with defaults for what most vendors do not have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from providers.contract.asked import CharacterSpec, Sought, Spec
from providers.contract.callbacks import Answer, Inbound, Notice
from providers.contract.calls import Call, Flow, V, replace
from providers.contract.declared import Abilities, NothingMade
from providers.contract.verdicts import (
    Account,
    AccountVerdict,
    CancelVerdict,
    CannotCancel,
    CannotTell,
    CharacterVerdict,
    FindVerdict,
    Load,
    LoadVerdict,
    PollVerdict,
    ProbeVerdict,
    Refused,
    Remote,
    SubmitVerdict,
)
from providers.contract.words import Ref, Unreadable, Why


class AdapterSettings(BaseModel):
    """What a provider's block in `config.yaml` may say for this adapter, beyond what every provider has."""

    model_config = ConfigDict(extra="forbid", frozen=True)


SettingsT = TypeVar("SettingsT", bound=AdapterSettings)


class Adapter(ABC, Generic[SettingsT]):
    """One vendor family. Subclasses set `kind` and `Settings` and implement `abilities`, `submit` and `poll`.

    `api_key` is the secret of the moment: adapters are rebuilt when it rotates. Only signatures may hold it.
    """

    kind: ClassVar[str]
    Settings: ClassVar[type[AdapterSettings]] = AdapterSettings
    nothing_made: ClassVar[Mapping[str, NothingMade]] = {}
    default_base_url: ClassVar[str | None] = None
    tells_balance: ClassVar[bool] = True  # `account` may tell one; False: it only shows whether the credential is right
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Settings under which this adapter speaks with another vendor, by that one's name; empty: there is just one."""

    def __init__(self, settings: SettingsT, api_key: str | None) -> None:
        self.settings = settings
        self._api_key = api_key

    def usual_base_url(self) -> str | None:
        """Where the vendor answers if the configuration names no address."""
        return self.default_base_url

    @abstractmethod
    def models(self) -> tuple[str, ...]:
        """Upstream models with declared abilities; may be empty where only the operator knows them."""

    @abstractmethod
    def abilities(self, model: str) -> Abilities:
        """Declared data of an upstream model. KeyError if unknown."""

    @abstractmethod
    def submit(self, spec: Spec, key: str) -> Flow[SubmitVerdict]:
        """Ask for a clip. Exactly one call of the flow has `starts_work=True`."""

    @abstractmethod
    def poll(self, ref: Ref) -> Flow[PollVerdict]:
        """Look at a job. Never starts work."""

    def sign(self, call: Call) -> Call:
        """Add the credential. Called by the driver for signed calls to the provider's own host, last of all."""
        if self._api_key is None:
            return call
        return replace(call, headers={**call.headers, "authorization": f"Bearer {self._api_key}"})

    def sign_at(self, call: Call, now_ms: int) -> Call:
        """As `sign`, which it is unless the credential names a time. The driver calls this one."""
        return self.sign(call)

    def cancel(self, ref: Ref, last: PollVerdict | None) -> Flow[CancelVerdict]:
        """Stop a job. `last` is the latest known state: some vendors' DELETE erases a finished, billed job."""
        return _answer(CannotCancel("this vendor cannot cancel"))

    def find(self, sought: Sought) -> Flow[FindVerdict]:
        """Was a submission of unknown outcome received?"""
        return _answer(CannotTell("this vendor cannot be asked"))

    def confirm(self, ref: Ref, sought: Sought) -> Flow[FindVerdict]:
        """Is the job that a callback named the submission of unknown outcome? Model and seconds must agree."""
        return _answer(CannotTell("this vendor does not call back"))

    def download(self, ref: Ref, asset: Remote) -> Call:
        """The call that fetches a finished file."""
        if asset.link is None:
            raise Unreadable("the finished job names no link")
        return Call(method="GET", path=asset.link, signed=False)

    def character(self, spec: CharacterSpec) -> Flow[CharacterVerdict]:
        """Make a character of this account from a clip."""
        return _answer(Refused(why=Why.INVALID, message="this vendor has no characters"))

    def account(self) -> Flow[AccountVerdict]:
        """Balance and models, at no cost."""
        return _answer(Account())

    def load(self) -> Flow[LoadVerdict]:
        """The queue of a server that everybody waits in, at no cost."""
        return _answer(Load())

    def notes(self, base_url: str) -> tuple[str, ...]:
        """What an operator should know of the vendor at this address before relying on it: a sentence each."""
        return ()

    def probe(self, base_url: str) -> Flow[ProbeVerdict]:
        """What is the unknown server at this address? At no cost."""
        return _answer(Refused(why=Why.INVALID, message="this adapter is for one vendor and has nothing to find out"))

    def webhook(self, request: Inbound) -> tuple[tuple[Notice, ...], Answer]:
        """Read a callback. The default knows none."""
        return (), Answer(status=404)


def _answer(verdict: V) -> Flow[V]:
    """A flow that needs no call."""
    yield from ()
    return verdict
