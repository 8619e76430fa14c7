"""A Grant comes from the gate alone, and stays what it is."""

from __future__ import annotations

import ast
import copy
import pickle
from pathlib import Path

import pytest
from world import World

import modelreg
from modelreg.ledger import gate
from modelreg.ledger.gate import Grant, genuine

PACKAGE = Path(gate.__file__).resolve().parents[1]


@pytest.fixture
def grant(world: World) -> Grant:
    world.accept("lab/free", "--commercial")
    return modelreg.require("lab/free", use="commercial", ledger=world.ledger, registry=[str(world.registry)])


def test_it_cannot_be_made_changed_copied_or_subclassed(grant: Grant) -> None:
    with pytest.raises(TypeError, match="require"):
        Grant()
    with pytest.raises(TypeError, match="require"):
        Grant(object(), model="lab/free")
    with pytest.raises(AttributeError):
        grant.model = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del grant.model
    for action in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            action(grant)
    with pytest.raises(TypeError, match="subclass"):
        type("Forged", (Grant,), {})


def test_a_hollow_one_is_not_genuine(grant: Grant) -> None:
    hollow = object.__new__(Grant)
    for name in Grant.__slots__:
        if not name.startswith("__"):
            object.__setattr__(hollow, name, getattr(grant, name))
    assert isinstance(hollow, Grant)

    class Lookalike:
        model = "lab/free"

        def check(self) -> Lookalike:
            return self

    for thing in (hollow, Lookalike(), None, "lab/free", object()):
        with pytest.raises(TypeError, match="require"):
            genuine(thing)
    for method in (hollow.check, hollow.check_files, hollow.renew, hollow.__enter__):
        with pytest.raises(TypeError, match="require"):
            method()
    assert genuine(grant) is grant


def test_only_the_gate_constructs_one() -> None:
    """In the whole package: nobody else calls Grant(...), touches the token, the issued ones or object.__new__."""
    for path in PACKAGE.rglob("*.py"):
        if path.name == "gate.py" and path.parent.name == "ledger":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert not called.endswith("Grant"), f"{path}:{node.lineno} makes a Grant"
                assert "object.__new__" not in called, f"{path}:{node.lineno}"
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            assert name not in ("_GRANT_TOKEN", "_ISSUED_GRANTS"), f"{path} reaches into the gate"
            if isinstance(node, ast.ImportFrom) and node.module == "modelreg.ledger.gate":
                assert not {a.name for a in node.names} & {"_GRANT_TOKEN", "_ISSUED_GRANTS"}, path


def test_only_the_desk_asks_the_gate_itself() -> None:
    """Requests are made where the registry is known: nobody can hand the gate a verdict of his own."""
    makers = []
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "gate.Request(" in text or "gate.require(" in text.replace("modelreg.ledger.gate.require()", ""):
            makers.append(path.relative_to(PACKAGE).as_posix())
    assert makers == ["desk.py"]


def test_import_modelreg_loads_nothing() -> None:
    import subprocess
    import sys

    code = "import sys, modelreg; print([m for m in sys.modules if m.startswith('modelreg.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout.strip() == "[]"
