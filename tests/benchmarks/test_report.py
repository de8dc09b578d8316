"""What a run of the benchmark says of what was asked."""

import json

from benchmarks.report import (
    FLOOR_CRYPTO,
    FLOOR_CRYPTO_OF_EIGHT,
    FLOOR_WIRE,
    OURS,
    OURS_OF_EIGHT,
    QUOTIENTS,
    Figure,
    quotients,
    write,
)

RIVAL = QUOTIENTS[0].above


def test_quotients_are_those_of_the_same_turn():
    figures = {RIVAL: Figure([300.0, 600.0, 450.0]), OURS: Figure([100.0, 300.0, 150.0])}
    [(quotient, found)] = quotients(figures).items()
    assert (quotient.what, found.rounds, found.median) == (QUOTIENTS[0].what, [3.0, 2.0, 3.0], 3.0)


def test_what_failed_in_a_turn_is_divided_by_nothing():
    assert quotients({RIVAL: Figure([300.0, 600.0]), OURS: Figure([100.0])}) == {}
    assert quotients({RIVAL: Figure([300.0])}) == {}


def test_who_took_no_part_is_told_with_the_reason_and_everybody_with_what_they_lack(tmp_path):
    figures = {"Rust web-push": Figure([150.0])}
    write(figures, tmp_path, rounds=1, count=10, skipped={"Go webpush-go": "go is not on PATH"})
    told = (tmp_path / "results.md").read_text()
    lacks = "Kafka, pacing, retries, outcomes, expirations, metrics"
    assert f"| Rust web-push | 150.0 | 150.0 | 150.0 | {lacks} |" in told
    assert f"| Go webpush-go | skipped: go is not on PATH | | | {lacks} |" in told
    assert json.loads((tmp_path / "results.json").read_text())["skipped"] == {
        "Go webpush-go": "go is not on PATH"
    }


def test_a_run_is_written_with_its_quotients_and_its_floor(tmp_path):
    figures = {
        FLOOR_CRYPTO: Figure([60.0, 70.0]),
        FLOOR_WIRE: Figure([20.0, 30.0]),
        OURS: Figure([120.0, 150.0]),
        RIVAL: Figure([360.0, 600.0]),
    }
    write(figures, tmp_path, rounds=2, count=10)
    told = (tmp_path / "results.md").read_text()
    assert "| pywebpush's async path / the worker | at least 3 | 3.50 | 3.00 | 4.00 |" in told
    assert "| the worker / the floor | at most 2 | 1.50 | 1.50 | 1.50 |" in told
    assert "1 recipient a record" not in told
    assert json.loads((tmp_path / "results.json").read_text())["figures"]["floor"]["rounds"] == [80.0, 100.0]


def test_each_way_to_agree_on_keys_has_a_floor_of_its_own(tmp_path):
    figures = {
        FLOOR_CRYPTO_OF_EIGHT: Figure([10.0, 12.0]),
        FLOOR_WIRE: Figure([20.0, 28.0]),
        OURS_OF_EIGHT: Figure([60.0, 100.0]),
    }
    write(figures, tmp_path, rounds=2, count=10)
    told = (tmp_path / "results.md").read_text()
    assert "| the worker, multibuffer / its own floor |  | 2.25 | 2.00 | 2.50 |" in told
    found = json.loads((tmp_path / "results.json").read_text())["figures"]
    assert found["floor of multibuffer"]["rounds"] == [30.0, 40.0]
    assert "floor" not in found
