"""All pages of docs/registry, in both languages."""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.core.holdings import Holdings
from modelreg.i18n import LANGUAGES, Vocabulary
from modelreg.report.pages import families, index, licenses
from modelreg.report.pages.parts import Site, slug


def pages(part: Holdings) -> Iterator[tuple[str, str]]:
    """(path below docs/registry, Markdown) of every page. The same data give the same bytes.

    Raises:
        ValueError: two licences or families would have the same page.
    """
    taken: set[str] = set()
    for lang in LANGUAGES:
        site = Site(part, Vocabulary(lang))
        made = [("README.md", index.page(site))]
        made += [(f"licenses/{slug(r.id)}.md", licenses.page(site, r)) for r in part.licenses.values()]
        made += [(f"families/{slug(name)}.md", families.page(site, name)) for name in site.families]
        for path, text in made:
            full = f"{lang}/{path}"
            # Compared without case: some file systems do not tell the two apart.
            if full.lower() in taken:
                raise ValueError(f"two entries want the page {full}")
            taken.add(full.lower())
            yield full, text
