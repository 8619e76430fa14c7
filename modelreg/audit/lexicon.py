"""Which strings name models: the registry's names, known publishers, and the shapes of names.

The registry answers for what it lists, under every hub's spelling. `data/publishers.txt` holds accounts that publish
weights, with what else they own; `data/datasets.txt` what stands under them and is no model. An account that is not
known counts only in a place where a model belongs (`in_model_place`) or where the name could mean nothing else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from modelreg.audit import shapes
from modelreg.audit.sieve import Sieve
from modelreg.audit.source import Identity
from modelreg.audit.words_of_names import OLLAMA
from modelreg.core.finding import CERTAIN, LIKELY, POSSIBLE
from modelreg.registry.names import Ambiguous, Found, resolve
from modelreg.registry.spelling import HOSTS, key, tag_key

_DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
MAX_LENGTH = 300  # longer strings are no names
_MEMO = 20_000

# Words in the path of a hub's URL behind which no model stands.
_NOT_MODELS = frozenset(
    "datasets spaces papers collections docs blog posts settings join login signup pricing tasks learn chat "
    "organizations studios dataset profile my headlines brand topic library enterprise inference-endpoints search "
    "models support new welcome transformers accelerate diffusers peft trl optimum tokenizers evaluate "
    "terms-of-service privacy llms-full front assets notifications course hub-docs changelog".split()
)
_INSIDE = frozenset(
    "tree blob resolve raw commit commits discussions files file summary feedback quickstart community".split()
)
_TRIM = " \t\r\n\"'`()[]{}<>,;!?，。；：、（）【】《》“”‘’「」|=*~"
_TOKEN = re.compile(
    r"(?:https?://|hf://|modelscope://|ollama://|pkg:)"
    r"[^\s\"'`<>()\[\]{}，。；、（）《》“”|\\^*]+|"
    r"[A-Za-z0-9@~$./_\\-][A-Za-z0-9._/@:+~\\-]*"
)
_HUB_FILE = re.compile(
    r"(\$\{?\w+\}?|\$\(\w+\)|%\w+%)/(?:models/)?([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)/(resolve|blob|tree|raw)(?:/(\S*))?"
)
_BAD = re.compile(r"[\s{}<>$*?|\"'`,;()\[\]=%&!^#]")
_COMMAND = re.compile(r"\bollama\s+(?:run|pull|create|show|push)\s+(?:-\S+\s+)*$|ollama\.com/(?:library/)?$")
_OLLAMA_TAG = re.compile(
    r"(?i)^(?:latest|(?:\d+x)?e?\d+(?:\.\d+)?[bm](?:[-_][\w.-]+)?|"
    r"(?:instruct|chat|text|code|base|mini|medium|vision|small|large|"
    r"xs|v\d[\w.]*|i?q\d\w*|fp16|f16|\d+k?)(?:[-_][\w.-]+)?)$"
)
# What stands before the first slash of a name that a gateway or a client library routes.
_ROUTES = frozenset(
    "openai azure anthropic gemini vertex_ai vertexai bedrock openrouter groq together together_ai fireworks "
    "fireworks_ai replicate deepinfra anyscale perplexity cohere mistral dashscope siliconflow volcengine "
    "zhipuai-api novita xai cloudflare sambanova-api nvidia_nim azure_ai watsonx github github_copilot cerebras "
    "moonshot google_genai google".split()
)
_ESCAPES = re.compile(r"(?:\\[nrt])+$")  # `"FROM llama3.2:1b\n"`
# What OpenRouter and its like put behind a name: how it is served, no other weights.
_SERVED_AS = frozenset("free nitro floor extended beta online exacto thinking".split())
# Folders in which people keep weights, one folder a model.
_MODEL_ROOTS = frozenset(
    "models model weights checkpoints checkpoint ckpt ckpts pretrained pretrained_models pretrained-models pretrained_model "
    "hf_models hf-models local_models model_zoo modelzoo llms base_models model_cache".split()
)
_WRITTEN = frozenset("output outputs out runs run results result saved exp experiments logs log tmp temp save".split())
# Names of files that every training leaves behind: they say nothing of the model.
_NO_NAME = re.compile(
    r"(?i)^(?:(?:best|last|final|latest|my|the|your|new|trained|custom|tuned|test|dummy|fake|some|path|toy)?[-_]*"
    r"(?:pytorch[-_]?)?(?:adapter[-_]?)?(?:model|models|weights?|checkpoints?|ckpt|net|network|lora|params|state|state_dict|best|last|final|latest|file|foo|bar|"
    r"diffusion_pytorch_model|consolidated|encoder|decoder|unet|vae|embeddings?|tokenizer|graph|detector|classifier)?)"
    r"(?:[-_.]?(?:best|last|final|latest|fp16|fp32|quantized|int8|int4|\d+|of|epoch|step|epochs))*(?:[-_.]\d+)*$|^(?:epoch|step|iter|global_step)[-_=]?\d|^x{1,4}$|^.{1,2}$"
)
_WEAK_SHAPE = re.compile(r"^[A-Za-z]+[0-9.]*$")


class Names:
    """The `Lexicon` over one registry's index of names.

    Args:
        index: `Registry.name_index`.
    """

    def __init__(self, index: Mapping[str, Any]) -> None:
        self.index = index
        self.publishers = publishers()
        self._exact: dict[str, Identity | None] = {}
        self._sieve: Sieve | None = None

    # ---- the protocol -------------------------------------------------------------------------------------------

    def exact(self, text: str) -> Identity | None:
        """What the whole string names, wherever it stands in code or configuration."""
        found = self._exact.get(text, 0)
        if found == 0:
            if len(self._exact) > _MEMO:
                self._exact.clear()
            found = self._exact[text] = self._identify(text)
        return found  # type: ignore[return-value]  # 0 was replaced

    def in_model_place(self, text: str) -> Identity | None:
        """What the string names where a model belongs: also unknown accounts, weak bare names, folders."""
        found = self.exact(text)
        if found is not None:
            return found
        name = text.strip().strip("/").strip()
        if not 2 <= len(name) <= MAX_LENGTH or _BAD.search(name) or not name.isprintable() or "://" in name:
            return None
        name, revision = _revision(name)
        head, colon, tag = name.partition(":")
        if colon and tag.lower() in _SERVED_AS and "/" in head:
            name = head
        if shapes.ONLY_WEIGHTS.search(name.lower()):
            return self._folder(name, shapes.family) or _own_file(name)
        if name.count("/") == 1 and shapes.ID.fullmatch(name):
            return self._unknown_id(name, revision)
        if "/" in name or "\\" in name:
            return self._folder(name, shapes.family) or self._below_models(name)
        return self._weak(name, revision)

    def in_text(self, text: str) -> Iterator[tuple[int, int, Identity]]:
        """Spans of running text that name models; the text may be of any length."""
        for match in _TOKEN.finditer(text):
            token = match.group()
            if len(token) < 4 or len(token) > MAX_LENGTH:
                continue
            start = match.start()
            core = token.lstrip("-.~@" if token[0] != "@" else "")
            start += len(token) - len(core)
            core = _ESCAPES.sub("", core).rstrip("./:-_~@+\\,;!?")
            if len(core) < 3 or core[0] == "@":
                continue
            found = self._in_prose(core, text, start)
            if found is not None:
                yield start, start + len(core), found

    def lines(self, data: bytes) -> list[int]:
        """Numbers of the lines of a file that can name a model at all; none: it need not be parsed."""
        if self._sieve is None:
            self._sieve = Sieve(self.index, self.publishers)
        return self._sieve.lines(data)

    # ---- the parts ----------------------------------------------------------------------------------------------

    def _in_prose(self, core: str, text: str, start: int) -> Identity | None:
        if "/" in core or ":" in core or "\\" in core:
            found = self.exact(core)
            if (
                found is None
                and "/" in core
                and core.count("/") == 1
                and _COMMAND.search(text[max(0, start - 40) : start])
            ):
                return Identity(core, "ollama", "ollama-tag", LIKELY)
            if found is not None and found.kind == "hosted":
                return None
            return found
        command = _COMMAND.search(text[max(0, start - 40) : start]) is not None
        if not command and "-" not in core and not any(c.isdigit() for c in core):
            return None
        if command:
            return self._ollama(core, "") or Identity(core, "ollama", "ollama-tag", LIKELY)
        found = self.exact(core)
        if found is None or found.kind == "hosted":
            return None
        return found

    def _identify(self, text: str) -> Identity | None:
        name = text.strip()
        if not 3 <= len(name) <= MAX_LENGTH or not name.isprintable():
            return None
        lower = name.lower()
        if "://" in name or lower.startswith(
            ("pkg:", "huggingface.co/", "hf.co/", "hf-mirror.com/", "www.modelscope.cn/", "modelscope.cn/")
        ):
            return self._url(name)
        if _BAD.search(name):
            return None
        name = name.rstrip("/")
        if "models--" in name:
            return self._cached(name)
        if lower.endswith((".gguf", ".ggml", ".llamafile")) or ("ggml" in lower and lower.endswith(".bin")):
            return self._weights_file(name)
        name, revision = _revision(name)
        slashes = name.count("/")
        if "\\" in name:
            return self._folder(name.replace("\\", "/"), shapes.surely_model)
        if slashes == 0:
            return self._bare(name, revision)
        if slashes == 1 and name[0] not in "/.~@":
            return self._id(name, revision)
        return self._long(name)

    def _id(self, name: str, revision: str) -> Identity | None:
        """`owner/name`, perhaps with a tag behind a colon."""
        base, colon, tag = name.partition(":")
        owner, _, last = base.partition("/")
        if not shapes.ID.fullmatch(base):
            return None
        if colon:
            return self._tagged(owner, last, tag, revision)
        low = owner.lower()
        known = self._known(base)
        if known:
            if self._github_only(base, known) or self.is_data(low, last):
                return None
            return Identity(base, self._hub_of(base), "hub-id", CERTAIN, known, revision)
        if low in _ROUTES and shapes.is_api_name(last):
            return Identity(base, "", "hosted", LIKELY)
        if low == "ollama" and (last.lower() in OLLAMA or self._ollama(last, "")):
            return Identity(last, "ollama", "ollama-tag", LIKELY, self._known(last))
        flags = self.publishers.get(low)
        if flags is None:
            if shapes.is_folder(low) or shapes.is_placeholder(low):
                return self._folder(base, shapes.surely_model)
            if shapes.surely_model(last) and not shapes.is_folder(last):
                return Identity(base, "huggingface", "hub-id", POSSIBLE, "", revision)
            return None
        if self.is_data(low, last) or shapes.is_file(last) or shapes.is_placeholder(last):
            return None
        if flags and not shapes.like_model(last):
            return None
        if shapes.like_data(last) or len(last) < 2 or last.isdigit():
            return None
        return Identity(base, "huggingface", "hub-id", LIKELY, "", revision)

    def _tagged(self, owner: str, last: str, tag: str, revision: str) -> Identity | None:
        if tag.lower() in _SERVED_AS:
            return self._id(f"{owner}/{last}", revision)
        if shapes.QUANT.match(tag) or re.match(r"(?i)^(?:UD-)?[IF]?Q\d", tag):  # llama.cpp's `-hf repo:quant`
            return self._id(f"{owner}/{last}", revision)
        if re.fullmatch(r"[0-9a-f]{40,64}", tag):  # Replicate: `owner/name:version`
            found = self._id(f"{owner}/{last}", tag)
            strange = found is None and shapes.surely_model(last)
            return Identity(f"{owner}/{last}", "", "hub-id", POSSIBLE, "", tag) if strange else found
        if tag.replace("-", "").replace("_", "").isalpha() and owner.lower() in self.publishers:
            found = self._id(f"{owner}/{last}", revision)  # a provider (`org/name:fireworks-ai`) or a folder of it
            if found is not None:
                return found
        if owner.lower() == "ollama":
            return self._ollama(last, tag)
        if _OLLAMA_TAG.match(tag) and (shapes.surely_model(f"{last}-{tag}") or last.lower() in OLLAMA):
            return Identity(f"{owner}/{last}:{tag}", "ollama", "ollama-tag", LIKELY)
        return None

    def _bare(self, name: str, revision: str) -> Identity | None:
        base, colon, tag = name.partition(":")
        if colon:
            return self._ollama(base, tag)
        weights = shapes.WEIGHTS.search(base.lower())
        if weights:
            base = base[: weights.start()]
            if base.lower() in ("yolov8n", "yolo11n") or shapes.is_well_known(base) or shapes.surely_model(base):
                return Identity(name, "file", "weights", LIKELY, self._known(base))
            return None
        if not shapes.BARE.fullmatch(base) or shapes.is_file(base) or shapes.like_data(base):
            return None
        if shapes.is_api_name(base):
            return Identity(base, "", "hosted", LIKELY)
        if shapes.is_identifier(base) and not shapes.sized(base):
            return None
        if shapes.is_well_known(base):
            return Identity(base, "huggingface", "bare-name", LIKELY, self._known(base), revision)
        if not any(c.isdigit() for c in base):
            return None
        separators = base.count("-") + base.count("_")
        if shapes.surely_model(base) and (separators or "." in base or self._known(base)):
            known = self._known(base)
            return Identity(base, "huggingface", "bare-name", LIKELY if known else POSSIBLE, known, revision)
        if separators >= 2 and shapes.family(base):
            known = self._known(base)
            if known:
                return Identity(base, "huggingface", "bare-name", LIKELY, known, revision)
        return None

    def _weak(self, name: str, revision: str) -> Identity | None:
        """A bare name that says something only where a model belongs: `gpt2`, `mistral`, `whisper-small`."""
        if not shapes.BARE.fullmatch(name) or shapes.is_file(name):
            return None
        known = self._known(name)
        ambiguous = not known and isinstance(resolve(self.index, name), Ambiguous)
        if known:
            return Identity(name, "huggingface", "bare-name", LIKELY, known, revision)
        if name.lower() in OLLAMA:
            return Identity(name, "ollama", "ollama-tag", POSSIBLE, "")
        if ambiguous and any(c.isdigit() for c in name):
            return Identity(name, "huggingface", "bare-name", POSSIBLE)
        if (
            shapes.family(name)
            and "-" in name
            and any(c.isdigit() for c in name)
            and (shapes.sized(name) or shapes.marks(name))
        ):
            return Identity(name, "huggingface", "bare-name", POSSIBLE)
        if shapes.sized(name) and ("-" in name or "_" in name) and len(name) > 5:
            return Identity(name, "huggingface", "bare-name", POSSIBLE)
        return None

    def _unknown_id(self, name: str, revision: str) -> Identity | None:
        owner, _, last = name.partition("/")
        low = owner.lower()
        if self.is_data(low, last) or shapes.is_file(last) or shapes.WEIGHTS.search(last.lower()):
            return None
        if shapes.is_folder(low):
            return self._folder(name, shapes.family)
        if shapes.is_placeholder(low) or shapes.is_placeholder(last) or low.isdigit() or last.isdigit():
            return None
        if shapes.like_data(last) and low not in self.publishers:
            return None
        known = self._known(name)
        if low in _ROUTES and not known and not shapes.like_model(last):
            return None  # a provider and what it serves
        return Identity(name, "huggingface", "hub-id", LIKELY if known else POSSIBLE, known, revision)

    def _ollama(self, name: str, tag: str) -> Identity | None:
        full = f"{name}:{tag}" if tag else name
        found = resolve(self.index, f"ollama:{full}") if tag else None
        if isinstance(found, Found):
            return Identity(full, "ollama", "ollama-tag", CERTAIN, found.id)
        low = name.lower()
        if low in OLLAMA and (not tag or _OLLAMA_TAG.match(tag)):
            return Identity(full, "ollama", "ollama-tag", LIKELY)
        if not tag and tag_key(name) in self.index["ollama"]:
            return Identity(full, "ollama", "ollama-tag", LIKELY, self._known(name))
        if tag and _OLLAMA_TAG.match(tag) and shapes.BARE.fullmatch(name) and shapes.surely_model(f"{name}-{tag}"):
            return Identity(full, "ollama", "ollama-tag", POSSIBLE)
        return None

    def _url(self, text: str) -> Identity | None:
        lower = text.lower()
        if lower.startswith("pkg:"):
            found = resolve(self.index, text) if lower.startswith(("pkg:huggingface", "pkg:modelscope")) else None
            name = text.partition("/")[2].partition("?")[0].partition("@")[0]
            return (
                Identity(name, "huggingface", "url", LIKELY, found.id if isinstance(found, Found) else "")
                if name
                else None
            )
        scheme, _, rest = text.partition("://")
        if not rest:
            scheme, rest = "https", text
        if scheme.lower() in ("hf", "huggingface", "modelscope"):
            kind, path = "modelscope" if scheme.lower() == "modelscope" else "huggingface", rest
        elif scheme.lower() == "ollama":
            return self._ollama(*(rest.split(":", 1) if ":" in rest else (rest, "")))
        else:
            host, _, path = rest.partition("/")
            host = host.rpartition("@")[2].lower().removeprefix("www.")
            kind = HOSTS.get(host, "")
            if kind in ("", "github") or not path:
                return self._elsewhere(host, path)
        return self._on_hub(kind, path.split("?")[0].split("#")[0], text)

    def _elsewhere(self, host: str, path: str) -> Identity | None:
        """A URL of no hub: TensorFlow Hub, or a file of weights that says what it is."""
        parts = [p for p in path.split("?")[0].split("#")[0].split("/") if p]
        if host == "tfhub.dev" and len(parts) >= 2 and parts[0] != "s":
            return Identity(f"{parts[0]}/{parts[1]}", "", "url", LIKELY)
        if host in ("api-inference.huggingface.co", "router.huggingface.co") and parts[-3:-2] == ["models"]:
            return Identity("/".join(parts[-2:]), "", "hosted", LIKELY)
        if host == "build.nvidia.com" and len(parts) == 2 and "-" in parts[1]:
            return Identity("/".join(parts), "", "url", LIKELY)
        if host == "catalog.ngc.nvidia.com" and "models" in parts[:-1]:
            return Identity(f"{parts[1]}/{parts[parts.index('models') + 1]}", "", "url", LIKELY)
        if parts[2:3] == ["resolve"] and len(parts) > 4 and host not in ("example.com", "github.com", "gitlab.com"):
            return self._path_of_hub("/".join(parts[:2]), parts[3])  # a mirror
        if parts and shapes.WEIGHTS.search(parts[-1].lower()) and not _BAD.search(parts[-1]):
            found = self._weights_file(parts[-1]) if parts[-1].lower().endswith(".gguf") else self._bare(parts[-1], "")
            if found is not None and found.kind in ("weights", "gguf-file"):
                return found._replace(kind="url")
            own = _own_file(parts[-1]) if "." in host and "example" not in host else None
            return own._replace(kind="url") if own is not None else None
        return None

    def _path_of_hub(self, name: str, revision: str = "") -> Identity | None:
        """`owner/name` as the path of a hub's file has it: no more is needed to know that it is a model."""
        owner, _, last = name.partition("/")
        if not shapes.ID.fullmatch(name) or owner.lower() in _NOT_MODELS or self.is_data(owner.lower(), last):
            return None
        if shapes.is_placeholder(owner) or shapes.is_file(last):
            return None
        return Identity(name, "huggingface", "url", LIKELY, self._known(name), revision)

    def hub_file(self, text: str) -> Identity | None:
        """`$HF/owner/name/resolve/main/file`: a file of a hub whose address a variable holds."""
        match = _HUB_FILE.fullmatch(text.strip())
        if match is None:
            return None
        sure = match[3] == "resolve" or re.search(r"(?i)hf|hugging|hub(?!\w)|mirror|modelscope", match[1])
        if not sure and not (match[4] and shapes.WEIGHTS.search(match[4].lower())):
            return None
        return self._path_of_hub(match[2])

    def _below_models(self, name: str) -> Identity | None:
        """`models/owner/name`, `/data/models/owner/name`: the account's folder keeps its name."""
        parts = [p for p in name.replace("\\", "/").split("/") if p and p != "."]
        if len(parts) < 3 or parts[-3].lower() not in _MODEL_ROOTS:
            return None
        pair = f"{parts[-2]}/{parts[-1]}"
        if not shapes.ID.fullmatch(pair) or shapes.is_folder(parts[-2]) or shapes.is_file(parts[-1]):
            return None
        if shapes.is_placeholder(parts[-2]) or shapes.is_placeholder(parts[-1]) or shapes.like_data(parts[-1]):
            return None
        return Identity(pair, "huggingface", "path", POSSIBLE, self._known(pair))

    def _on_hub(self, kind: str, path: str, text: str) -> Identity | None:
        parts = [p for p in path.split("/") if p and p not in (".", "..")]
        if any(_BAD.search(p) for p in parts[:2]):
            return None
        if kind == "ollama":
            if parts[:1] == ["library"]:
                parts = parts[1:]
            if not parts or parts[0] in (
                "blog",
                "search",
                "download",
                "models",
                "docs",
                "install.sh",
                "api",
                "public",
                "settings",
            ):
                return None
            name = parts[0].partition(":")[0] if len(parts) == 1 else "/".join(parts[:2])
            tag = parts[0].partition(":")[2] if len(parts) == 1 else ""
            if name.lower().startswith(("download", "ollama-")) or (
                len(parts) == 1 and name.lower() not in OLLAMA and not tag
            ):
                return None
            return Identity(
                f"{name}:{tag}" if tag else name, kind, "url", LIKELY, self._known(f"{name}:{tag}" if tag else name)
            )
        if kind == "modelscope" and parts[:1] == ["models"]:
            parts = parts[1:]
        elif kind == "modelscope" and parts[:2] == ["api", "v1"] and parts[2:3] == ["models"]:
            parts = parts[3:]
        elif kind == "huggingface" and parts[:2] == ["api", "models"]:
            parts = parts[2:]
        elif parts and parts[0] in _NOT_MODELS:
            return None
        if not parts:
            return None
        parts[0] = parts[0].removesuffix(".git")
        if len(parts) == 1 or parts[1] in _INSIDE:
            # legacy roots: huggingface.co/gpt2, huggingface.co/bert-base-uncased/resolve/main/...
            known = self._known(parts[0]) if kind == "huggingface" else ""
            if not known and len(parts) == 1 and not shapes.is_well_known(parts[0]):
                return None
            if not known and parts[0].lower() in self.publishers:
                return None
            return Identity(parts[0], kind, "url", LIKELY, known, _url_revision(parts, 1))
        last, _, revision = parts[1].partition("@")
        last = last.removesuffix(".git").partition(":")[0].rstrip(".,;:!")
        if shapes.is_file(last):
            return None
        name = f"{parts[0]}/{last}"
        if (
            not shapes.ID.fullmatch(name)
            or (kind == "huggingface" and len(parts) > 2 and parts[2] not in _INSIDE and "hf://" not in text)
        ) and (not shapes.ID.fullmatch(name) or not self._known(name)):
            return None
        if shapes.is_placeholder(parts[0]) or parts[0].startswith(("your", "<")):
            return None
        return Identity(
            name,
            kind,
            "url",
            CERTAIN if self._known(name) else LIKELY,
            self._known(name),
            revision or _url_revision(parts, 2),
        )

    def _cached(self, name: str) -> Identity | None:
        folder = name[name.index("models--") + 8 :].split("/")[0]
        inside = name.partition("/snapshots/")[2].split("/")[0]
        wanted = folder.replace("--", "/")
        if not wanted or wanted.count("/") > 1:
            return None
        return Identity(wanted, "huggingface", "path", CERTAIN, self._known(wanted), inside)

    def _weights_file(self, name: str) -> Identity | None:
        path = name.replace("\\", "/")
        parts = path.split("/")
        file = parts[-1]
        if len(parts) >= 3 and parts[0] and f"{parts[0]}/{parts[1]}".lower() and parts[0].lower() in self.publishers:
            return Identity(path, "huggingface", "gguf-file", LIKELY, self._known(f"{parts[0]}/{parts[1]}"))
        stem = file.lower().removesuffix(".gguf").removesuffix(".ggml").removesuffix(".bin").removesuffix(".llamafile")
        if not stem or stem in ("model", "ggml-model", "*") or shapes.is_placeholder(stem):
            return None
        found = resolve(self.index, file)
        known = found.id if isinstance(found, Found) else ""
        if not known and not (shapes.family(stem) or shapes.sized(stem)):
            return None
        return Identity(file, "file", "gguf-file", LIKELY, known)

    def _folder(self, path: str, judge: Any) -> Identity | None:
        """A path on disk whose end names a model: `/data/models/chatglm2-6b`, `weights/THUDM/chatglm-6b`."""
        parts = [p for p in path.replace("\\", "/").split("/") if p]
        if not parts or _BAD.search(path):
            return None
        last = parts[-1]
        if len(parts) >= 2:
            pair = f"{parts[-2]}/{last}"
            if shapes.ID.fullmatch(pair) and parts[-2].lower() in self.publishers and not shapes.is_folder(parts[-2]):
                found = self._id(pair, "")
                if found is not None and found.kind == "hub-id":
                    return found._replace(kind="path", confidence=LIKELY)
        if shapes.is_file(last) or not shapes.BARE.fullmatch(last) or shapes.like_data(last):
            return None
        weights = shapes.WEIGHTS.search(last.lower())
        stem = last[: weights.start()] if weights else last
        bare = self._bare(stem, "")
        if bare is not None and bare.kind == "bare-name":
            return Identity(stem, "file", "path", bare.confidence, bare.known)
        if len(parts) >= 2 and parts[-2].lower() in _MODEL_ROOTS and shapes.family(stem) and shapes.sized(stem):
            return Identity(stem, "file", "path", POSSIBLE, self._known(stem))
        if judge is shapes.family:
            weak = self._weak(stem, "")
            if weak is not None and any(c.isdigit() for c in stem) and not _WEAK_SHAPE.match(stem):
                return Identity(stem, "file", "path", POSSIBLE, weak.known)
        return None

    def _long(self, name: str) -> Identity | None:
        """Two slashes and more: a file inside a repository, a route, a path."""
        if name.startswith("@"):
            return None
        parts = [p for p in name.split("/") if p]
        head, colon, tag = name.partition(":")
        if colon and tag.lower() in _SERVED_AS:
            return self._long(head)
        if name.startswith("accounts/") and parts[2:3] == ["models"] and len(parts) == 4:  # Fireworks
            return Identity(name, "", "hosted", LIKELY)
        routes = (*_ROUTES, "huggingface", "hf", "modelscope", "vllm", "models")
        if len(parts) == 3 and name[0] not in "/.~" and ":" not in name and parts[0].lower() in routes:
            found = self._id(f"{parts[1]}/{parts[2]}", "")
            if found is not None and found.kind == "hub-id":
                return found
        if len(parts) >= 3 and name[0] not in "/.~" and shapes.WEIGHTS.search(parts[-1].lower()):
            found = self._id(f"{parts[0]}/{parts[1]}", "")
            if found is not None and found.kind == "hub-id":
                return found
        return self._folder(name, shapes.surely_model)

    # ---- what is known ------------------------------------------------------------------------------------------

    def _known(self, name: str) -> str:
        return _resolved(self, name)

    def resolve_id(self, name: str) -> str:
        """The id in the registry, or "" for none or several."""
        found = resolve(self.index, name)
        if not isinstance(found, Found) or (found.how == "github" and "/" not in name):
            return ""  # `models` is the last part of somebody's code repository
        return found.id

    def _github_only(self, name: str, known: str) -> bool:
        """Whether only a code repository bears the name (QwenLM/Qwen): no weights are named by it."""
        owner, _, last = name.partition("/")
        full = f"{key(owner)}/{key(last)}"
        if name == known or full in self.index["huggingface"] or full in self.index["modelscope"]:
            return False
        found = resolve(self.index, name)
        return isinstance(found, Found) and found.how == "github"

    def _hub_of(self, name: str) -> str:
        owner, _, last = name.partition("/")
        full = f"{key(owner)}/{key(last)}"
        if full not in self.index["huggingface"] and full in self.index["modelscope"]:
            return "modelscope"
        return "huggingface"

    def is_data(self, owner: str, name: str) -> bool:
        """Whether the list of data sets, code and images under publishers has it."""
        patterns = datasets().get(owner)
        if not patterns:
            return False
        low = name.lower()
        return any(fnmatchcase(low, pattern) for pattern in patterns)


@lru_cache(maxsize=_MEMO)
def _resolved(names: Names, name: str) -> str:
    return names.resolve_id(name)


def _own_file(name: str) -> Identity | None:
    """A file of weights where weights belong: its own name is all that is known; none where that says nothing."""
    parts = name.replace("\\", "/").split("/")
    found = shapes.ONLY_WEIGHTS.search(parts[-1].lower())
    if found is None or any(p.lower() in _WRITTEN for p in parts[:-1]):
        return None
    stem = parts[-1][: found.start()]
    if len(stem) < 4 or _NO_NAME.match(stem) or shapes.is_placeholder(stem.lower()) or not shapes.BARE.fullmatch(stem):
        return None
    return Identity(parts[-1], "file", "weights", POSSIBLE)


def _revision(name: str) -> tuple[str, str]:
    """`name@revision` apart; `id@host@port` keeps only the id."""
    head, at, rest = name.partition("@")
    if at and head:
        return head, "" if "@" in rest else rest
    return name, ""


def _url_revision(parts: list[str], at: int) -> str:
    if len(parts) > at + 1 and parts[at] in ("tree", "blob", "resolve", "raw", "commit"):
        return parts[at + 1]
    return ""


@lru_cache(maxsize=1)
def publishers() -> dict[str, str]:
    """Accounts that publish weights -> why their names alone are not enough ("" where they are)."""
    found: dict[str, str] = {}
    with open(os.path.join(_DATA, "publishers.txt"), encoding="utf-8") as lines:
        for line in lines:
            if line[0] != "#":
                owner, _, flags = line.strip().partition(" ")
                found[owner] = flags
    return found


@lru_cache(maxsize=1)
def datasets() -> dict[str, list[str]]:
    """Owner -> patterns of names that are no models."""
    found: dict[str, list[str]] = {}
    with open(os.path.join(_DATA, "datasets.txt"), encoding="utf-8") as lines:
        for line in lines:
            owner, slash, name = line.strip().partition("/")
            if slash and line[0] != "#":
                found.setdefault(owner, []).append(name)
    return found


def load_lexicon(index: Mapping[str, Any] | None = None) -> Names:
    """The lexicon over the built-in registry, or over the index of one with overlays."""
    if index is None:
        from modelreg.registry.load import load_registry

        index = load_registry().name_index
    return Names(index)
