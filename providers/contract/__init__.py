"""What adapters say and hear: the whole vocabulary between a vendor's wire format and the gateway.

An adapter is pure. Each verb is a *flow*, a generator that yields the `Call` it wants made, is sent the `Reply`, and
returns a verdict from a closed list:

    submit(spec, key) -> Accepted | Finished | Refused | KeyUsed
    poll(ref)         -> Running | Finished | Broken | Refused
    cancel(ref, last) -> Cancelled | TooLate | CannotCancel
    find(sought)      -> Exactly | Probably | NotReceived | CannotTell
    confirm(ref, sought) -> Exactly | NotReceived | CannotTell
    character(spec)   -> Accepted | Refused
    account()         -> Account | Refused
    load()            -> Load | Refused

The driver makes the calls. When a call brings no reply the flow is closed and the driver itself says what that means,
so no flow handles timeouts. A reply that cannot be understood raises `Unreadable` (the toolbox's readers do).

It stands in rooms, in the order in which an author meets them, and everything is imported from here:

    adapter    the base class: what to implement, and what is a default
    asked      `Spec` and its parts: what a submission is made from
    calls      `Call` and `Reply`
    verdicts   what a flow returns
    declared   `Abilities` and `Price`: what is known of a model before it is asked
    callbacks  what a vendor tells by itself
    words      `Ref`, `Size`, `Verb`, `Why`, `Unreadable`
"""

from __future__ import annotations

from providers.contract.adapter import Adapter, AdapterSettings, SettingsT
from providers.contract.asked import Blob, CharacterSpec, Image, Sought, Source, Spec
from providers.contract.callbacks import Answer, Inbound, Notice
from providers.contract.calls import Call, Flow, Form, JsonBody, Part, Reply, V, replace
from providers.contract.declared import BILLION, Abilities, Modifier, NothingMade, Price
from providers.contract.verdicts import (
    Accepted,
    Account,
    AccountVerdict,
    AssetKind,
    Broken,
    Cancelled,
    CancelVerdict,
    CannotCancel,
    CannotTell,
    CharacterVerdict,
    Charge,
    Exactly,
    FindVerdict,
    Finished,
    KeyUsed,
    Load,
    LoadVerdict,
    NotReceived,
    PollVerdict,
    Probably,
    Probed,
    ProbeVerdict,
    Refused,
    Remote,
    Running,
    SubmitVerdict,
    TooLate,
    Unit,
)
from providers.contract.words import (
    IMAGE_BYTES_MAX,
    IMAGE_TYPES,
    REPLY_BYTES_MAX,
    Json,
    Ref,
    Size,
    Unreadable,
    Verb,
    Why,
)

__all__ = [
    "BILLION",
    "IMAGE_BYTES_MAX",
    "IMAGE_TYPES",
    "REPLY_BYTES_MAX",
    "Abilities",
    "Accepted",
    "Account",
    "AccountVerdict",
    "Adapter",
    "AdapterSettings",
    "Answer",
    "AssetKind",
    "Blob",
    "Broken",
    "Call",
    "CancelVerdict",
    "Cancelled",
    "CannotCancel",
    "CannotTell",
    "CharacterSpec",
    "CharacterVerdict",
    "Charge",
    "Exactly",
    "FindVerdict",
    "Finished",
    "Flow",
    "Form",
    "Image",
    "Inbound",
    "Json",
    "JsonBody",
    "KeyUsed",
    "Load",
    "LoadVerdict",
    "Modifier",
    "NotReceived",
    "NothingMade",
    "Notice",
    "Part",
    "PollVerdict",
    "Price",
    "Probably",
    "ProbeVerdict",
    "Probed",
    "Ref",
    "Refused",
    "Remote",
    "Reply",
    "Running",
    "SettingsT",
    "Size",
    "Sought",
    "Source",
    "Spec",
    "SubmitVerdict",
    "TooLate",
    "Unit",
    "Unreadable",
    "V",
    "Verb",
    "Why",
    "replace",
]
