"""The audit beside a ledger and a lock: what is acknowledged, registered, pinned, and what changed since."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from audit_support import of_rule, rules_of, write

from modelreg.audit.run import Options, audit
from modelreg.core.finding import AuditReport

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))

from world import TEXT, overlay

TODAY = datetime.now(UTC).strftime("%Y-%m-%d")  # the ledger's clock cannot be set back
USE = "use: {use: [internal-commercial], commercial: true}\n"
COMMIT = "1d240ba371910e9282298d4592532d7f0f3e9f3e"


class Project:
    """A tree with a ledger of its own, over an invented registry."""

    def __init__(self, root: Path, policy: str = USE) -> None:
        self.root = root
        (root / "modelreg.yaml").write_text(policy, encoding="utf-8")
        for license_id, text in TEXT.items():
            (root.parent / f"{license_id}.txt").write_text(text, encoding="utf-8")

    def cli(self, *args: str) -> int:
        from modelreg.cli.app import run

        return run(list(args))

    def accept(self, model: str, license_id: str, *more: str) -> None:
        done = self.cli(
            *("accept", model, "--commercial", "--use", "internal-commercial", "--yes", "--by", "Ada", "--no-hub"),
            *("--text", str(self.root.parent / f"{license_id}.txt"), *more),
        )
        assert done == 0

    def lock(self) -> None:
        assert self.cli("lock") == 0

    def audit(self, **options: object) -> AuditReport:
        settings = {"as_of": TODAY, "cache": False, "jobs": 1, **options}
        return audit(".", options=Options(**settings))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The overlay that all tests share: its compiled form is made once."""
    path = tmp_path_factory.mktemp("toys") / "toys.yaml"
    path.write_text(overlay(), encoding="utf-8")
    return path


@pytest.fixture
def project(tree: Path, tmp_path: Path, toys: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("MODELREG_LEDGER", "MODELREG_ORGANISATION", "MODELREG_ALLOWED_SIGNERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELREG_REGISTRY", str(toys))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    (tree / ".git").mkdir()
    monkeypatch.chdir(tree)
    made = Project(tree)
    assert made.cli("ledger", "init") == 0
    return made


def test_locked_fails_on_what_is_not_pinned(project: Project) -> None:
    write(project.root, {"app.txt": "use: lab/free\n"})
    assert rules_of(project.audit()) == []
    report = project.audit(locked=True)
    assert rules_of(report) == ["not-pinned"]
    assert of_rule(report, "not-pinned")[0].message == ("no-pin", {"model": "lab/free", "lock": "modelreg.lock"})


def test_locked_passes_when_everything_is_pinned_and_acknowledged(project: Project) -> None:
    write(project.root, {"app.txt": f"use: lab/free hub=huggingface rev={COMMIT}\n"})
    project.accept("lab/free", "LicenseRef-Free")
    project.lock()
    assert rules_of(project.audit(locked=True)) == []
    entry = project.audit(locked=True).models[0]
    assert entry["evidence"]["lab/free"]["acknowledgement"]


def test_locked_asks_for_a_commit_of_what_comes_from_a_hub(project: Project) -> None:
    write(project.root, {"app.txt": "use: lab/free hub=huggingface\n"})
    project.accept("lab/free", "LicenseRef-Free")
    project.lock()
    report = project.audit(locked=True)
    assert [f.message[0] for f in of_rule(report, "not-pinned")] == ["no-commit"]
    assert of_rule(report, "not-pinned")[0].reference.file == "modelreg.lock"


def test_locked_fails_on_an_unknown_model_whatever_the_policy_says(project: Project) -> None:
    write(project.root, {"app.txt": "use: acme/house\n"})
    (project.root / "modelreg.yaml").write_text(USE + "policy: {on_unknown: ignore, locked: true}\n", encoding="utf-8")
    assert rules_of(project.audit()) == ["not-pinned"]


def test_a_text_that_changed_since_it_was_pinned(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project.root, {"app.txt": "use: lab/free\n"})
    project.accept("lab/free", "LicenseRef-Free")
    project.lock()
    assert rules_of(project.audit()) == []
    (tmp_path / "other.yaml").write_text(overlay({"LicenseRef-Free": "Other words.\n"}), encoding="utf-8")
    monkeypatch.setenv("MODELREG_REGISTRY", str(tmp_path / "other.yaml"))
    report = project.audit()  # told even without --locked: the lock is there
    assert rules_of(report) == ["text-changed"]
    found = of_rule(report, "text-changed")[0]
    assert found.reference.file == "modelreg.lock"
    assert found.reference.line > 1
    assert "not-acknowledged" in rules_of(project.audit(locked=True))


def test_the_code_names_another_revision_than_the_lock(project: Project) -> None:
    project.accept("lab/free", "LicenseRef-Free")
    project.lock()
    text = (project.root / "modelreg.lock").read_text(encoding="utf-8")
    (project.root / "modelreg.lock").write_text(text.replace('commit = ""', f'commit = "{COMMIT}"'), encoding="utf-8")
    write(project.root, {"app.txt": f"use: lab/free rev={COMMIT}\n", "b.txt": f"use: lab/free rev={'a' * 40}\n"})
    found = of_rule(project.audit(), "other-revision")
    assert [f.reference.file for f in found] == ["b.txt"]


def test_a_revoked_acknowledgement_fails_locked(project: Project) -> None:
    write(project.root, {"app.txt": "use: lab/free\n"})
    project.accept("lab/free", "LicenseRef-Free")
    project.lock()
    assert rules_of(project.audit(locked=True)) == []
    assert project.cli("revoke", "lab/free", "--reason", "no more", "--by", "Ada") == 0
    found = of_rule(project.audit(locked=True), "not-acknowledged")
    assert [f.message[1]["code"] for f in found] == ["revoked"]


def test_another_use_than_the_one_that_was_pinned(project: Project) -> None:
    write(project.root, {"app.txt": "use: lab/free\n"})
    project.accept("lab/free", "LicenseRef-Free")
    project.lock()
    (project.root / "modelreg.yaml").write_text("use: {use: [product], commercial: true}\n", encoding="utf-8")
    found = of_rule(project.audit(locked=True), "not-acknowledged")
    assert "other-use" in [f.message[0] for f in found]


def test_stale_facts_fail_locked(project: Project) -> None:
    write(project.root, {"app.txt": "use: BAAI/bge-m3\n"})
    assert {f.severity for f in of_rule(project.audit(as_of="2099-01-01"), "stale-facts")} == {"warning"}
    assert {f.severity for f in of_rule(project.audit(locked=True, as_of="2099-01-01"), "stale-facts")} == {"error"}


def test_a_pin_of_a_model_that_is_gone_is_noted(project: Project) -> None:
    write(project.root, {"app.txt": "use: lab/free\n"})
    project.accept("lab/free", "LicenseRef-Free")
    project.lock()
    write(project.root, {"app.txt": "nothing\n"})
    report = project.audit(locked=True)
    assert [(f.rule_id, f.severity, f.model) for f in report.findings] == [("unused-pin", "note", "lab/free")]


def test_evidence_in_the_ledger_answers_for_a_registration(project: Project) -> None:
    write(project.root, {"app.txt": "use: lab/form\n"})
    assert rules_of(project.audit()) == ["requires-agreement"]
    project.accept("lab/form", "LicenseRef-Form", "--evidence", "registration=R-1")
    assert rules_of(project.audit()) == []


def test_evidence_that_the_policy_asks_for(project: Project) -> None:
    write(project.root, {"app.txt": "use: lab/form\nuse: lab/free\n"})
    demand = 'policy: {require: [{evidence: [acknowledged, registered], term: "commercial.approval != none"}]}\n'
    (project.root / "modelreg.yaml").write_text(USE.replace("}", ", registered: true}") + demand, encoding="utf-8")
    report = project.audit()
    assert rules_of(report) == ["evidence-missing", "not-acknowledged"]
    assert {f.model for f in report.findings if f.severity == "error"} == {"lab/form"}
    project.accept("lab/form", "LicenseRef-Form", "--evidence", "registration=R-1")
    assert rules_of(project.audit()) == []


def test_a_letter_that_the_policy_asks_for(project: Project, tmp_path: Path) -> None:
    write(project.root, {"app.txt": "use: lab/letter\n"})
    (project.root / "modelreg.yaml").write_text(
        USE + "policy: {require: [{evidence: [letter], model: lab/letter}]}\n", encoding="utf-8"
    )
    assert rules_of(project.audit()) == ["evidence-missing", "requires-agreement"]
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"granted")
    project.accept("lab/letter", "LicenseRef-Letter", "--letter", str(letter))
    assert rules_of(project.audit()) == []


def test_a_pin_that_the_policy_asks_for(project: Project) -> None:
    write(project.root, {"app.txt": "use: lab/free\n"})
    (project.root / "modelreg.yaml").write_text(
        USE + "policy: {require: [{evidence: [pinned], license: LicenseRef-Free}]}\n", encoding="utf-8"
    )
    assert rules_of(project.audit()) == ["not-pinned"]
    project.accept("lab/free", "LicenseRef-Free")
    project.lock()
    assert rules_of(project.audit()) == []


def test_a_users_own_ledger_is_no_evidence(project: Project) -> None:
    write(project.root, {"app.txt": "use: lab/form\n"})
    for path in sorted((project.root / ".modelreg").iterdir()):
        path.unlink()
    (project.root / ".modelreg").rmdir()
    project.accept("lab/form", "LicenseRef-Form", "--evidence", "registration=R-1")
    assert rules_of(project.audit()) == ["requires-agreement"]


def test_a_lock_that_cannot_be_read_is_bad_input(project: Project) -> None:
    from modelreg.errors import InputError

    (project.root / "modelreg.lock").write_text("<<<<<<< ours\n", encoding="utf-8")
    with pytest.raises(InputError, match="not a lock file"):
        project.audit()
