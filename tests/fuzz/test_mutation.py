import json
import tracemalloc
from random import Random

from tests.fuzz import mutation
from tests.fuzz.mutation import MOST_BYTES, mutate


def test_a_text_that_is_repeated_again_and_again_does_not_fill_the_memory(monkeypatch):
    repeat = mutation._repeat
    monkeypatch.setattr(mutation, "_replace", repeat)
    for name in ("_remove", "_swap", "_deepen", "_rename"):
        monkeypatch.setattr(mutation, name, repeat)
    tracemalloc.start()
    try:
        sizes = [len(mutate(json.dumps({"a": "x" * 1000}).encode(), Random(seed))) for seed in range(300)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert max(sizes) == MOST_BYTES
    assert peak < 100 * 8 * MOST_BYTES
