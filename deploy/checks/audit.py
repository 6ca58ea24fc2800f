"""`make audit`: checks the pinned versions for known vulnerabilities, with pip-audit in its own environment.

pip-audit also succeeds if its service has no advisories at all, as a mirror of an index may. So a version that is
known to be vulnerable is audited as well: without an advisory for that one, the audit did not happen.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KNOWN = "jinja2", "2.4.1"
"""A version with several advisories since 2014."""
UNREACHABLE = 2


def assess(report: dict[str, Any], error: str = "") -> tuple[int, list[str]]:
    """Exit status and lines: 0 for no vulnerability, 1 for some, 2 for an audit that did not happen or has gaps."""
    audited = report.get("dependencies", [])
    known = [item for item in audited if item["name"].lower() == KNOWN[0] and item.get("version") == KNOWN[1]]
    if not any(item.get("vulns") for item in known):
        reason = error.strip().splitlines()[-1:] or ["its service has no advisories"]
        return UNREACHABLE, [f"NOT AUDITED: the advisory service does not respond as expected ({reason[0][-300:]})"]
    others = [item for item in audited if item not in known]
    bad = [
        f"{item['name']} {item['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'no version'}"
        for item in others
        for flaw in item.get("vulns", [])
    ]
    gaps = [f"not audited: {item['name']}: {item['skip_reason']}" for item in others if "skip_reason" in item]
    lines = [*bad, *gaps, f"{len(others) - len(gaps)} packages audited, {len(bad)} vulnerabilities known"]
    return (1 if bad else UNREACHABLE if gaps else 0), lines


def audit(constraints: Path, program: str) -> tuple[int, list[str]]:
    """Run pip-audit on the pins and on the known vulnerable version; returns exit status and lines."""
    with tempfile.TemporaryDirectory() as folder:
        pins, canary = Path(folder) / "pins.txt", Path(folder) / "known.txt"
        pins.write_text(constraints.read_text("utf8"), "utf8")
        canary.write_text("==".join(KNOWN) + "\n", "utf8")
        report: dict[str, Any] = {"dependencies": []}
        for file in (canary, pins):
            command = [program, "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
            done = subprocess.run([*command, "--requirement", str(file)], capture_output=True, text=True, check=False)
            try:
                report["dependencies"] += json.loads(done.stdout)["dependencies"]
            except (ValueError, KeyError):
                return assess({}, done.stderr)
    return assess(report)


def main() -> None:
    """Audit constraints.txt with the pip-audit program of the first argument."""
    status, lines = audit(ROOT / "constraints.txt", sys.argv[1])
    sys.stdout.write("\n".join(f"audit: {line}" for line in lines) + "\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
