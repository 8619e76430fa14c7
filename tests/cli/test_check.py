"""`modelreg check`, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_support import run, run_json


def test_the_first_question_of_the_readme() -> None:
    done = run("check", "chatglm-6b", "--commercial")
    assert done.returncode == 1
    for expected in ("requires-agreement", "https://open.bigmodel.cn/mla/form", "Haidian", "clause 6", "revocable"):
        assert expected in done.stdout
    assert "not legal advice" in done.stderr
    registered = run("check", "chatglm-6b", "--commercial", "--registered")
    assert registered.returncode == 0
    assert "permitted-with-conditions" in registered.stdout


def test_chinese() -> None:
    done = run("check", "chatglm-6b", "--commercial", "--lang", "zh")
    assert "须先取得许可" in done.stdout
    assert "北京市海淀区人民法院" in done.stdout
    by_locale = run("list", "chatglm-6b", MODELREG_LANG="", LC_ALL="zh_CN.UTF-8")
    assert "权重许可证" in by_locale.stdout


@pytest.mark.parametrize("name", [
    "Qwen/Qwen-7B", "qwen1.5-7b-chat", "Qwen2-7B-Instruct", "qwen2.5-7b-instruct", "Qwen3-8B", "Qwen-VL-Chat",
    "internlm-7b", "internlm2-7b", "internlm2_5-7b-chat", "internlm3-8b-instruct", "Ziya-LLaMA-13B-v1",
    "BlueLM-7B-Chat", "Yi-34B", "Intel/neural-chat-7b-v3-2", "chatglm-6b", "chatglm2-6b", "chatglm3-6b",
    "glm-4-9b-chat", "GLM-4.5", "visualglm-6b", "codegeex2-6b", "cogvlm-chat-hf", "BELLE-LLaMA-EXT-13B",
    "baichuan-7B", "Baichuan-13B-Chat", "Baichuan2-7B-Base", "Baichuan-M1-14B-Instruct", "Aquila-7B", "AquilaChat2-34B",
    "llama-7b", "Llama-2-7b-hf", "Meta-Llama-3-8B", "Llama-3.1-8B", "Llama-3.2-1B", "Llama-3.3-70B-Instruct",
    "Mistral-7B-v0.1", "bloomz-7b1",
])  # fmt: skip
def test_every_family_answers(name: str) -> None:
    answer = run_json("check", name, "--commercial")["results"][0]
    assert answer["model"], answer
    assert answer["verdict"] in ("permitted", "permitted-with-conditions", "requires-agreement", "prohibited")


@pytest.mark.parametrize("spelling", [
    "chatglm-6b", "THUDM/chatglm-6b", "zai-org/chatglm-6b", "https://huggingface.co/THUDM/chatglm-6b", "ChatGLM_6B",
    "ZhipuAI/ChatGLM-6B", "https://modelscope.cn/models/ZhipuAI/ChatGLM-6B",
])  # fmt: skip
def test_names_as_people_write_them(spelling: str) -> None:
    assert run_json("check", spelling, "--research")["results"][0]["model"] == "THUDM/chatglm-6b"


def test_ambiguous_and_unknown_names() -> None:
    ambiguous = run("check", "glm4", "--commercial")
    assert ambiguous.returncode == 1
    assert "ask-which-model" in ambiguous.stdout
    unknown = run_json("check", "someone/chatglm-6b", "--commercial")["results"][0]
    assert unknown["verdict"] == "undetermined"
    assert unknown["model"] is None
    assert run("show", "chatglm-7b").returncode == 3


def test_batch_contract(tmp_path: Path) -> None:
    questions = tmp_path / "q.jsonl"
    lines = [
        {"id": "glm-007", "model": "THUDM/chatglm-6b", "as_of": "2024-01-10",
         "facts": {"use": ["product"], "commercial": True, "entity": "company", "registered": False}},
        {"id": "bad", "model": "THUDM/chatglm-6b", "facts": {"mua": 5}},
        {"id": "none", "model": "no/such", "as_of": None, "facts": {}},
    ]  # fmt: skip
    questions.write_text("\n".join(map(json.dumps, lines)) + "\n{broken\n", encoding="utf-8")
    done = run("check", "--batch", str(questions), "--format", "jsonl")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 3
    assert [a["id"] for a in answers] == ["glm-007", "bad", "none", None]
    first = answers[0]
    assert (first["verdict"], first["permission"], first["unmet"]) == (
        "requires-agreement", "registration-form", ["registration-form"],
    )  # fmt: skip
    condition = first["conditions"][0]
    assert condition["label"] == "registration-form"
    assert condition["values"] == ["https://open.bigmodel.cn/mla/form"]
    assert condition["met"] is False
    for key in ("license", "clause", "source"):
        assert condition[key]
    assert {"conflicts", "missing_facts", "reasons"} <= first.keys()
    assert "mau" in answers[1]["error"]["hint"]
    assert answers[1]["error"]["where"].endswith("q.jsonl:2: facts")
    assert answers[2]["verdict"] == "undetermined"
    assert f"{questions}:4:" in answers[3]["error"]["where"]


def test_facts_from_a_file_and_from_the_project(tmp_path: Path) -> None:
    (tmp_path / "modelreg.yaml").write_text("use:\n  use: [product]\n  commercial: true\n", encoding="utf-8")
    inside = run("check", "chatglm-6b", cwd=tmp_path)
    assert inside.returncode == 1
    assert "modelreg.yaml: use" in inside.stdout
    (tmp_path / "more.yaml").write_text("registered: true\n", encoding="utf-8")
    assert run("check", "chatglm-6b", "--facts", "more.yaml", cwd=tmp_path).returncode == 0
    (tmp_path / "bad.yaml").write_text("registered: true\nregistered: false\n", encoding="utf-8")
    bad = run("check", "chatglm-6b", "--facts", "bad.yaml", cwd=tmp_path)
    assert bad.returncode == 3
    assert "bad.yaml:2:1" in bad.stderr


def test_an_overlay_is_named_in_the_answer(tmp_path: Path) -> None:
    overlay = tmp_path / "corp.yaml"
    overlay.write_text(
        "models:\n"
        "  - id: acme/secret-7b\n    name: Secret\n    family: acme\n    publisher: acme\n    names: {}\n"
        "    kind: chat\n    modalities: [text]\n    parameters: silent\n    code_license: silent\n"
        '    weight_license: [{from: "2024-01-01", license: MIT}]\n    base_models: []\n'
        "publishers:\n  - {id: acme, name: Acme, owners: [acme]}\n",
        encoding="utf-8",
    )
    done = run("check", "acme/secret-7b", "--commercial", "--registry", str(overlay))
    assert done.returncode == 0, done.stderr
    assert "corp.yaml" in done.stdout


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["check"], 2),
        (["check", "chatglm-6b", "--as-of", "2023-02-30"], 2),
        (["check", "chatglm-6b", "--format", "xml"], 2),
        (["check", "chatglm-6b", "--fact", "mau"], 2),
        (["check", "chatglm-6b", "--fact", "entity=martian"], 3),
        (["check", "chatglm-6b", "--facts", "/no/such.yaml"], 3),
        (["check", "chatglm-6b", "--nonsense"], 2),
        (["nonsense"], 2),
        (["license", "show", "LicenseRef-None"], 3),
    ],
)
def test_exit_codes_and_hints(args: list[str], status: int) -> None:
    done = run(*args)
    assert done.returncode == status, done.stderr
    assert done.stderr
    assert "Traceback" not in done.stderr
