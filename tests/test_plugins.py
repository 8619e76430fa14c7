"""The plug-ins for CI systems: valid for their systems, and doing what their inputs say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", "action.yml"),
        ("vendor.gitlab-ci", "templates/modelreg-audit.gitlab-ci.yml"),
    ],
)
def test_valid_for_its_system(schema: str, file: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    if schema == "vendor.gitlab-ci":
        command += ["--data-transform", "gitlab-ci"]
    done = subprocess.run([*command, str(ROOT / file)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pre_commit_takes_the_hooks() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_input_is_used_and_none_reaches_a_script_as_text() -> None:
    action = load("action.yml")
    steps = action["runs"]["steps"]
    told = yaml.safe_dump({"steps": steps, "outputs": action["outputs"]})
    for name in action["inputs"]:
        assert f"inputs.{name}" in told, name
    for step in steps:
        assert "${{" not in step.get("run", "")


def audit_step(tmp_path: Path, code: int = 0, **inputs: str) -> tuple[list[str], str, str]:
    """Run the action's audit step with a `modelreg` that notes its arguments; returns these, outputs, and summary."""
    folder = tmp_path / "bin"
    folder.mkdir()
    noted = tmp_path / "noted"
    tool = folder / "modelreg"
    tool.write_text(
        f'#!/bin/bash\nprintf "%s\\n" "$@" > {noted}\n'
        f'for a in "$@"; do case $a in markdown=*) echo the report > "${{a#markdown=}}";; esac; done\nexit {code}\n'
    )
    tool.chmod(0o755)
    action = load("action.yml")
    step = next(s for s in action["runs"]["steps"] if s.get("id") == "audit")
    values = {name: str(entry.get("default", "")) for name, entry in action["inputs"].items()} | {
        k.replace("_", "-"): v for k, v in inputs.items()
    }
    env = {k: values[v.split("inputs.")[1].split(" ")[0]] for k, v in step["env"].items()}
    env |= {"PATH": os.environ["PATH"], "MODELREG_BIN": str(folder), "RUNNER_TEMP": str(tmp_path)}
    env |= {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    subprocess.run(command, env=env, cwd=tmp_path, check=True, timeout=60)
    summary = tmp_path / "summary"
    return (
        noted.read_text().splitlines(),
        (tmp_path / "output").read_text(),
        summary.read_text() if summary.exists() else "",
    )


def test_the_action_with_its_defaults(tmp_path: Path) -> None:
    arguments, output, summary = audit_step(tmp_path)
    report = f"markdown={tmp_path}/modelreg.md"
    assert arguments == [
        "audit",
        "--format",
        "github",
        "--output",
        "sarif=modelreg.sarif",
        "--output",
        report,
        "--",
        ".",
    ]
    assert output == "exit-code=0\n"
    assert summary == "the report\n"


def test_the_action_hands_on_what_it_is_given(tmp_path: Path) -> None:
    given = {"fail_on": "use", "policy": "p.yaml", "since": "main", "locked": "true", "html_file": "a.html"}
    hostile = "$(touch owned) `touch owned`; touch owned"
    arguments, output, summary = audit_step(tmp_path, 1, path=hostile, summary="false", format="table", **given)
    for pair in (("--fail-on", "use"), ("--policy", "p.yaml"), ("--since", "main"), ("--output", "html=a.html")):
        at = arguments.index(pair[1])
        assert arguments[at - 1] == pair[0]
    assert "--locked" in arguments
    assert arguments[-2:] == ["--", hostile]
    assert (output, summary) == ("exit-code=1\n", "")
    assert not (tmp_path / "owned").exists()


def test_the_options_of_the_plugins_are_options_of_the_command() -> None:
    import re

    done = subprocess.run(
        [sys.executable, "-m", "modelreg", "audit", "--help"],
        capture_output=True, text=True, timeout=120, check=True, cwd=ROOT,
    )  # fmt: skip
    known = set(re.findall(r"--[a-z-]+", done.stdout))
    files = ["action.yml", "templates/modelreg-audit.gitlab-ci.yml", ".pre-commit-hooks.yaml"]
    text = "\n".join((ROOT / f).read_text(encoding="utf-8") for f in files)
    pip = {"--quiet", "--disable-pip-version-check"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - pip <= known
