from __future__ import annotations

from services.inference.cpu_engine.decoding.prompts import shared_length
from services.inference.cpu_engine.decoding.queue import FairQueue
from services.inference.cpu_engine.decoding.sequence import Request, Sampling, Sequence
from services.inference.cpu_engine.model.policies import Policy

BASE, TUNED = Policy("base", "", None), Policy("tuned", "", "base", None)


def rows(count: int) -> list[Sequence]:
    return Request("base", (1,), Sampling(max_tokens=1), n=count).begin()


def test_a_line_is_served_in_order() -> None:
    waiting, line = FairQueue(), rows(5)
    waiting.add(BASE, line)
    assert waiting.take(BASE, 3) == line[:3]
    assert len(waiting) == 2
    assert waiting.take(BASE, 3) == line[3:]
    assert waiting.turn() is None


def test_policies_take_turns() -> None:
    waiting = FairQueue()
    waiting.add(BASE, rows(4))
    waiting.add(TUNED, rows(2))
    turns = []
    while (policy := waiting.turn()) is not None:
        turns.append(policy.name)
        waiting.take(policy, 2)
    assert turns == ["base", "tuned", "base"]


def test_a_policy_is_known_to_wait() -> None:
    waiting = FairQueue()
    waiting.add(TUNED, rows(1))
    assert waiting.has(TUNED)
    assert not waiting.has(BASE)


def test_rows_that_were_given_up_do_not_take_a_place() -> None:
    waiting, gone, kept = FairQueue(), rows(3), rows(2)
    gone[0].request.cancelled = True
    waiting.add(BASE, gone + kept)
    assert waiting.take(BASE, 2) == kept


def test_clearing_returns_who_waited() -> None:
    waiting, line = FairQueue(), rows(2)
    waiting.add(BASE, line)
    assert waiting.clear() == line
    assert len(waiting) == 0


def test_the_shared_length_of_prompts_counts_from_the_start() -> None:
    assert shared_length((1, 2, 3), (1, 2, 4, 3)) == 2
    assert shared_length((1, 2), (1, 2, 3)) == 2
    assert shared_length((5,), (6,)) == 0
