"""Pauses: they grow, they have an end, and no two processes keep step."""

from itertools import islice

from shared.infrastructure.pauses import growing_pauses


def test_pauses_double_until_they_are_long_enough() -> None:
    pauses = list(islice(growing_pauses(0.1, 10.0), 12))
    for index, pause in enumerate(pauses):
        middle = min(0.1 * 2**index, 10.0)
        assert 0.8 * middle <= pause <= 1.2 * middle


def test_pauses_never_end() -> None:
    assert len(list(islice(growing_pauses(), 1000))) == 1000


def test_two_who_wait_do_not_keep_step() -> None:
    assert list(islice(growing_pauses(), 8)) != list(islice(growing_pauses(), 8))
