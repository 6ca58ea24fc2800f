"""What an audit says, and that one which did not happen is not taken for a clean one."""

from __future__ import annotations

from typing import Any

from deploy.checks.audit import KNOWN, UNREACHABLE, assess

FLAW = {"id": "PYSEC-1", "fix_versions": ["9.9"]}
ANSWERS = {"name": KNOWN[0], "version": KNOWN[1], "vulns": [FLAW]}


def item(name: str, *flaws: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": list(flaws)}


def test_audit_without_vulnerabilities_succeeds() -> None:
    assert assess({"dependencies": [ANSWERS, item("a"), item("b")]}) == (
        0,
        ["2 packages audited, 0 vulnerabilities known"],
    )


def test_vulnerability_is_listed_with_the_version_that_fixes_it() -> None:
    status, lines = assess({"dependencies": [ANSWERS, item("a", FLAW)]})
    assert (status, lines[0]) == (1, "a 1.0: PYSEC-1, fixed in 9.9")


def test_service_without_advisories_is_no_audit() -> None:
    skipped = {"name": KNOWN[0], "skip_reason": "not found"}
    for report in ({}, {"dependencies": [skipped]}, {"dependencies": [ANSWERS | {"vulns": []}, item("a")]}):
        status, lines = assess(report, "no route to host")
        assert status == UNREACHABLE
        assert lines[0].startswith("NOT AUDITED")


def test_skipped_package_is_a_gap() -> None:
    status, lines = assess({"dependencies": [ANSWERS, item("a"), {"name": "b", "skip_reason": "not found"}]})
    assert (status, lines[0]) == (UNREACHABLE, "not audited: b: not found")
