from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.exchange.pieces import SMALL, keep

if TYPE_CHECKING:
    from responder.exchange.pieces import Pieces

sizes = st.lists(st.sampled_from([0, 1, SMALL - 1, SMALL, SMALL + 1, 5 * SMALL]), max_size=20)


@given(sizes)
def test_pieces_are_kept_in_order(sizes: list[int]) -> None:
    given_pieces = [bytes([number]) * size for number, size in enumerate(sizes)]
    pieces: Pieces = []
    for piece in given_pieces:
        keep(pieces, piece)
    assert b"".join(pieces) == b"".join(given_pieces)


@pytest.mark.parametrize("size", [0, 1, 100, SMALL - 1])
def test_small_pieces_are_put_together(size: int) -> None:
    pieces: Pieces = []
    for _ in range(20_000):
        keep(pieces, b"x" * size)
    assert len(pieces) <= 20_000 * size // (4 * SMALL) + 1


def test_a_large_piece_is_kept_as_it_is() -> None:
    large = b"x" * SMALL
    pieces: Pieces = []
    for piece in (b"a", large, b"b"):
        keep(pieces, piece)
    assert pieces[1] is large
