"""Slab: classes, reuse, regions given back, large blocks, alignment, accounting, the budget."""

import random

import pytest

from velocity._core.memory import LimitError, Slab, class_size

REGION = 2 << 20
BLOCK_MAX = 512 << 10
PAGE = 4096


@pytest.fixture
def slab():
    s = Slab()
    yield s
    s.check()


def filled(slab, size, count):
    return [slab.alloc(size) for _ in range(count)]


def test_classes_are_multiples_of_8_then_eight_steps_per_power_of_two():
    assert [class_size(n) for n in (1, 8, 9, 64, 65, 121, 128)] == [8, 8, 16, 64, 72, 128, 128]
    assert [class_size(n) for n in (129, 144, 145, 241, 256, 257)] == [144, 144, 160, 256, 256, 288]
    assert class_size(BLOCK_MAX) == BLOCK_MAX
    assert class_size(BLOCK_MAX + 1) == BLOCK_MAX + PAGE


def test_a_class_wastes_at_most_an_eighth_and_never_shrinks():
    last = 0
    for size in range(1, 5000):
        got = class_size(size)
        assert size <= got < size + max(8, size / 8 + 1)
        assert got >= last
        last = got


def test_an_empty_slab_takes_a_few_kibibytes(slab):
    assert slab.memory < 16 << 10
    assert slab.used == 0


def test_reference_zero_is_never_given_out(slab):
    assert 0 not in filled(slab, 8, 1000)


@pytest.mark.parametrize("size", [1, 8, 24, 100, 1000, 30000, BLOCK_MAX, BLOCK_MAX + 1, 5 << 20])
def test_a_block_keeps_its_bytes_to_the_last(slab, size):
    content = random.Random(size).randbytes(class_size(size))
    ref = slab.alloc(size)
    other = slab.alloc(size)
    slab.write(ref, content)
    slab.write(other, bytes(len(content)))
    assert slab.block_size(ref) == len(content)
    assert slab.read(ref, len(content)) == content
    slab.free(other)
    assert slab.read(ref, len(content)) == content


@pytest.mark.parametrize("power", range(6, 20))
def test_powers_of_two_are_aligned_to_their_size_or_the_page(slab, power):
    slab.alloc(24)
    for ref in filled(slab, 1 << power, 5):
        assert slab.address(ref) % min(1 << power, PAGE) == 0


def test_a_freed_block_is_the_next_given_out(slab):
    refs = filled(slab, 100, 50)
    memory = slab.memory
    for at in (7, 31, 8):
        slab.free(refs[at])
    assert {slab.alloc(100) for _ in range(3)} == {refs[7], refs[31], refs[8]}
    assert slab.memory == memory


def test_freed_blocks_are_reused_before_new_pages_are_touched(slab):
    refs = filled(slab, 1024, 5000)
    memory = slab.memory
    for ref in refs[::3]:
        slab.free(ref)
    filled(slab, 1024, len(refs[::3]))
    assert slab.memory == memory


def test_pages_are_counted_as_they_are_touched(slab):
    slab.alloc(1000)
    before = slab.memory
    slab.alloc(1000)
    assert slab.memory == before
    filled(slab, 1000, 8)
    assert slab.memory == before + 2 * PAGE


def test_used_counts_classes(slab):
    a, b = slab.alloc(100), slab.alloc(BLOCK_MAX + 5)
    assert slab.used == 104 + BLOCK_MAX + PAGE
    slab.free(a)
    slab.free(b)
    assert slab.used == 0


def test_ten_thousand_small_blocks_cost_little_more_than_their_bytes(slab):
    empty = slab.memory
    filled(slab, 96, 10_000)
    assert slab.memory - empty <= 96 * 10_000 + PAGE


def test_a_grown_class_takes_whole_huge_regions(slab):
    filled(slab, 4096, 2 * 512)
    memory = slab.memory
    slab.alloc(4096)
    assert memory + REGION <= slab.memory <= memory + REGION + PAGE


def test_emptied_regions_go_back_but_for_one_regions_bytes(slab):
    empty = slab.memory
    refs = filled(slab, 4096, 5 * 512)
    assert slab.memory > empty + 9 * (1 << 20)
    random.Random(1).shuffle(refs)
    for ref in refs:
        slab.free(ref)
    assert slab.used == 0
    assert slab.memory <= empty + REGION + PAGE


def test_the_fuller_regions_are_filled_first_so_that_others_drain(slab):
    refs = filled(slab, 4096, 4 * 512)
    regions = [refs[i : i + 512] for i in range(0, len(refs), 512)]
    for ref in regions[0][:500]:
        slab.free(ref)
    slab.free(regions[1][0])
    assert slab.alloc(4096) == regions[1][0]


def test_a_spare_is_used_again_by_any_class(slab):
    ref = slab.alloc(64)
    memory = slab.memory
    slab.free(ref)
    assert slab.memory == memory
    slab.alloc(PAGE)
    assert slab.memory == memory


def test_large_blocks_go_back_at_once_and_their_numbers_are_reused(slab):
    slab.alloc(8)
    memory = slab.memory
    first = slab.alloc(5 << 20)
    assert memory + (5 << 20) <= slab.memory <= memory + (5 << 20) + PAGE
    slab.free(first)
    assert slab.memory == memory
    assert slab.alloc(5 << 20) == first


def test_a_large_block_skips_a_gap_too_short_for_it(slab):
    a, b, c = (slab.alloc(3 << 20) for _ in range(3))
    slab.free(b)
    larger = slab.alloc(5 << 20)
    assert larger > c > a
    assert slab.alloc(4 << 20) == b


def test_the_budget_stops_new_pages_and_leaves_no_trace():
    slab = Slab(budget=200_000)
    refs = []
    with pytest.raises(LimitError):
        while True:
            refs.append(slab.alloc(1000))
    assert 150 < len(refs) <= 200
    memory, used = slab.memory, slab.used
    for size in (1000, 8, 70_000, 600_000):
        with pytest.raises(LimitError):
            filled(slab, size, 300)
        slab.check()
    assert slab.memory <= 200_000
    assert memory <= slab.memory and used <= slab.used


def test_a_free_block_is_usable_at_the_budget():
    slab = Slab(budget=100_000)
    refs = []
    with pytest.raises(LimitError):
        while True:
            refs.append(slab.alloc(1000))
    slab.free(refs[3])
    assert slab.alloc(1000) == refs[3]
    slab.check()


def test_spares_give_way_to_the_budget():
    slab = Slab(budget=1_000_000)
    for ref in filled(slab, 1000, 900):
        slab.free(ref)
    slab.alloc(900_000)
    slab.check()
    assert slab.memory <= 1_000_000


def test_near_the_budget_a_region_is_taken_by_pages():
    slab = Slab(budget=(4 << 20) + 300_000)
    filled(slab, 4096, 2 * 512 + 40)
    slab.check()
    assert slab.memory <= (4 << 20) + 300_000


def test_charges_count_against_the_budget():
    slab = Slab(budget=100_000)
    slab.charge(80_000)
    assert slab.charged == 80_000
    with pytest.raises(LimitError):
        slab.charge(20_000)
    with pytest.raises(LimitError):
        slab.alloc(30_000)
    slab.charge(-80_000)
    slab.alloc(30_000)
    slab.check()


def test_closing_with_blocks_in_use_is_fine():
    slab = Slab()
    for size in (8, 5000, BLOCK_MAX, 3 << 20):
        slab.alloc(size)
    del slab


def test_a_prepared_region_is_what_a_grown_class_takes_next(slab):
    filled(slab, 4096, 2 * 512)
    assert not slab.spare_wanted
    filled(slab, 4096, 512)  # the first of huge pages
    assert slab.spare_wanted
    slab.prepare()
    slab.check()
    memory = slab.memory
    filled(slab, 4096, 512)
    assert slab.memory == memory


def test_where_a_region_was_promised_and_is_not_there_pages_are_touched_one_by_one(slab):
    filled(slab, 4096, 2 * 512)
    slab.promise()
    memory = slab.memory
    for count in range(1, 600):
        slab.alloc(4096)
        assert memory + count * PAGE <= slab.memory <= memory + (count + 2) * PAGE
    assert slab.spare_wanted
    slab.check()


def test_a_small_class_leaves_the_prepared_region_alone(slab):
    slab.prepare()
    memory = slab.memory
    slab.alloc(64)
    assert slab.memory == memory + PAGE
    filled(slab, 4096, 3 * 512)
    slab.check()


def test_a_prepared_region_gives_way_to_the_budget():
    slab = Slab(budget=6 << 20)
    slab.prepare()
    filled(slab, 1000, 5000)
    slab.check()
    slab.prepare()  # no room for it by now
    slab.check()
    assert slab.memory <= 6 << 20


def test_more_prepared_regions_than_are_kept(slab):
    for _ in range(20):
        slab.prepare()
        slab.check()
    assert slab.memory <= 17 * REGION
