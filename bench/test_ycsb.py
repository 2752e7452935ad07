"""The distributions of YCSB, and a small run of its workloads."""

import random
from collections import Counter

import pytest

from bench import ycsb
from bench.peers.mix import Mix
from bench.peers.registry import VARIANTS
from bench.timing import WrongAnswerError
from bench.zipf import SCRAMBLED_ZETA, Latest, Scrambled, fnv64

DRAWS = 50_000


def test_hash_is_that_of_ycsb():
    """The names of the first two records that YCSB itself loads."""
    assert fnv64(0) == 6284781860667377211
    assert fnv64(1) == 8517097267634966620


def test_scrambled():
    requests = Scrambled(random.Random(1))
    (popular, first), (_, second) = Counter(
        requests.take(100_000) for _ in range(DRAWS)
    ).most_common(2)
    assert popular == fnv64(0) % 100_000
    assert first / DRAWS == pytest.approx(1 / SCRAMBLED_ZETA, rel=0.1)
    assert second / first == pytest.approx(2**-0.99, rel=0.1)


def test_latest_follows_what_is_added():
    requests = Latest(1_000, random.Random(1))
    for count in (1_000, 2_000):
        harmonic = sum(rank**-0.99 for rank in range(1, count + 1))
        drawn = Counter(requests.take(count) for _ in range(DRAWS))
        assert drawn[count - 1] / DRAWS == pytest.approx(1 / harmonic, rel=0.05)
        assert 0 <= min(drawn) < count // 10


class Forgetful:
    """A store that has lost the newest field."""

    def read(self, id):
        return {"age": -1}


def test_wrong_answer_ends_the_run():
    with pytest.raises(WrongAnswerError, match="YCSB C"):
        Mix(Forgetful(), 100).run("C", 0.001)


def test_run_of_some(capsys):
    sizes = ["--count", "1000", "--rounds", "1", "--block-ms", "0.2"]
    ycsb.main([*sizes, "--workloads", "AE", "--stores", "velocity", "dict of dicts"])
    printed = capsys.readouterr().out
    assert "| store | settings | A | E |" in printed
    for variant in VARIANTS.values():
        line = f"| {variant.name} | {variant.settings} |"
        assert (line in printed) == (variant.name in ("velocity", "dict of dicts"))
