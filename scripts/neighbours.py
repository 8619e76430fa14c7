"""Write modelreg/texts/neighbours.json: fingerprints of licences that are not in the registry but look like
one.

usage: neighbours.py FOLDER_OF_SCANCODE_LICENSE_FILES

CC-BY-4.0 shares 97 % with CC-BY-NC-4.0, the JSON licence 97 % with MIT. Known by their own fingerprints,
they win over the licence they look like, and get no false name. The list was drawn up by running `identify`
over all 2,600 texts of scancode-toolkit-mini 32.5.0 and keeping what came near a registry text without being
the same licence.
"""

import json
import sys
from pathlib import Path

from modelreg.texts.fetch import Wanted, from_database_folder
from modelreg.texts.fingerprint import fingerprint

KEYS = [
    "bigscience-open-rail-m2",
    "cc-by-4.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-sa-4.0",
    "compass",
    "defold-1.0",
    "ecl-2.0",
    "ekioh",
    "flora-1.1",
    "flux-1-nc",
    "freertos-mit",
    "gtpl-v3",
    "happy-bunny",
    "hippocratic-1.0",
    "hippocratic-1.1",
    "imagemagick",
    "json",
    "mit-0",
    "mit-proprietary",
    "mongodb-sspl-1.0",
    "pixar",
    "saxix-mit",
    "sunsoft",
    "x11-stanford",
    "x11-xconsortium",
    "x11-xconsortium-veillard",
    "x11-xconsortium_veillard",
    "xfree86-1.0",
]

target = Path(__file__).resolve().parent.parent / "modelreg" / "texts" / "neighbours.json"
folder = Path(sys.argv[1])
out = {}
for key in KEYS:
    found = from_database_folder(folder, Wanted(scancode_key=key))
    assert found is not None, f"{key} is not in {folder}"
    out[key] = fingerprint(found.data).to_data()
target.write_text(json.dumps(out, indent=1, sort_keys=True) + "\n", encoding="utf-8")
print(f"{len(out)} fingerprints, {target.stat().st_size} bytes")
