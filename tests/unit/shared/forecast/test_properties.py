"""What holds for every line of eight slots."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.forecast import DOMAINS, HORIZONS, KEYS, judge, render

words = st.from_regex(r"[A-Za-z0-9$&%.,'()–-]{1,12}", fullmatch=True).filter(lambda word: "..." not in word)


def phrases(maximum: int) -> st.SearchStrategy[str]:
    tails = st.lists(words, max_size=maximum - 1)
    return tails.map(lambda rest: " ".join(["Zinc", *rest]))


slots = st.fixed_dictionaries(
    {
        "Domain": st.sampled_from(DOMAINS),
        "Proxy": phrases(5),
        "Horizon": st.sampled_from(HORIZONS),
        "Prob": st.integers(0, 100).map(lambda n: f"{n}%"),
        "Claim": phrases(25),
        "Rationale": phrases(18),
        "Risk": phrases(6),
        "Confidence": st.sampled_from("0123"),
    }
)
pieces = st.one_of(
    st.sampled_from([f"{key}=" for key in KEYS]),
    st.sampled_from([*DOMAINS, *HORIZONS, "; ", ";", " ", "=", "60", "%", ".", "<", ">", "\n", "No forecast:", "2"]),
    st.text(max_size=8),
)
lines_nearly = st.lists(st.one_of(words, pieces), max_size=8).map("".join)


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """A line with one stretch replaced by something else."""
    line = render(draw(slots))
    start = draw(st.integers(0, len(line)))
    end = draw(st.integers(start, min(len(line), start + 12)))
    return line[:start] + draw(lines_nearly) + line[end:]


@given(slots)
def test_a_rendered_line_is_strict_and_parses_back(values: dict[str, str]) -> None:
    judgement = judge(render(values))
    assert (judgement.verdict, judgement.slots) == ("strict", values)


@settings(max_examples=150)
@given(
    st.one_of(st.text(), lines_nearly, mangled(), st.binary().map(lambda raw: raw.decode("utf8", "surrogateescape")))
)
def test_every_text_gets_a_verdict_and_normalising_twice_is_normalising_once(text: str) -> None:
    judgement = judge(text, headline=text)
    judgement = judge(text)
    if judgement.verdict == "normalized":
        assert judgement.changes
        again = judge(judgement.normalized_text or "")
        assert (again.verdict, again.slots) == ("strict", judgement.slots)
    elif judgement.verdict == "malformed":
        assert judgement.failure
    assert (judgement.normalized_text is not None) == judgement.valid
