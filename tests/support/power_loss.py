"""What power loss may leave of a disk: the unsynced part kept, dropped, torn, reordered, cut or zero-extended."""

from __future__ import annotations

import random

from support.disk import Image, apply_change

SECTOR = 512

ENTRIES = ("none", "all", "first ones", "any")
DATA = ("kept", "dropped", "torn", "torn", "in order", "reordered", "older", "inside a sector")
SIZES = ("kept", "kept", "dropped", "largest", "between")


def power_loss(image: Image, chance: random.Random) -> tuple[dict[str, bytes], str]:
    """One state of the files that the disk may be in, and what became of the unsynced part."""
    entries = chance.choice(ENTRIES)
    data, size = (chance.choice(DATA), chance.choice(SIZES)) if chance.random() < 0.7 else ("", "")
    names = dict(image.durable)
    for change in _surviving(image.pending, entries, chance):
        apply_change(names, change)
    files, made = {}, {}
    for name, number in sorted(names.items()):
        if number not in made:
            versions = image.contents[number]
            how = data or chance.choice(DATA)
            bytes_left = _size(versions, size or chance.choice(SIZES), chance)
            made[number] = _data(versions, how, bytes_left, chance)
        files[name] = made[number]
    return files, f"entries {entries}, data {data or 'mixed'}, size {size or 'mixed'}"


def _surviving(pending, entries: str, chance: random.Random):
    """Changes of the directory that reached the disk. "any": no order is assumed between them."""
    if entries == "any":
        return [change for change in pending if chance.random() < 0.5]
    count = {"none": 0, "all": len(pending)}.get(entries, chance.randint(0, len(pending)))
    return pending[:count]


def _size(versions: tuple[bytes, ...], how: str, chance: random.Random) -> int:
    sizes = [len(version) for version in versions]
    if how == "kept":
        return sizes[-1]
    if how == "dropped":
        return sizes[0]
    if how == "largest":
        return max(sizes)
    size = chance.randint(min(sizes), max(sizes))
    return size if chance.random() < 0.5 else max(min(sizes), size // SECTOR * SECTOR)


def _data(versions: tuple[bytes, ...], how: str, size: int, chance: random.Random) -> bytes:
    """Every sector from one of the versions, as zeros where that had none."""
    old, new = versions[0], versions[-1]
    if len(versions) == 1 or how == "dropped":
        return _fit(old, size)
    if how == "kept":
        return _fit(new, size)
    if how == "older":
        return _fit(chance.choice(versions), size)
    sectors = (size + SECTOR - 1) // SECTOR
    first = next((n for n in range(sectors) if _sector(old, n) != _sector(new, n)), 0)
    cut = chance.randint(first, sectors)
    if how == "in order":
        return _fit(_fit(new, cut * SECTOR) + _fit(old, size)[cut * SECTOR :], size)
    if how == "reordered":
        return _fit(_fit(old, cut * SECTOR) + _fit(new, size)[cut * SECTOR :], size)
    if how == "inside a sector":
        place = cut * SECTOR + chance.randrange(SECTOR)
        if chance.random() < 0.5:  # near the first byte that is not the same
            place = first * SECTOR + chance.randrange(SECTOR)
        before, after = (new, old) if chance.random() < 0.5 else (old, new)
        return _fit(_fit(before, place) + _fit(after, size)[place:], size)
    # Torn. Rarely lost ones are the hard case, for what follows them is whole.
    lost = chance.choice((0.1, 0.5, 0.9))
    from_old = [chance.random() < lost for _ in range(sectors)]
    others = versions if chance.random() < 0.2 else (new,)
    return _fit(
        b"".join(_sector(old if from_old[n] else chance.choice(others), n) for n in range(sectors)),
        size,
    )


def _sector(data: bytes, number: int) -> bytes:
    return data[number * SECTOR : (number + 1) * SECTOR].ljust(SECTOR, b"\0")


def _fit(data: bytes, size: int) -> bytes:
    return data[:size].ljust(size, b"\0")
