"""The cache stays within its bytes, and lets go of what wasn't looked at longest."""

from __future__ import annotations

from mezzotint_app.thumbnails.thumbnail_cache import ThumbnailCache


def test_the_budget_holds_whatever_comes() -> None:
    cache: ThumbnailCache[bytes] = ThumbnailCache(1_000)
    for number in range(10_000):
        cache.put(number, b"", 1 + number % 97)
        assert cache.nbytes <= 1_000
    assert cache.nbytes > 800, "it is used, too"


def test_what_was_looked_at_last_stays() -> None:
    cache: ThumbnailCache[str] = ThumbnailCache(30)
    for name in "abc":
        cache.put(name, name, 10)
    assert cache.get("a") == "a"
    cache.put("d", "d", 10)
    assert cache.get("b") is None
    assert [cache.get(name) for name in "acd"] == ["a", "c", "d"]


def test_the_same_key_counts_once() -> None:
    cache: ThumbnailCache[str] = ThumbnailCache(100)
    cache.put("a", "old", 40)
    cache.put("a", "new", 30)
    assert (cache.get("a"), cache.nbytes, len(cache)) == ("new", 30, 1)
    cache.drop("a")
    assert cache.nbytes == 0


def test_a_smaller_budget_evicts_at_once_but_one_large_value_stays() -> None:
    cache: ThumbnailCache[str] = ThumbnailCache(100)
    cache.put("a", "a", 50)
    cache.put("b", "b", 50)
    cache.set_max_bytes(50)
    assert "a" not in cache
    cache.put("c", "c", 500)
    assert cache.get("c") == "c"
    assert len(cache) == 1
