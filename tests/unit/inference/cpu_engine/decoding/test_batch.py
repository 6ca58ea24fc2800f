"""The decoder and its shared prompts against a plain forward pass, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from services.inference.cpu_engine.decoding.batch import Batch
from services.inference.cpu_engine.decoding.prompts import WORTH_SHARING, Prompts
from services.inference.cpu_engine.decoding.sequence import Request, Sampling, Sequence, Token
from services.inference.cpu_engine.model.attention import Answers
from services.inference.cpu_engine.model.decoder import Decoder, decoder_of, prepared
from shared.errors import InvalidInputError

HEAD = tuple(range(20, 20 + WORTH_SHARING))
SHORT, LONG, OTHER = (*HEAD, 5, 9, 3), (*HEAD, 5, 9, 3, 40, 41, 42, 43, 7), (61, 62)
SMALL = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def small_model(spread: float = 0.3) -> Any:
    """A Llama of two layers with random weights, in float32."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(3)
    return LlamaForCausalLM(LlamaConfig(**SMALL, initializer_range=spread)).eval()


@pytest.fixture(scope="module")
def model() -> Any:
    return small_model().double()


@pytest.fixture(scope="module")
def decoder(model: Any) -> Decoder:
    return decoder_of(model)


def assert_close(ours: torch.Tensor, plain: torch.Tensor) -> None:
    # transformers normalises in float32 whatever the model's type
    torch.testing.assert_close(ours, plain, atol=2e-5, rtol=0)


def plain_logits(model: Any, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = model(torch.tensor([ids]), use_cache=False).logits[0, -1]
    return logits


def test_a_prompt_that_shares_its_beginning_equals_one_read_at_once(model: Any, decoder: Decoder) -> None:
    prompts = Prompts(100)
    prompts.read(decoder, "base", [SHORT])
    (in_parts,) = prompts.read(decoder, "base", [LONG])
    (at_once,) = Prompts(100).read(decoder, "base", [LONG])
    assert prompts.tokens_reused == len(SHORT)
    torch.testing.assert_close(in_parts.logits, at_once.logits)
    together = torch.cat((in_parts.trunk.keys, in_parts.own), 3)
    torch.testing.assert_close(together, torch.cat((at_once.trunk.keys, at_once.own), 3))
    assert_close(at_once.logits, plain_logits(model, list(LONG)))


def test_prompts_read_together_share_one_trunk_and_equal_those_read_alone(model: Any, decoder: Decoder) -> None:
    prompts = Prompts(200)
    wanted = [(*HEAD, 5, 6), (*HEAD, 5, 8, 9), (*HEAD, 7), OTHER, (*HEAD, 5, 8, 9, 10)]
    read = prompts.read(decoder, "base", wanted)
    for prompt, ids in zip(read, wanted, strict=True):
        assert prompt.ids == ids
        assert_close(prompt.logits, plain_logits(model, list(ids)))
    assert len({read[i].trunk for i in (1, 2, 4)}) == 1
    # The first prompt is read whole; the next two share HEAD with it, and the last (5, 8, 9) more.
    assert prompts.tokens_asked == sum(map(len, wanted))


def test_a_prompt_that_goes_on_behind_another_reuses_all_of_it(model: Any, decoder: Decoder) -> None:
    prompts = Prompts(200)
    prompts.read(decoder, "base", [SHORT, (*HEAD, 8, 8)])
    before = prompts.tokens_reused
    (longer,) = prompts.read(decoder, "base", [(*HEAD, 8, 8, 50, 51)])
    assert prompts.tokens_reused - before == len(HEAD) + 2
    assert_close(longer.logits, plain_logits(model, [*HEAD, 8, 8, 50, 51]))


def test_what_was_read_is_kept_by_policy_up_to_a_limit(decoder: Decoder) -> None:
    prompts = Prompts(len(LONG))
    (first,) = prompts.read(decoder, "base", [SHORT])
    assert prompts.read(decoder, "base", [SHORT]) == [first]
    assert prompts.read(decoder, "tuned", [SHORT]) != [first]
    prompts.read(decoder, "base", [LONG])
    assert prompts.read(decoder, "base", [SHORT]) != [first]
    kept = prompts.read(decoder, "base", [SHORT])
    prompts.drop("base")
    assert prompts.read(decoder, "base", [SHORT]) != kept


def test_each_row_attends_to_its_own_prompt_and_answer(model: Any, decoder: Decoder) -> None:
    answers = Answers()
    rows = [(SHORT, [11, 12]), (LONG, [14, 15, 16]), (SHORT, [13]), (OTHER, [17, 18]), (LONG, [19, 20])]
    read = Prompts(100).read(decoder, "base", [SHORT, LONG, OTHER])
    for prompt, _ in rows:
        answers.join(next(p for p in read if p.ids == prompt))
    # All tokens of an answer go in at once: the first ones of all rows, then the further ones.
    tokens = [answer[0] for _, answer in rows] + [token for _, answer in rows for token in answer[1:]]
    positions = answers.advance([len(answer) for _, answer in rows])
    logits = decoder.logits(torch.tensor(tokens), positions, answers, slice(None))
    at = len(rows)
    for row, (prompt, answer) in enumerate(rows):
        last = row if len(answer) == 1 else at + len(answer) - 2
        at += len(answer) - 1
        assert_close(logits[last], plain_logits(model, [*prompt, *answer]))


def test_a_row_that_leaves_gives_its_place_to_the_last_one(model: Any, decoder: Decoder) -> None:
    answers = Answers()
    read = Prompts(100).read(decoder, "base", [SHORT, LONG, OTHER])
    for prompt in (read[0], read[1], read[2]):
        answers.join(prompt)
    decoder.logits(torch.tensor([11, 12, 13]), answers.advance([1, 1, 1]), answers, slice(None))
    answers.leave(0)
    assert [prompt.ids for prompt in answers.prompts] == [OTHER, LONG]
    logits = decoder.logits(torch.tensor([14, 15]), answers.advance([1, 1]), answers, slice(None))
    assert_close(logits[0], plain_logits(model, [*OTHER, 13, 14]))
    assert_close(logits[1], plain_logits(model, [*LONG, 12, 15]))


def decoded(decoder: Decoder, requests: list[Request], late: Request | None = None) -> list[Sequence]:
    """Decode requests together; `late` joins after three steps."""
    batch, prompts = Batch(frozenset({0}), str), Prompts(100)
    over: list[Sequence] = []
    for step in range(200):
        for request in requests if step == 0 else [late] if late and step == 3 else []:
            rows = request.begin()
            over += batch.join(rows, prompts.read(decoder, "base", [request.prompt_ids]) * len(rows))
        if batch.rows:
            over += batch.step(decoder)
    return over


def test_rows_that_end_and_rows_that_join_do_not_disturb_the_others(decoder: Decoder) -> None:
    def request(i: int) -> Request:
        sampling = Sampling(max_tokens=3 + 9 * i, seed=i, top_k=20, ignore_eos=True)
        return Request("base", (SHORT, LONG)[i % 2], sampling, n=1 + i % 3)

    alone = {(i, row.index): row for i in range(9) for row in decoded(decoder, [request(i)])}
    requests = [request(i) for i in range(9)]
    together = decoded(decoder, requests[:8], late=requests[8])
    assert len(together) == len(alone) == 18
    for row in together:
        other = alone[requests.index(row.request), row.index]
        assert row.token_ids == other.token_ids
        assert [t.logprob for t in row.tokens] == pytest.approx([t.logprob for t in other.tokens], abs=1e-5)


def test_an_answer_of_one_token_never_joins(decoder: Decoder) -> None:
    batch = Batch(frozenset({0}), str)
    request = Request("base", SHORT, Sampling(max_tokens=1))
    over = batch.join(request.begin(), Prompts(10).read(decoder, "base", [SHORT]))
    assert [len(row.tokens) for row in over] == [1]
    assert batch.rows == []


class Forcing:
    """A grammar that forces three tokens at the start and two more behind the first that is sampled."""

    def forced(self, row: Sequence) -> list[Token]:
        """What a row must go on with."""
        ids = {0: [31, 32, 33], 4: [34, 35]}.get(len(row.tokens), [])
        return [Token(token, 0.0, []) for token in ids]


def test_forced_text_is_not_sampled_but_seen_by_what_follows() -> None:
    model = small_model()
    decoder = decoder_of(model)
    sampling = Sampling(max_tokens=9, temperature=0, ignore_eos=True, grammar="any")
    guided = Request("base", SHORT, sampling)
    free = Request("base", LONG, Sampling(max_tokens=9, temperature=0, ignore_eos=True))
    batch, prompts = Batch(frozenset({0}), str, Forcing()), Prompts(100)  # type: ignore[arg-type]
    for row in guided.begin() + free.begin():
        row.matcher = NoMatcher()
        batch.join([row], prompts.read(decoder, "base", [row.request.prompt_ids]))
    steps = 0
    while batch.rows:
        batch.step(decoder)
        steps += 1
    assert steps == 8  # of the free row, which samples one of its nine tokens as it joins
    ids = guided.answers[0].token_ids
    assert ids[:3] == [31, 32, 33]
    assert ids[4:6] == [34, 35]
    for place in (3, 6, 7, 8):
        assert ids[place] == int(plain_logits(model, [*SHORT, *ids[:place]]).argmax())
    assert [token.logprob for token in guided.answers[0].tokens[:3]] == [0.0] * 3
    assert batch.tokens == 18


class NoMatcher:
    """A matcher that admits everything."""

    def accept_token(self, token: int) -> bool:
        """Admitted."""
        return True

    def fill_next_token_bitmask(self, bitmask: torch.Tensor, row: int) -> None:
        """Everything is admitted."""
        bitmask[row] = -1


def test_models_with_biases_and_norms_of_queries_are_decoded(model: Any) -> None:
    from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(4)
    for kind, config in (
        (Qwen3ForCausalLM, Qwen3Config(**SMALL, head_dim=8)),
        (Qwen2ForCausalLM, Qwen2Config(**SMALL)),
    ):
        other = kind(config).eval()
        with torch.no_grad():
            for parameter in other.parameters():
                if parameter.dim() == 1:
                    parameter.add_(torch.randn_like(parameter) * 0.2)
        double = other.double()
        (prompt,) = Prompts(100).read(decoder_of(double), "base", [LONG])
        assert_close(prompt.logits, plain_logits(double, list(LONG)))


def test_a_model_of_another_shape_is_refused_with_the_cure() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    other = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=32, n_layer=1, n_head=2))
    with pytest.raises(InvalidInputError, match=r"gpt2.*vLLM"):
        decoder_of(other)


def test_packed_weights_give_the_same_logits() -> None:
    plain = decoder_of(small_model(0.1))
    (by_hand,) = Prompts(100).read(plain, "base", [LONG])
    (packed,) = Prompts(100).read(prepared(plain), "base", [LONG])
    torch.testing.assert_close(packed.logits, by_hand.logits, atol=1e-4, rtol=0)
