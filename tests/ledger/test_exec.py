"""`modelreg exec`: real huggingface_hub and transformers, a hub on the loopback interface, no network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub import COMMIT, Hub, serving
from world import TEXT, World

pytest.importorskip("huggingface_hub")
ROOT = Path(__file__).resolve().parents[2]

GPT2 = """
import sys, torch
from transformers import GPT2Config, GPT2LMHeadModel
GPT2LMHeadModel(GPT2Config(vocab_size=32, n_embd=8, n_layer=2, n_head=2, n_positions=16)).save_pretrained(sys.argv[1])
"""


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    """A repository that only its files matter of."""
    return {
        "config.json": b"{}",
        "model.safetensors": b"weights",
        "LICENSE": TEXT["LicenseRef-Free"].encode(),
        "README.md": b"# Plain\n",
    }


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A tiny model that transformers itself can load."""
    pytest.importorskip("transformers")
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("gpt2")
    subprocess.run([sys.executable, "-c", GPT2, str(folder)], check=True, capture_output=True)
    files = {p.name: p.read_bytes() for p in folder.iterdir()}
    return {**files, "LICENSE": TEXT["LicenseRef-Free"].encode(), "README.md": b"# Plain\n"}


@pytest.fixture
def hub(request: pytest.FixtureRequest, files: dict[str, bytes]) -> Iterator[Hub]:
    # The real model is made only for tests that load it.
    slow = request.node.get_closest_marker("slow") is not None
    stored: dict[str, bytes] = request.getfixturevalue("gpt2") if slow else files
    with serving({"lab/plain": stored, "lab/research": stored}) as running:
        yield running


def run(world: World, hub: Hub, code: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return modelreg_exec(world, hub, [sys.executable, "-c", code], *flags)


def modelreg_exec(world: World, hub: Hub, command: list[str], *flags: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(world.root / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    args = [*flags, "--ledger", str(world.ledger), "--registry", str(world.registry), "--", *command]
    return subprocess.run(
        [sys.executable, "-m", "modelreg", "exec", *args],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def accept(world: World) -> None:
    assert world.accept("lab/plain", "--commercial") == 0


SNAPSHOT = "from huggingface_hub import snapshot_download as f; print(f('lab/plain'))"
FILE = "from huggingface_hub import hf_hub_download as f; print(f('lab/plain', 'model.safetensors'))"
API = "from huggingface_hub import HfApi; print(HfApi().hf_hub_download('lab/plain', 'model.safetensors'))"
AUTO = """
from transformers import AutoModelForCausalLM
print(sum(p.numel() for p in AutoModelForCausalLM.from_pretrained('lab/plain').parameters()))
"""
CLASS = """
from transformers import GPT2LMHeadModel
print(sum(p.numel() for p in GPT2LMHeadModel.from_pretrained('lab/plain').parameters()))
"""
FOLDER = """
import sys
from transformers import GPT2LMHeadModel
print(GPT2LMHeadModel.from_pretrained(sys.argv[1]).num_parameters())
"""


WAYS = [
    pytest.param(SNAPSHOT, id="snapshot"),
    pytest.param(FILE, id="file"),
    pytest.param(API, id="api"),
    pytest.param(AUTO, id="auto", marks=pytest.mark.slow),
    pytest.param(CLASS, id="class", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("code", WAYS)
def test_refused_then_accepted_then_passed(world: World, hub: Hub, code: str) -> None:
    done = run(world, hub, code, "--commercial")
    assert done.returncode == 4, done.stderr
    assert "error[not-accepted]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [a for a in hub.asked if "safetensors" in a]
    accept(world)
    done = run(world, hub, code, "--commercial")
    assert done.returncode == 0, done.stderr
    assert [a for a in hub.asked if a.startswith("GET") and "safetensors" in a]


def test_prohibited_exits_1_and_another_use_4(world: World, hub: Hub) -> None:
    code = SNAPSHOT.replace("lab/plain", "lab/research")
    assert run(world, hub, code, "--commercial").returncode == 1
    accept(world)
    done = run(world, hub, SNAPSHOT, "--research")
    assert (done.returncode, "use-changed" in done.stderr) == (4, True)


def test_documents_can_be_read_before_anything_is_accepted(world: World, hub: Hub) -> None:
    code = "from huggingface_hub import hf_hub_download as f; print(open(f('lab/plain', 'LICENSE')).read())"
    done = run(world, hub, code, "--commercial")
    assert done.returncode == 0, done.stderr
    assert "Free Model License" in done.stdout


def test_patterns_that_only_look_like_documents(world: World, hub: Hub) -> None:
    code = "from huggingface_hub import snapshot_download as f; f('lab/plain', allow_patterns=['*LICENSE', '*'])"
    assert run(world, hub, code, "--commercial").returncode == 4


def test_the_hub_s_own_command_is_a_python_program_too(world: World, hub: Hub) -> None:
    done = modelreg_exec(world, hub, ["hf", "download", "lab/plain"], "--commercial")
    assert done.returncode != 0
    assert "not acknowledged" in done.stderr + done.stdout
    assert not [a for a in hub.asked if "safetensors" in a]
    accept(world)
    assert modelreg_exec(world, hub, ["hf", "download", "lab/plain"], "--commercial").returncode == 0


@pytest.mark.slow
def test_what_lies_in_the_cache_passes_the_gate_as_well(world: World, hub: Hub) -> None:
    accept(world)
    assert run(world, hub, SNAPSHOT, "--commercial").returncode == 0
    world.cli("revoke", "lab/plain", "--by", "Ada", "--reason", "r", "--ledger", str(world.ledger),
              "--registry", str(world.registry))  # fmt: skip
    done = run(world, hub, AUTO, "--commercial")
    assert (done.returncode, "error[revoked]" in done.stderr) == (4, True), done.stderr
    snapshot = world.root / "hf" / "hub" / "models--lab--plain" / "snapshots" / COMMIT
    done = modelreg_exec(world, hub, [sys.executable, "-c", FOLDER, str(snapshot)], "--commercial")
    assert (done.returncode, "error[revoked]" in done.stderr) == (4, True), done.stderr


@pytest.mark.slow
def test_a_local_folder_is_asked_what_it_is(world: World, hub: Hub, gpt2: dict[str, bytes]) -> None:
    accept(world)
    place = world.root / "lab-plain"
    place.mkdir()
    for name, data in gpt2.items():
        (place / name).write_bytes(data)
    done = modelreg_exec(world, hub, [sys.executable, "-c", FOLDER, str(place)], "--commercial")
    assert (done.returncode, "error[unidentified-model]" in done.stderr) == (1, True), done.stderr
    assert world.accept(place, "--as", "lab/plain", "--commercial") == 0
    done = modelreg_exec(world, hub, [sys.executable, "-c", FOLDER, str(place)], "--commercial")
    assert done.returncode == 0, done.stderr


def test_data_sets_are_not_asked_for(world: World, hub: Hub) -> None:
    code = "from huggingface_hub import hf_hub_download as f; f('lab/data', 'x.csv', repo_type='dataset')"
    done = run(world, hub, code, "--commercial")
    assert "RepositoryNotFound" in done.stderr or "404" in done.stderr
    assert "not-accepted" not in done.stderr


def test_grandchildren_are_hooked(world: World, hub: Hub) -> None:
    code = f"import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', {SNAPSHOT!r}]).returncode)"
    assert run(world, hub, code, "--commercial").returncode == 4


@pytest.mark.parametrize("flag", ["-I", "-E", "-S", "-sE", "-Im", "-W ignore -X dev -I"])
def test_an_isolated_python_is_refused(world: World, hub: Hub, flag: str) -> None:
    done = modelreg_exec(world, hub, [sys.executable, *flag.split(), "-c", SNAPSHOT], "--commercial")
    assert (done.returncode, "without the gate" in done.stderr) == (2, True)


def test_a_child_that_cannot_be_hooked_does_not_run(world: World, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "shadow" / "modelreg").mkdir(parents=True)
    (tmp_path / "shadow" / "modelreg" / "__init__.py").write_text("")
    code = f"import os, sys; os.environ['PYTHONPATH'] += os.pathsep + {str(tmp_path / 'shadow')!r}"
    shim = ROOT / "modelreg" / "shim"
    env = {**os.environ, "MODELREG_EXEC": "{", "PYTHONPATH": os.pathsep.join([str(shim), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", code + "; print('ran')"], env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert "exec-not-hooked" in done.stderr


def test_another_sitecustomize_still_runs(world: World, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os; os.environ['SEEN'] = 'yes'\n")
    shim = ROOT / "modelreg" / "shim"
    path = os.pathsep.join([str(shim), str(tmp_path), str(ROOT)])
    env = {**os.environ, "MODELREG_EXEC": "{}", "PYTHONPATH": path}
    code = "import os; print(os.environ.get('SEEN'))"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "yes"


def test_the_exit_status_is_the_program_s(world: World, hub: Hub) -> None:
    assert run(world, hub, "raise SystemExit(17)").returncode == 17
    assert modelreg_exec(world, hub, ["nowhere-to-be-found"]).returncode == 5
