"""Measure `check --batch` against worked scenarios: verdicts, conditions, duties missed, duties falsely shown.

usage: python scripts/score_scenarios.py SCENARIOS.yaml [...] [--only PREFIX,PREFIX] [--quiet]

Scenarios are in the form of a question with facts and an expected answer; the terms of the scoring are: a verdict is
right where it equals the expected one or is also acceptable; it is wrongly permissive where it allows what neither of
those allows; a condition is right where its label is listed (with the numbers or strings asked for).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

VERDICTS = {
    "allowed": "permitted",
    "allowed-with-conditions": "permitted-with-conditions",
    "needs-registration": "requires-agreement",
    "prohibited": "prohibited",
    "unclear": "undetermined",
}
YES = ("permitted", "permitted-with-conditions")


class Tally:
    """Counts over scenarios."""

    def __init__(self) -> None:
        self.scenarios = self.right = self.full = self.permissive = 0
        self.wanted = self.shown = self.barred = self.false = 0
        self.missed = self.unmet = self.kinds = self.kind_right = 0


def answers(scenarios: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ask the command line, as a user would."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "questions.jsonl")
        lines = [
            json.dumps(
                {"id": s["id"], "model": s["model"], "as_of": s.get("as_of"), "facts": s.get("facts") or {}},
                default=str,
            )
            for s in scenarios
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "modelreg", "check", "--batch", str(path), "--format", "jsonl"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")
        if done.returncode not in (0, 1):
            raise SystemExit(done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]


def judge(scenario: dict[str, Any], answer: dict[str, Any], tally: Tally) -> list[str]:
    """Compare one answer; returns what is wrong with it."""
    expected = scenario["expected"]
    want = VERDICTS[expected["verdict"]]
    also = [VERDICTS[v] for v in scenario.get("also_acceptable") or []]
    got = answer.get("verdict")
    faults = []
    tally.scenarios += 1
    tally.full += got == want
    if got == want or got in also:
        tally.right += 1
    else:
        faults.append(f"verdict {got} ({answer.get('permission')}), want {want} {also or ''}")
        if got in YES and not {want, *also} & set(YES):
            tally.permissive += 1
            faults.append("WRONGLY PERMISSIVE")
    conditions = answer.get("conditions") or []
    labels = {c["label"] for c in conditions}
    missing = [x for x in expected.get("must_list") or [] if x not in labels]
    values = [str(v) for c in conditions for v in c["values"]]
    for label, value in (expected.get("values") or {}).items():
        if not any(str(value) in v for v in values):
            missing.append(f"{label}={value}")
    tally.wanted += len(expected.get("must_list") or [])
    tally.shown += len(expected.get("must_list") or []) - len([m for m in missing if "=" not in m])
    if missing:
        faults.append(f"missing {missing}")
    barred = expected.get("must_not_claim") or []
    claimed = [x for x in barred if x in labels]
    tally.barred += len(barred)
    tally.false += len(claimed)
    if claimed:
        faults.append(f"false duty {claimed}")
    unmet = [x for x in expected.get("unmet") or [] if x not in (answer.get("unmet") or [])]
    tally.missed += len(expected.get("unmet") or [])
    tally.unmet += len(unmet)
    if unmet:
        faults.append(f"not flagged {unmet}")
    kind = expected.get("permission_kind")
    if kind and got == "requires-agreement":
        tally.kinds += 1
        tally.kind_right += answer.get("permission") == kind
        if answer.get("permission") != kind:
            faults.append(f"kind {answer.get('permission')}, want {kind}")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--quiet", action="store_true")
    args = parser.parse_args()
    only = tuple(p for p in args.only.split(",") if p)
    scenarios = [
        s
        for f in args.files
        for s in yaml.safe_load(f.read_text(encoding="utf-8"))["scenarios"]
        if not only or s["id"].startswith(only)
    ]
    tally = Tally()
    for scenario, answer in zip(scenarios, answers(scenarios), strict=True):
        faults = judge(scenario, answer, tally)
        if faults and not args.quiet:
            print(f"{scenario['id']} {scenario['model']} {scenario.get('as_of') or ''}: " + "; ".join(faults))
    print(
        f"{tally.scenarios} scenarios: verdict right {tally.right} ({tally.full} exactly), "
        f"wrongly permissive {tally.permissive}; conditions shown {tally.shown}/{tally.wanted}; "
        f"false duties {tally.false}/{tally.barred}; unmet flagged {tally.missed - tally.unmet}/{tally.missed}; "
        f"kind of permission {tally.kind_right}/{tally.kinds}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
