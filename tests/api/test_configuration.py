"""Settings: accepted forms, and every wrong one refused with the field, the value and what is allowed."""

from __future__ import annotations

import pytest

import velocity
from velocity import Config, ConfigError, Consistency, StorageMode, VelocityDB, VelocityError

ALLOWED_MODES = ("memory-only", "memory-first", "hybrid", "persistent")


def test_defaults():
    config = Config(data_dir="data/")
    assert config.storage_mode is StorageMode.MEMORY_FIRST
    assert config.default_consistency is Consistency.LOCAL
    assert config.cache_size == 100
    assert config.max_memory is None
    assert config.sync_writes is False
    assert config.flush_interval == 0.05
    assert config.replication_factor == 3
    assert config.quorum_size is None
    assert config.cluster is None


def test_enums_accept_their_values():
    config = Config(data_dir="x", storage_mode="hybrid", default_consistency="strong")
    assert config.storage_mode is StorageMode.HYBRID
    assert config.default_consistency is Consistency.STRONG
    assert [mode.value for mode in StorageMode] == list(ALLOWED_MODES)
    assert [level.value for level in Consistency] == ["local", "eventual", "quorum", "strong"]


WRONG = [
    ({"storage_mode": "fast"}, ["storage_mode", "fast", *ALLOWED_MODES]),
    ({"storage_mode": 3}, ["storage_mode", "3"]),
    ({"storage_mode": None}, ["storage_mode", "None"]),
    (
        {"default_consistency": "never"},
        ["default_consistency", "never", "local", "eventual", "quorum", "strong"],
    ),
    ({"cache_size": 0}, ["cache_size", "0"]),
    ({"cache_size": -1}, ["cache_size", "-1"]),
    ({"cache_size": "big"}, ["cache_size", "big"]),
    ({"cache_size": True}, ["cache_size", "True"]),
    ({"max_memory": 0}, ["max_memory", "0"]),
    ({"max_memory": -5}, ["max_memory", "-5"]),
    ({"max_memory": "1G"}, ["max_memory", "1G"]),
    ({"sync_writes": "yes"}, ["sync_writes", "yes"]),
    ({"flush_interval": -0.1}, ["flush_interval", "-0.1"]),
    ({"flush_interval": float("nan")}, ["flush_interval", "nan"]),
    ({"flush_interval": float("inf")}, ["flush_interval", "inf"]),
    ({"flush_interval": "1s"}, ["flush_interval", "1s"]),
    ({"replication_factor": 0}, ["replication_factor", "0"]),
    ({"replication_factor": 2.5}, ["replication_factor", "2.5"]),
    ({"quorum_size": 0}, ["quorum_size", "0"]),
    ({"quorum_size": 4}, ["quorum_size", "4", "3"]),
    ({"data_dir": 5}, ["data_dir", "5"]),
    ({"data_dir": ""}, ["data_dir"]),
    ({"data_dir": "a\0b"}, ["data_dir"]),
    ({"data_dir": None, "storage_mode": "persistent"}, ["data_dir", "persistent"]),
    ({"data_dir": None, "storage_mode": "hybrid"}, ["data_dir", "hybrid"]),
    ({"data_dir": None, "storage_mode": "memory-first"}, ["data_dir", "memory-first"]),
    ({"cluster": "n1"}, ["cluster", "n1"]),
]


@pytest.mark.parametrize(("settings", "named"), WRONG, ids=lambda value: str(value)[:40])
def test_wrong_settings(settings, named, tmp_path):
    given = {"data_dir": str(tmp_path / "d"), "storage_mode": "persistent"} | settings
    with pytest.raises(ConfigError) as caught:
        VelocityDB(Config(**given))
    for word in named:
        assert word in str(caught.value)
    assert not (tmp_path / "d").exists()


def test_config_error_is_a_value_error():
    with pytest.raises(ValueError, match="cache_size") as caught:
        Config(data_dir="x", cache_size=-1)
    assert isinstance(caught.value, VelocityError)


def test_unknown_setting_in_a_dict_names_it():
    with pytest.raises(ConfigError, match="cach_size"):
        Config.from_dict({"data_dir": "x", "cach_size": 5})


def test_open_with_an_unknown_setting():
    with pytest.raises((ConfigError, TypeError), match="cach_size"):
        velocity.open("x", cach_size=5)


def test_from_dict(tmp_path):
    config = Config.from_dict(
        {"data_dir": "d", "storage_mode": "persistent", "cache_size": 7, "sync_writes": True}
    )
    assert config == Config(
        data_dir="d", storage_mode=StorageMode.PERSISTENT, cache_size=7, sync_writes=True
    )


def test_from_dict_refuses_what_is_not_a_dict():
    with pytest.raises(ConfigError):
        Config.from_dict([("data_dir", "x")])


def test_from_file(tmp_path):
    path = tmp_path / "node.toml"
    path.write_text(
        'data_dir = "d"\nstorage_mode = "hybrid"\nflush_interval = 0.2\ncache_size = 7\n'
    )
    expected = Config(data_dir="d", storage_mode="hybrid", flush_interval=0.2, cache_size=7)
    assert Config.from_file(path) == Config.from_file(str(path)) == expected


def test_from_file_with_an_unknown_setting_names_file_and_setting(tmp_path):
    path = tmp_path / "node.toml"
    path.write_text('data_dir = "d"\ncolour = "red"\n')
    with pytest.raises(ConfigError) as caught:
        Config.from_file(path)
    assert "colour" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["data_dir = ", "\udcff", "[["], ids=["cut", "not UTF-8", "not TOML"]
)
def test_from_file_that_is_not_toml_names_the_file(text, tmp_path):
    path = tmp_path / "node.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=r"node\.toml"):
        Config.from_file(path)


def test_from_file_that_is_absent(tmp_path):
    with pytest.raises((ConfigError, OSError), match=r"absent\.toml"):
        Config.from_file(tmp_path / "absent.toml")


def test_an_impossible_write_to_settings_is_refused():
    config = Config(data_dir="d")
    with pytest.raises(AttributeError):
        config.colour = "red"
