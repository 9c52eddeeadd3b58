"""Short names for content: 12 hexadecimal digits of a SHA-256, as rows and files carry them."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def of_text(text: str) -> str:
    """Of a text, in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def of_json(plain: Any) -> str:
    """Of plain values, whatever the order of their keys."""
    return of_text(json.dumps(plain, sort_keys=True))
