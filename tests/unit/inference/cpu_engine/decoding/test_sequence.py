from __future__ import annotations

import pytest

from services.inference.cpu_engine.decoding.sequence import Request, Sampling, Sequence, Token

PIECES = {0: "", 1: "Oil", 2: " falls", 3: "\n", 4: "\nthen", 5: " more. Ne", 6: "xt: "}
END = frozenset({0})


class AdmitsAnything:
    """A grammar's matcher that takes every token."""

    def accept_token(self, token: int) -> bool:
        return True


def decode(ids: list[int]) -> str:
    return "".join(PIECES[i] for i in ids)


def fed(tokens: list[int], sampling: Sampling) -> Sequence:
    [row] = Request("base", (1,), sampling).begin()
    for token in tokens:
        assert not row.over
        row.append(Token(token, -0.5, []), END, decode)
    return row


def test_the_end_token_ends_without_a_stop_reason() -> None:
    row = fed([1, 2, 0], Sampling(max_tokens=9))
    assert (row.text, row.finish_reason, row.stop_reason) == ("Oil falls", "stop", None)
    assert row.token_ids == [1, 2, 0]


def test_the_last_token_allowed_ends_by_length() -> None:
    row = fed([1, 2], Sampling(max_tokens=2))
    assert (row.text, row.finish_reason) == ("Oil falls", "length")


def test_an_end_token_in_the_last_place_is_a_stop() -> None:
    assert fed([1, 0], Sampling(max_tokens=2)).finish_reason == "stop"


def test_text_after_a_stop_string_inside_a_token_is_cut() -> None:
    row = fed([1, 4], Sampling(max_tokens=9, stop=("\n",)))
    assert (row.text, row.stop_reason) == ("Oil", "\n")
    assert row.token_ids == [1, 4]


def test_a_stop_string_over_several_tokens_is_noticed() -> None:
    row = fed([1, 5, 6], Sampling(max_tokens=9, stop=("never", "Next:")))
    assert (row.text, row.stop_reason) == ("Oil more. ", "Next:")


def test_of_two_stop_strings_the_earlier_one_counts() -> None:
    row = fed([5, 6], Sampling(max_tokens=9, stop=(":", "Next")))
    assert (row.text, row.stop_reason) == (" more. ", "Next")


def test_a_stop_token_ends_by_its_id() -> None:
    row = fed([1, 3], Sampling(max_tokens=9, stop_token_ids=(3,)))
    assert (row.text, row.stop_reason) == ("Oil\n", 3)


def test_an_ignored_end_token_is_a_token_like_others() -> None:
    assert fed([1, 0, 2], Sampling(max_tokens=9, ignore_eos=True)).over is False


def test_the_end_of_a_grammar_cannot_be_ignored() -> None:
    [row] = Request("base", (1,), Sampling(max_tokens=9, ignore_eos=True)).begin()
    row.matcher = AdmitsAnything()
    row.append(Token(0, 0.0, []), END, decode)
    assert row.finish_reason == "stop"


@pytest.mark.parametrize("seed", [0, -1, 2**63 - 1])
def test_any_64_bit_seed_serves(seed: int) -> None:
    first, second = Request("base", (1,), Sampling(max_tokens=1, seed=seed), n=2).begin()
    assert first.generator.initial_seed() != second.generator.initial_seed()


def test_a_cancelled_request_is_over() -> None:
    [row] = Request("base", (1,), Sampling(max_tokens=9), cancelled=True).begin()
    assert row.over
