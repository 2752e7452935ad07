"""Hit ratios of the cache beside those of policies simulated on the same traces.

    python -m bench.cache [--documents 40000] [--size 1000] [--share 0.1] [--accesses 400000]

The simulations hold a share of the documents, the engine gets that share of their bytes as its
cache_size, out of which it also pays for its links, its ghosts and the rounding of blocks. All begin
cold.
"""

import argparse
import tempfile
from itertools import chain, cycle, islice

import velocity
from bench.data import Access, Uniform, Zipf
from bench.policies import POLICIES, hit_ratio


def mixed(count: int, accesses: int) -> list[int]:
    """Zipf, and after each tenth of the documents' number a scan over a twentieth of them."""
    zipf, starts = Zipf(count), Uniform(count)
    rounds = accesses // (count // 10 + count // 20)
    return list(
        chain.from_iterable(
            [*zipf.take(count // 10), *((start + i) % count for i in range(count // 20))]
            for start in starts.take(rounds)
        )
    )


def loop(count: int, accesses: int, share: float) -> list[int]:
    return list(islice(cycle(range(int(count * share * 1.1))), accesses))


def traces(count: int, accesses: int, share: float) -> dict[str, list[int]]:
    zipf: Access = Zipf(count)
    return {
        "Zipf 0.99": zipf.take(accesses),
        "Zipf and scans": mixed(count, accesses),
        "loop of 1.1 x the cache": loop(count, accesses, share),
    }


def engine_ratio(trace: list[int], count: int, size: int, share: float) -> float:
    with tempfile.TemporaryDirectory() as folder:
        with velocity.open(folder, storage_mode="persistent") as db:
            documents = db.create_collection("documents")
            for start in range(0, count, 1000):
                documents.put_many(
                    (f"d{n}", {"data": bytes(size)}) for n in range(start, min(start + 1000, count))
                )
            live = db.stats().live_bytes
        megabytes = max(1, round(live * share / (1 << 20)))
        with velocity.open(folder, storage_mode="persistent", cache_size=megabytes) as db:
            get = db["documents"].get
            for n in trace:
                get(f"d{n}")
            return db.stats().cache_hit_ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, default=40_000)
    parser.add_argument("--size", type=int, default=1_000, help="bytes of a document's data")
    parser.add_argument("--accesses", type=int, default=400_000)
    parser.add_argument("--share", type=float, default=0.1)
    options = parser.parse_args()
    capacity = int(options.documents * options.share)
    print("| trace | " + " | ".join(POLICIES) + " | VelocityDB |")
    print("| --- |" + " ---: |" * (len(POLICIES) + 1))
    for name, trace in traces(options.documents, options.accesses, options.share).items():
        ratios = [hit_ratio(policy(capacity), trace) for policy in POLICIES.values()]
        ratios.append(engine_ratio(trace, options.documents, options.size, options.share))
        print(f"| {name} | " + " | ".join(f"{100 * ratio:.1f}" for ratio in ratios) + " |")


if __name__ == "__main__":
    main()
