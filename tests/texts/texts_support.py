"""Where the official texts are, and a licence of our own to change about."""

from __future__ import annotations

import os
import re
from pathlib import Path

# Written for these tests; no sentence of it stands in any licence.
INVENTED = """The Heron-7B Weights Paper

1. Words used here

“Maker” means whoever trained Heron-7B. “Files” means the tensors that the Maker put online, in any
format, of version 1.5 or later, and everything computed from them by fine-tuning, merging or quantising.

2. What is granted

The Maker lets you copy, run and change the Files, for research and for trade, as long as fewer than
1,000,000 people a day use what you build; above that number, write a letter to heron@example.org before the
month ends.

3. 限制

您若以鹭鸟模型提供公众服务，应当在页面底部写明“本服务由 Heron-7B 驱动”，并于三十日内把修改说明寄给作者。
每日用户超过 100 万者，须先填写登记表；登记表见作者的网站，填写后等待书面答复。

4. Court

Quarrels go to the court of the town where the Maker lives, and the non-Chinese wording of this paper is
a courtesy.
The rest of the paper says the same thing again in other words, so that tests have enough to look at: a heron
stands in shallow water on one leg, waits for a fish, and takes it with a quick movement of its long neck.
"""


def shared_folder() -> Path | None:
    """The reference material beside the checkout, if this machine has it."""
    repository = Path(__file__).resolve().parents[2]
    named = os.environ.get("MODELREG_SHARED")
    places = [Path(named)] if named else [repository.parent / "shared", repository.parent.parent / "shared"]
    return next((place for place in places if (place / "license-texts").is_dir()), None)


def without_title(text: str) -> str:
    """The text without its first line that is not blank."""
    return re.sub(r"\A\s*[^\r\n]*(\r\n|\n|\Z)", "", text)


TRADITIONAL = str.maketrans({"“": "「", "”": "」", '"': "「", "'": "『", "‘": "『", "’": "』"})
