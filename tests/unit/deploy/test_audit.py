"""What an audit says, and that one which did not happen is not taken for a clean one."""

from __future__ import annotations

from typing import Any

from deploy.checks.audit import KNOWN, UNREACHABLE, reading

FLAW = {"id": "PYSEC-1", "fix_versions": ["9.9"]}
ANSWERS = {"name": KNOWN[0], "version": KNOWN[1], "vulns": [FLAW]}


def item(name: str, *flaws: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": list(flaws)}


def test_nothing_known_is_a_clean_audit() -> None:
    assert reading({"dependencies": [ANSWERS, item("a"), item("b")]}) == (
        0,
        ["2 packages audited, 0 vulnerabilities known"],
    )


def test_a_vulnerability_is_named_with_what_mends_it() -> None:
    status, lines = reading({"dependencies": [ANSWERS, item("a", FLAW)]})
    assert (status, lines[0]) == (1, "a 1.0: PYSEC-1, mended in 9.9")


def test_a_service_that_knows_no_advisory_has_audited_nothing() -> None:
    skipped = {"name": KNOWN[0], "skip_reason": "not found"}
    for report in ({}, {"dependencies": [skipped]}, {"dependencies": [ANSWERS | {"vulns": []}, item("a")]}):
        status, lines = reading(report, "no route to host")
        assert status == UNREACHABLE
        assert lines[0].startswith("NOT AUDITED")


def test_a_package_that_could_not_be_looked_up_is_a_gap() -> None:
    status, lines = reading({"dependencies": [ANSWERS, item("a"), {"name": "b", "skip_reason": "not found"}]})
    assert (status, lines[0]) == (UNREACHABLE, "not audited: b: not found")
