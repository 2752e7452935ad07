"""All variants, in the order of the tables, by a key for the command line."""

from argparse import ArgumentParser
from collections.abc import Container
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


def add_stores(parser: ArgumentParser) -> None:
    names = list(dict.fromkeys(variant.name for variant in _VARIANTS))
    parser.add_argument(
        "--stores",
        nargs="+",
        default=names,
        choices=names,
        metavar="STORE",
        help=f"some of: {', '.join(names)}",
    )


def variants_of(names: Container[str]) -> dict[str, Variant]:
    return {key: variant for key, variant in VARIANTS.items() if variant.name in names}
