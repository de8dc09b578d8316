"""Every target, fed its kept inputs, mutations of them, and arbitrary bytes."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.kept import CORPUS, kept
from tests.fuzz.mutation import MOST_BYTES, mutate
from tests.fuzz.targets import TARGETS

patient = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
EACH_TARGET = pytest.mark.parametrize("name", TARGETS)


def test_every_target_has_a_corpus_and_every_corpus_a_target():
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize(
    ("name", "path"),
    [pytest.param(name, path, id=f"{name}-{path.name}") for name in TARGETS for path in kept(name)],
)
def test_kept_inputs(name, path):
    assert path.stat().st_size <= MOST_BYTES
    TARGETS[name](path.read_bytes())


@EACH_TARGET
@patient
@given(data=st.data(), random=st.randoms(use_true_random=False))
def test_changes_of_kept_inputs(name, data, random: Random):
    TARGETS[name](mutate(data.draw(st.sampled_from(kept(name))).read_bytes(), random))


@EACH_TARGET
@patient
@given(st.binary(max_size=300))
def test_any_bytes(name, data):
    TARGETS[name](data)
