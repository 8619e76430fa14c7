"""The pages of docs/registry: whole, linked, the same in both languages, and proof against odd data."""

from __future__ import annotations

import re
from functools import cache
from pathlib import PurePosixPath

import pytest
from markdown_it import MarkdownIt

from modelreg import registry
from modelreg.core.license import License
from modelreg.i18n import Vocabulary
from modelreg.report.pages import index, licenses
from modelreg.report.pages.build import pages
from modelreg.report.pages.parts import Site, anchor, code, md, slug, table, web

RENDER = MarkdownIt("commonmark").enable("table")


@cache
def made() -> dict[str, str]:
    return dict(pages(registry.open().holdings()))


def links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", text)


def test_every_licence_and_family_has_its_page_in_both_languages() -> None:
    reg = registry.open()
    for lang in ("en", "zh"):
        for id_ in reg.data.license_ids():
            assert f"{lang}/licenses/{slug(id_)}.md" in made()
        for family in reg.families:
            assert f"{lang}/families/{slug(family)}.md" in made()


def test_links_lead_to_pages_and_places() -> None:
    for path, text in made().items():
        folder = PurePosixPath(path).parent
        for target in links(text):
            if target.startswith("http"):
                continue
            file, _, place = target.partition("#")
            parts: list[str] = []
            for step in [*folder.parts, *PurePosixPath(file).parts] if file else []:
                if step == "..":
                    parts.pop()
                else:
                    parts.append(step)
            page = "/".join(parts) if file else path
            assert page in made(), f"{path} -> {target}"
            if place:
                assert f'<a id="{place}"></a>' in made()[page], f"{path} -> {target}"


def test_both_languages_have_the_same_shape() -> None:
    for path, text in made().items():
        if path.startswith("en/"):
            other = made()["zh/" + path.removeprefix("en/")]
            assert text.count("\n| ") == other.count("\n| "), path
            assert re.findall(r'<a id="[^"]+">', text) == re.findall(r'<a id="[^"]+">', other), path


def test_clauses_of_one_licence_have_places_of_their_own() -> None:
    for record in registry.open().licenses():
        places = [anchor(c) for c in record.record["clauses"]]
        assert len(set(places)) == len(places), record.id


def test_the_same_data_give_the_same_pages() -> None:
    assert dict(pages(registry.open().holdings())) == made()


def test_pages_do_not_say_where_the_data_are_written() -> None:
    assert not [p for p, text in made().items() if "registry.d" in text or ".yaml" in text]


@pytest.mark.parametrize("path", ["en/README.md", "zh/README.md"])
def test_tables_have_as_many_cells_in_each_row(path: str) -> None:
    for block in made()[path].split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1


def test_the_comparison_says_what_the_records_say() -> None:
    site = Site(registry.open().holdings(), Vocabulary("en"))
    llama = index.row(site, site.part.licenses["LicenseRef-Llama-3.1"])
    assert llama[1] == "free below the cap"
    assert "700,000,000" in llama[2]
    assert "`Built with Llama`" in llama[6]
    assert llama[7] == "US-CA"
    baichuan = index.row(site, site.part.licenses["LicenseRef-Baichuan2-README-2023-10-07"])
    assert "cloud providers" in baichuan[3]
    assert "free below the cap" in baichuan[1]
    assert "written approval" in baichuan[1]
    hunyuan = index.row(site, site.part.licenses["LicenseRef-Tencent-Hunyuan-A13B-2025-06-27"])
    assert hunyuan[4] == "EU, UK, KR"


NASTY = "<script>alert(1)</script> | a*b_c `x` [y](javascript:z) \\ ~~s~~\nnext"


def test_data_cannot_break_out_of_a_page() -> None:
    for text in (md(NASTY), "| " + md(NASTY) + " |", code(NASTY)):
        html = RENDER.render(text)
        assert "<script" not in html
        assert "<em>" not in html
        assert "<a " not in html
    cells = RENDER.render("\n".join(table(["a", "b"], [[md(NASTY), code(NASTY)]])))
    assert cells.count("<td>") == 2
    assert "<script" not in cells
    assert web("javascript:alert(1)") == "javascript:alert(1)"
    assert links(web("https://a.example/x_y(z)")) == []
    assert web("https://a.example/x_y") == "[a.example/x\\_y](https://a.example/x_y)"


def test_a_licence_of_odd_data_still_has_a_page() -> None:
    both = {"en": NASTY, "zh": NASTY}
    record = License(
        {
            "id": "LicenseRef-Odd", "kind": "statement", "title": NASTY, "version": "1", "licensor": "silent",
            "languages": ["en"], "released": "2023", "summary": both, "texts": {"main": {"slug": "odd"}},
            "clauses": {"条 1": {"title": both, "summary": both, "at": ["main:1-1"]}},
            "terms": {"commercial": "not-seen", "hosting": {"value": ["allowed"], "new_key": True, "clause": ["条 1"]}},
            "conflicts": [], "supersedes": None, "notes": [both],
        }
    )  # fmt: skip
    part = registry.open().holdings([])._replace(licenses={record.id: record})
    text = licenses.page(Site(part, Vocabulary("en")), record)
    assert "<script" not in RENDER.render(text)
    assert "new\\_key: yes" in text
    assert "*not seen*: Commercial use" in text
    assert "#clause-1-6761" in text
