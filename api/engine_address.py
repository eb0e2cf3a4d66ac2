"""Checks the settings that say where the engine is and how long it may take. Pure; contacts nobody."""

from __future__ import annotations

import math
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


def clean_address(name: str, value: str) -> str:
    """`value` as `scheme://host[:port][/path]` without a trailing slash; a fault names `name`."""
    address = value.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or any(c in address for c in " ;,'\"\\"):
        raise ImproperlyConfigured(f"{name}={value!r} is not an http address: write http://host:port")
    return address


def clean_seconds(name: str, value: str) -> float:
    """`value` as a positive number of seconds; ImproperlyConfigured names `name`."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ImproperlyConfigured(f"{name}={value!r} is not a number of seconds above 0")
    return seconds
