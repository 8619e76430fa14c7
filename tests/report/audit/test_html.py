"""The page: sound HTML, nothing from outside, nothing runs but its own script; and in a browser, if one is here."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import audit_report_support as support
import pytest

from modelreg.report.audit import html, render
from modelreg.report.audit.parts import Context

VOID = {"meta", "hr", "br", "input", "link", "img"}


class Page(HTMLParser):
    """Tags in balance, their attributes, and the text outside style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)


def page(name: str = "report", lang: str = "en") -> Page:
    found = Page(render("html", getattr(support, name)(), lang, Context(holdings=support.holdings())))
    assert found.open == []
    return found


@pytest.mark.parametrize(
    ("name", "lang"), [("report", "en"), ("report", "zh"), ("hostile", "en"), ("empty", "zh"), ("huge", "en")]
)
def test_sound_and_self_contained(name: str, lang: str) -> None:
    found = page(name, lang)
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for tag, attributes in found.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "textarea")
        assert not [a for a in attributes if a.startswith("on") or a in ("src", "srcset", "style", "action")]
        if "href" in attributes:
            assert re.match(r"(https?://|mailto:|#)", attributes["href"])
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids
    assert [t for t, _ in found.tags].count("script") == 1
    assert [t for t, _ in found.tags].count("h1") == 1


def test_the_policy_allows_this_style_and_script_alone() -> None:
    text = render("html", support.report())
    policy = next(a["content"] for t, a in Page(text).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        body = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert body is not None
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_hostile_text_is_text() -> None:
    words = "".join(page("hostile").words)
    for text in ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</textarea></style></title>"):
        assert text in words
    assert "\\u202egnp.exe" in words
    assert "名字/模型 🙂" in words


def test_what_a_lawyer_looks_for() -> None:
    found = page()
    words = re.sub(r"\s+", " ", " ".join(found.words))
    for text in (
        "LicenseRef-Mistral-MNPL-0.1",
        "clause 3.2, 3.3",
        "Licensed by Mistral AI under the Mistral AI Non-Production License",
        "Llama 3.1 is licensed under the Llama 3.1 Community License",
        "Haidian District People's Court, Beijing",
        "Sources disagree",
        "a fact is not declared: registered",
        "suppressed by legal@example.org until 2027-01-01",
        "given by the caller",
        "2,147,483,648 bytes",
        "app/settings.py:3:34",
        "TheBloke/Yi-34B-GGUF ← 01-ai/Yi-34B (quantised copy)",
    ):
        assert text in words, text
    articles = [a for t, a in found.tags if t == "article"]
    assert len(articles) == 7
    assert articles[0]["data-verdict"] == "requires-agreement"
    assert {"https://open.bigmodel.cn/mla/form", "mailto:license@mistral.ai"} <= {
        a["href"] for t, a in found.tags if t == "a"
    }


def test_the_picture_of_descent() -> None:
    text = render("html", support.report(), "en", Context(holdings=support.holdings()))
    svg = re.search(r"<svg.*?</svg>", text, re.DOTALL)
    assert svg is not None
    assert svg[0].count('class="box') == 4
    assert svg[0].count("marker-end") == 2
    assert 'role="img"' in svg[0]
    assert "<svg" not in render("html", support.empty())


def test_a_circle_of_descent_ends() -> None:
    from modelreg.i18n.audit import AuditWords
    from modelreg.report.audit import lineage

    ring = [lineage.Step("a", "b", "merge"), lineage.Step("b", "a", "merge"), lineage.Step("c", "c", "merge")]
    assert lineage.picture(ring, [], AuditWords("en")).startswith("<svg")
    many = [lineage.Step(f"m{i}", f"m{i + 1}", "fine-tune") for i in range(500)]
    assert lineage.picture(many, [], AuditWords("en")).count("<rect") == lineage.NODES


def test_a_large_report_names_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "FULL", 2)
    monkeypatch.setattr(html, "LISTED", 3)
    found = page("report")
    assert sum(t == "article" for t, _ in found.tags) == 2
    words = " ".join(found.words)
    assert "5 model(s) are listed without their details" in words
    assert "and 2 more" in words


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROBE = """<script>
addEventListener("error", function (e) { document.title = "error: " + e.message; });
addEventListener("load", function () {
  var f = document.getElementById("filters"), n = document.querySelectorAll(".model:not([hidden])").length;
  f.q.value = "codestral"; f.dispatchEvent(new Event("input"));
  var m = document.querySelectorAll(".model:not([hidden])").length, said = document.getElementById("shown").textContent;
  f.q.value = ""; f.verdict.value = "undetermined"; f.dispatchEvent(new Event("input"));
  var k = document.querySelectorAll(".model:not([hidden])").length;
  var wide = document.documentElement.scrollWidth > innerWidth;
  document.body.setAttribute("data-probe", [n, m, said, k, wide].join("|"));
});
</script>"""


def browse(path: Path, *options: str, seconds: float = 60) -> str:
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={path.parent}/profile",
    ]
    done = subprocess.run(
        [BROWSER, *flags, *options, path.as_uri()], capture_output=True, text=True, timeout=seconds, check=False
    )
    return done.stdout


@pytest.mark.slow
def test_filters_work_in_a_browser_and_nothing_is_wider_than_a_phone(tmp_path: Path) -> None:
    text = render("html", support.report(), "en", Context(holdings=support.holdings()))
    # The probe is not in the page's policy, so the policy is taken out for this one test.
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text).replace("</body>", PROBE + "</body>")
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    dom = browse(path, "--window-size=500,900", "--dump-dom")
    probe = re.search(r'data-probe="([^"]*)"', dom)
    assert probe is not None, dom[:300]
    assert probe[1] == "7|1|1 of 7 models shown|1|false"


@pytest.mark.slow
def test_hostile_names_run_nothing_even_without_the_policy(tmp_path: Path) -> None:
    text = render("html", support.hostile())
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    trap = "<script>window.alert = function () { document.documentElement.setAttribute('data-owned', '1'); };</script>"
    path = tmp_path / "page.html"
    path.write_text(text.replace("</head>", trap + "</head>"), encoding="utf-8")
    dom = browse(path, "--dump-dom")
    assert 'class="has-js"' in dom
    assert "data-owned" not in dom.replace(trap, "")


def test_what_is_used_stands_before_what_is_only_named() -> None:
    named = [support.finding("mistralai/Codestral-22B-v0.1", "README.md", n, level="mention") for n in (1, 2)]
    report = support.make([*named, support.finding("Qwen/Qwen2.5-7B-Instruct", "a.py", 1)])
    words = " ".join(Page(render("html", report)).words)
    assert words.index("Qwen/Qwen2.5-7B-Instruct") < words.index("mistralai/Codestral-22B-v0.1")
    assert "Only named in documents, tests or as a service: Requires an agreement first (1)" in words
    assert "1 more only named" in words
    table = render("table", report)
    assert table.index("Qwen/Qwen2.5") < table.index("mistralai/Codestral")
    assert "Requires an agreement first: 0 (1 more only named)" in table
    assert "separate-licence" not in table  # no duties of a model that is only named
