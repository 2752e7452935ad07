"""All variants, in the order of the tables, by a key for the command line."""

from importlib import import_module

from bench.peers.face import DURABILITY, Variant

# Module of this package by the name of its store. Those that cannot be imported are left out.
STORES = {
    "velocity": "ours",
    "dict": "dicts",
    "sqlite3": "sqlite",
    "LMDB": "lightning",
    "RocksDB": "rocks",
    "LevelDB": "level",
    "Redis": "remote",
    "diskcache": "disk",
}


def find_variants() -> tuple[list[Variant], dict[str, str]]:
    """The variants that this machine can run, and why it cannot run the others' stores."""
    variants: list[Variant] = []
    left_out: dict[str, str] = {}
    for store, module in STORES.items():
        try:
            variants += import_module(f"bench.peers.{module}").VARIANTS
        except ImportError as error:
            left_out[store] = str(error)
    variants.sort(key=lambda variant: list(DURABILITY).index(variant.durability))
    return variants, left_out


def key_of(variant: Variant) -> str:
    return f"{variant.name}/{variant.durability}/{variant.settings}"


_VARIANTS, LEFT_OUT = find_variants()
VARIANTS: dict[str, Variant] = {key_of(variant): variant for variant in _VARIANTS}
