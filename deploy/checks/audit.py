"""`make audit`: the pinned versions against known vulnerabilities, by pip-audit in an environment of its own.

pip-audit ends well where its service knows none of the packages, as a mirror of an index does. So an old version that
is known to be vulnerable is asked about too: if nothing is said of that one, nothing was audited.
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


def reading(report: dict[str, Any], error: str = "") -> tuple[int, list[str]]:
    """Exit status and lines: 0 nothing is known, 1 vulnerabilities, 2 the audit did not happen or has gaps."""
    found = report.get("dependencies", [])
    known = [item for item in found if item["name"].lower() == KNOWN[0] and item.get("version") == KNOWN[1]]
    if not any(item.get("vulns") for item in known):
        why = error.strip().splitlines()[-1:] or ["its service knows no advisories"]
        return UNREACHABLE, [f"NOT AUDITED: the advisory service does not answer as it should ({why[0][-300:]})"]
    others = [item for item in found if item not in known]
    bad = [
        f"{item['name']} {item['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version'}"
        for item in others
        for flaw in item.get("vulns", [])
    ]
    gaps = [f"not audited: {item['name']}: {item['skip_reason']}" for item in others if "skip_reason" in item]
    said = [*bad, *gaps, f"{len(others) - len(gaps)} packages audited, {len(bad)} vulnerabilities known"]
    return (1 if bad else UNREACHABLE if gaps else 0), said


def audit(constraints: Path, program: str) -> tuple[int, list[str]]:
    """Run pip-audit over the pins and read what it says."""
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
                return reading({}, done.stderr)
    return reading(report)


def main() -> None:
    """Audit constraints.txt with the pip-audit that the argument names."""
    status, lines = audit(ROOT / "constraints.txt", sys.argv[1])
    sys.stdout.write("\n".join(f"audit: {line}" for line in lines) + "\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
