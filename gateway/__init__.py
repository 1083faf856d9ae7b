"""Telecine: one OpenAI-compatible endpoint for video generation in front of many providers."""

__version__ = "0.1.0"
