"""All variants, in the order of the tables, by a key for the command line."""

from bench.peers import dicts, lightning, ours, sqlite
from bench.peers.face import DURABILITY, Variant

_STORES = [*ours.VARIANTS, *dicts.VARIANTS, *sqlite.VARIANTS, *lightning.VARIANTS]
_SORTED = sorted(_STORES, key=lambda variant: list(DURABILITY).index(variant.durability))


def key_of(variant: Variant) -> str:
    return f"{variant.name}/{variant.durability}/{variant.settings}"


VARIANTS: dict[str, Variant] = {key_of(variant): variant for variant in _SORTED}
