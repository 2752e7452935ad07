"""Settings: what the mode is when none is said, hints, and what the engine is told."""

from __future__ import annotations

import pytest

import velocity
from velocity import Config, ConfigError, StorageMode


def test_the_mode_follows_from_the_directory():
    assert Config().storage_mode is StorageMode.MEMORY_ONLY
    assert Config("d").storage_mode is StorageMode.MEMORY_FIRST
    assert Config("d", storage_mode="hybrid").storage_mode is StorageMode.HYBRID


def test_paths_of_every_kind(tmp_path):
    assert Config(tmp_path).data_dir == str(tmp_path)
    assert Config(b"caf\xc3\xa9").data_dir == "café"


IMPOSSIBLE = [
    ({"data_dir": "d", "storage_mode": "memory-only"}, "data_dir: 'd'.*memory-only"),
    ({"sync_writes": True}, "sync_writes: True.*memory-only"),
    ({"data_dir": "d", "storage_mode": "hybrid", "max_memory": 5}, "max_memory: 5.*cache_size"),
    ({"quorum_size": 3, "replication_factor": 2}, "quorum_size: 3.*1 to the .*2"),
    ({"cluster": {"node_id": "n1"}}, "cluster:.*not available in this version"),
    ({"cache_siz": 5}, "cache_siz: unknown.*did you mean 'cache_size'"),
    ({"self": 5}, "self: unknown setting, got 5"),
    ({"zzz": 5}, "zzz: unknown setting, got 5; allowed: data_dir, storage_mode"),
    ({"flush_interval": 1e300}, "flush_interval"),
    ({"cache_size": 1e300}, "cache_size"),
]


@pytest.mark.parametrize(("settings", "says"), IMPOSSIBLE, ids=lambda value: str(value)[:40])
def test_impossible_settings(settings, says):
    for make in (lambda: Config(**settings), lambda: Config.from_dict(settings)):
        with pytest.raises(ConfigError, match=says):
            make()
    with pytest.raises(ConfigError, match=says):
        velocity.open(**settings)


def test_names_of_settings_are_strings():
    with pytest.raises(ConfigError, match="5"):
        Config.from_dict({5: 1})


def test_a_table_in_a_file_is_a_setting_like_any_other(tmp_path):
    path = tmp_path / "node.toml"
    path.write_text('[cluster]\nnode_id = "n1"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"node\.toml: cluster: .*not available"):
        Config.from_file(path)


def test_what_the_engine_is_told():
    persistent = Config("d", storage_mode="persistent", cache_size=1.5, sync_writes=True)
    told = persistent.engine_settings()
    assert (told["bounded"], told["cache_size"], told["sync_writes"]) == (True, 3 << 19, True)
    told = Config("d", max_memory=1 << 30, flush_interval=1).engine_settings()
    assert (told["bounded"], told["max_memory"], told["flush_interval"]) == (False, 1 << 30, 1)


def test_a_database_wants_a_config():
    with pytest.raises(ConfigError, match="dict"):
        velocity.VelocityDB({"data_dir": "d"})
    with velocity.VelocityDB() as db:
        assert db.config == Config()
