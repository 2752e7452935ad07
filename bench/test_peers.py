"""Every store behind the common face does what its measurements suppose."""

from importlib.util import find_spec

import pytest

from bench import machine
from bench.data import document, pairs
from bench.peers import registry
from bench.peers.registry import VARIANTS

COUNT = 1_000
PACKAGES = {"LMDB": "lmdb", "RocksDB": "rocksdict", "LevelDB": "plyvel", "diskcache": "diskcache"}


def test_only_what_is_missing_is_left_out(monkeypatch):
    assert set(registry.LEFT_OUT) <= {*PACKAGES, "Redis"}
    for store, package in PACKAGES.items():
        assert (store in registry.LEFT_OUT) == (find_spec(package) is None)
    monkeypatch.setitem(registry.STORES, "Nosuch", "nosuch")
    variants, left_out = registry.find_variants()
    assert "nosuch" in left_out["Nosuch"]
    assert len(variants) == len(VARIANTS)


def test_heading_says_what_is_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "LEFT_OUT", {"Redis": "no redis-server on the path"})
    lines = machine.description(tmp_path)
    assert lines[-1] == "Left out on this machine: Redis (no redis-server on the path)"
    assert "redis-server" not in lines[1]


@pytest.fixture(params=VARIANTS)
def variant(request):
    return VARIANTS[request.param]


def test_face(variant, tmp_path):
    peer = variant.open(tmp_path)
    peer.put_batch(list(pairs(range(COUNT))))
    assert peer.count() == COUNT
    assert peer.get("nobody") is None
    assert dict(peer.get("user5")) == peer.read("user5") == document(5)
    peer.update("user5", {"priority": 77})
    assert peer.read("user5") == document(5) | {"priority": 77}
    peer.delete("user5")
    assert peer.get("user5") is None
    assert peer.count() == COUNT - 1
    peer.put("user5", document(5, 1))
    if hasattr(peer, "scan"):
        assert peer.scan("user5", 3) == [document(5, 1), document(50), document(500)]
        assert len(peer.scan("user998", 100)) == 2
    peer.flush()
    peer.close()
    if variant.persistent:
        peer = variant.open(tmp_path)
        assert peer.count() == COUNT
        assert peer.read("user5") == document(5, 1)
        peer.close()
