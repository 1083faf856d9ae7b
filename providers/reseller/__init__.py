"""Crazyrouter and the other resellers: one adapter that reads its contract from settings, by a preset each.

None of them knows idempotency keys. What each says is in `presets`, what can be said at all in `settings`.
"""

from __future__ import annotations

from providers.reseller.adapter import Reseller

__all__ = ["Reseller"]
