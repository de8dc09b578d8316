import time

from tests.harness.cost import growth

SMALL, LARGE = 300, 9_600


def linear(size):
    return lambda: sum(range(size * 30))


def quadratic(size):
    return lambda: [sum(range(size)) for _ in range(size // 100)]


def test_linear_work_grows_as_its_size_does():
    assert 32 / 4 < growth(linear(SMALL), linear(LARGE)) < 32 * 4


def test_quadratic_work_grows_far_more():
    assert growth(quadratic(SMALL), quadratic(LARGE)) > 32 * 4


def test_neither_waiting_nor_one_slow_run_counts():
    slow = iter([True])

    def work():
        time.sleep(0.02)
        linear(LARGE if next(slow, False) else SMALL)()

    assert growth(linear(SMALL), work) < 32 / 4
