from __future__ import annotations

import math

import pytest
import torch

from services.inference.cpu_engine.decoding.sampling import BLOCK, candidates, draw, largest, sample
from services.inference.cpu_engine.decoding.sequence import Request, Sampling, Sequence

# Probabilities .5, .25, .15, .1 for tokens 2, 0, 3, 1.
LOGITS = torch.tensor([[0.25, 0.1, 0.5, 0.15]]).log()


def chances(**how: float) -> dict[int, float]:
    settings = [Sampling(max_tokens=1, **how)]  # type: ignore[arg-type]
    ids, logprobs = candidates(LOGITS, settings)
    pairs = zip(ids[0].tolist(), logprobs[0].exp().tolist(), strict=True)
    return {token: chance for token, chance in pairs if chance}


def test_without_cuts_the_distribution_is_the_softmax() -> None:
    assert chances() == pytest.approx({2: 0.5, 0: 0.25, 3: 0.15, 1: 0.1})


def test_temperature_sharpens_before_anything_is_cut() -> None:
    # Squares: .25, .0625, .0225, .01; their sum is .345.
    assert chances(temperature=0.5) == pytest.approx({2: 0.7246, 0: 0.1812, 3: 0.0652, 1: 0.0290}, abs=1e-4)


def test_top_k_renormalises_what_is_left() -> None:
    assert chances(top_k=2) == pytest.approx({2: 2 / 3, 0: 1 / 3})


def test_top_p_keeps_the_token_that_crosses_it() -> None:
    assert chances(top_p=0.7) == pytest.approx({2: 2 / 3, 0: 1 / 3})
    assert chances(top_p=0.01) == {2: 1.0}


def test_top_p_applies_to_what_top_k_left() -> None:
    # After top-k 3 the shares are .556, .278, .167: .8 needs two of them; of all four it would need three.
    assert chances(top_k=3, top_p=0.8) == pytest.approx({2: 2 / 3, 0: 1 / 3})
    assert chances(top_p=0.8) == pytest.approx({2: 0.5 / 0.9, 0: 0.25 / 0.9, 3: 0.15 / 0.9})


def test_greedy_is_neither_scaled_nor_cut() -> None:
    assert chances(temperature=0, top_k=1, top_p=0.1) == pytest.approx({2: 0.5, 0: 0.25, 3: 0.15, 1: 0.1})


def test_rows_keep_their_own_settings_in_company() -> None:
    settings = [Sampling(1, top_k=2), Sampling(1, temperature=0), Sampling(1, top_p=0.01), Sampling(1)]
    _, logprobs = candidates(LOGITS.repeat(4, 1), settings)
    assert logprobs.exp()[:, 0].tolist() == pytest.approx([2 / 3, 0.5, 1.0, 0.5])


def test_frequencies_follow_the_distribution() -> None:
    _, logprobs = candidates(LOGITS, [Sampling(1)])
    generator = torch.Generator().manual_seed(1)
    ranks = [int(draw(logprobs, [Sampling(1)], [generator])) for _ in range(4000)]
    for rank, chance in enumerate((0.5, 0.25, 0.15, 0.1)):
        assert ranks.count(rank) / 4000 == pytest.approx(chance, abs=0.03)


def test_an_excluded_token_is_never_drawn() -> None:
    masked = LOGITS.clone()
    masked[0, [2, 0]] = -math.inf
    rows = Request("base", (1,), Sampling(max_tokens=1, top_k=50), n=200).begin()
    tokens = sample(masked.repeat(200, 1), rows)
    assert {token.id for token in tokens} == {1, 3}
    assert {round(math.exp(token.logprob), 3) for token in tokens} == {0.4, 0.6}


def test_a_sampled_token_comes_with_the_likeliest_ones() -> None:
    rows: list[Sequence] = Request("base", (1,), Sampling(max_tokens=1, temperature=0, logprobs=2)).begin()
    [token] = sample(LOGITS, rows)
    assert token.id == 2
    assert [i for i, _ in token.top] == [2, 0]
    assert math.exp(token.logprob) == pytest.approx(0.5)


@pytest.mark.parametrize(("vocabulary", "count"), [(BLOCK * 200, 50), (BLOCK * 200 + 1, 50), (BLOCK * 4, 3), (64, 64)])
def test_the_largest_are_those_of_a_whole_sort(vocabulary: int, count: int) -> None:
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(7, vocabulary, generator=generator)
    logits[3, 5:] = -torch.inf
    values, tokens = largest(logits, count)
    torch.testing.assert_close(values, logits.sort(descending=True).values[:, :count], atol=0, rtol=0)
    torch.testing.assert_close(logits.gather(1, tokens), values, atol=0, rtol=0)
    assert all(len(set(row)) == count for row in tokens.tolist())
