"""Ids as ColonyOS makes them: SHA3-256 in lower-case hex, 64 digits."""

from __future__ import annotations

import hashlib
import uuid


def random_id() -> str:
    """A new random id."""
    return hashlib.sha3_256(str(uuid.uuid4()).encode()).hexdigest()


def attribute_id(targetid: str, key: str, attributetype: int) -> str:
    """The id of an attribute, which its target, key and type decide."""
    text = f"{targetid}{key}{attributetype}"
    return hashlib.sha3_256(text.encode("utf-8", "surrogatepass")).hexdigest()
