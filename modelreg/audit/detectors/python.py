"""Models in Python modules: one walk over the syntax tree that knows where each string stands.

Load calls seldom hold the name themselves, so strings are looked at wherever they stand, and the place tells how much each
matters. A load call vouches for the literal that its argument comes from.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from modelreg.audit import python_calls as calls
from modelreg.audit import python_parts, shapes
from modelreg.audit.python_lines import comment_start, detect_lines, in_comment, reference
from modelreg.audit.python_values import HOLE, Module, Unknown
from modelreg.audit.sieve import touches
from modelreg.audit.source import Identity, Lexicon, Source
from modelreg.core.finding import HOSTED, LIKELY, MENTION, OPTION, POSSIBLE, USE, Reference, Unresolved

MAX_NODES = 400_000  # of one file; beyond, the rest is read line by line
_CATALOGUE = 30  # models that one file names as used; more are a list to choose from
_SPACE = re.compile(r"\s")
_LIST = re.compile(r"[=,;|]")
_SHELL = re.compile(
    r"(?:^|\s)--?(?:model|model[-_]\w+|tokenizer|hf[-_]repo|hf|repo-id|m)[ =]|\bvllm serve\b|\bollama (?:run|pull)\b|"
    r"\b(?:huggingface-cli|hf) download\b|\bmodelscope download\b|\bgit clone\b"
)
_REMOTE = re.compile(r"https?://(?!localhost|127\.|0\.0\.0\.0|\[::1|192\.168\.|10\.|host\.docker)")
_API_KEYS = frozenset(
    ["base_url", "api_base", "api_url", "openai_api_base", "endpoint_url", "api_endpoint", "inference_server_url"]
)
_SERVICE = re.compile(
    r"(?i)(?:^|[/_.-])(?:together(?:_?ai)?|groq|fireworks(?:_ai)?|openrouter|siliconflow|deepinfra|replicate|anyscale|novita(?:_ai)?|"
    r"nvidia_nim|hyperbolic|sambanova|inference_api|bedrock|dashscope|litellm|lepton|octoai|nebius|cerebras_cloud|featherless)(?:[/_.-]|$)"
)


class Ctx(NamedTuple):
    """Where an expression stands."""

    place: str = "argument"
    level: str = USE
    model: bool = False  # a model belongs here
    text: bool = False  # shown to people, compared, documented: never loaded
    command: bool = False
    hosted: bool = False
    family: str = ""  # names that only one loader understands
    weak: bool = True  # a word like `mistral` may be the model, not only one of its kind
    style: bool = False  # names here are ways of prompting or types: only whole ids count


_MESSAGE = Ctx("message", MENTION, text=True)
_COMPARE = Ctx("comparison", MENTION, text=True)
_DOC = Ctx("docstring", MENTION, text=True)


def detect(source: Source, lexicon: Lexicon) -> Iterator[Reference | Unresolved]:
    """The models that a Python module names, each once a line, in the order of the lines."""
    if "\r" in source.text:
        text = source.text.replace("\r\n", "\n").replace("\r", "\n")
        source = source._replace(text=text, data=text.encode("utf-8", "surrogatepass"))
    sift = getattr(lexicon, "lines", None)
    wanted = sift(source.data) if sift is not None else None
    if wanted is not None and not wanted:
        return
    tree = None
    try:
        if wanted is not None and len(source.text) > python_parts.SMALL:
            tree = python_parts.parse_parts(source.text, wanted)
        whole = tree is None
        if tree is None:
            tree = python_parts.parse(source.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from _once(detect_lines(source, lexicon))
        return
    walk = _Walk(source, lexicon, tree, wanted, whole)
    try:
        walk.run()
    except RecursionError:
        yield from _once(detect_lines(source, lexicon))
        return
    yield from _once(walk.found)
    yield from sorted(walk.unresolved, key=lambda item: item.line)


def _once(found: Iterator[Reference] | list[Reference]) -> Iterator[Reference]:
    """A model once a line: the place that matters most wins."""
    rank = {USE: 0, OPTION: 1, HOSTED: 2, "test": 3, MENTION: 4}
    kept: dict[tuple[int, str], Reference] = {}
    for item in found:
        key = (item.line, item.name.lower())
        old = kept.get(key)
        if old is None or rank[item.level] < rank[old.level]:
            kept[key] = item
    yield from sorted(kept.values(), key=lambda item: (item.line, item.column))


class _Walk:
    def __init__(
        self, source: Source, lexicon: Lexicon, tree: ast.Module, wanted: list[int] | None, whole: bool
    ) -> None:
        self.wanted = wanted  # lines that can name a model; None for all
        self.source = source
        self.lexicon = lexicon
        self.tree = tree
        self.lines = source.text.split("\n")
        self.whole = whole
        self.module = Module(source.path, tree if whole else source.text, source.read)
        self.found: list[Reference] = []
        self.seen: set[tuple[int, str]] = set()
        self.unresolved: list[Unresolved] = []
        self.scopes: tuple[ast.AST, ...] = ()
        self.covered: dict[int, list[tuple[int, int]]] = {}  # strings by line, for comments
        self.inside: set[int] = set()  # lines that begin inside a string
        self.registers: dict[str, set[int]] = {}  # called name -> what its calls named, by number in `found`
        self.loads: list[tuple[ast.expr, Ctx, tuple[ast.AST, ...], ast.Call]] = []
        self.nodes = 0
        self.ascii = source.text.isascii()
        self.ollama = "ollama" in source.text or "Ollama" in source.text
        self.service = bool(_SERVICE.search(source.path))

    def run(self) -> None:
        self.block(self.tree.body, USE, doc=True)
        self.catalogue()
        for argument, ctx, scopes, call in self.loads:
            self.load(argument, ctx, scopes, call)
        self.comments()

    def catalogue(self) -> None:
        """Many models in calls of one name, or in one file, are offered: no run loads them all."""
        used = [item for item in self.found if item.level == USE]
        offered: set[int] = set()
        if len({item.name for item in used}) > _CATALOGUE:
            offered = set(range(len(self.found)))
        else:
            for places in self.registers.values():
                if len({self.found[at].name for at in places}) >= 3:
                    offered |= places
        for at in offered:
            if self.found[at].level == USE:
                self.found[at] = self.found[at]._replace(level=OPTION)

    # ---- statements ---------------------------------------------------------------------------------------------

    def block(self, body: list[ast.stmt], level: str, doc: bool = False) -> None:
        for at, node in enumerate(body):
            if self.wanted is not None:
                first = node.lineno
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.decorator_list:
                    first = node.decorator_list[0].lineno
                if not touches(self.wanted, first, node.end_lineno or first):
                    continue
            if doc and at == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                self.expr(node.value, _DOC)
            else:
                self.statement(node, level, body, at)

    def statement(self, node: ast.stmt, level: str, body: list[ast.stmt], at: int) -> None:
        kind = type(node)
        if kind is ast.Expr:
            value = node.value  # type: ignore[attr-defined]
            self.expr(value, _DOC if isinstance(value, ast.Constant) else Ctx(level=level))
        elif kind is ast.Assign or kind is ast.AnnAssign or kind is ast.AugAssign:
            self.assign(node, level, body, at)  # type: ignore[arg-type]
        elif kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
            self.function(node, level)  # type: ignore[arg-type]
        elif kind is ast.ClassDef:
            self.class_(node, level)  # type: ignore[arg-type]
        elif kind is ast.If:
            self.if_(node, level)  # type: ignore[arg-type]
        elif kind is ast.Return:
            if node.value is not None:  # type: ignore[attr-defined]
                self.expr(node.value, Ctx("return", level, self.returns_model()))  # type: ignore[attr-defined]
        elif kind is ast.Raise:
            for part in (node.exc, node.cause):  # type: ignore[attr-defined]
                if part is not None:
                    self.expr(part, _MESSAGE)
        elif kind is ast.Assert:
            self.expr(node.test, _COMPARE)  # type: ignore[attr-defined]
            if node.msg is not None:  # type: ignore[attr-defined]
                self.expr(node.msg, _MESSAGE)  # type: ignore[attr-defined]
        elif kind is ast.For or kind is ast.AsyncFor:
            names = [n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)]  # type: ignore[attr-defined]
            self.expr(node.iter, Ctx("list-item", level, any(map(calls.is_model_key, names))))  # type: ignore[attr-defined]
            self.block(node.body, level)  # type: ignore[attr-defined]
            self.block(node.orelse, level)  # type: ignore[attr-defined]
        elif kind is ast.While:
            self.expr(node.test, _COMPARE)  # type: ignore[attr-defined]
            self.block(node.body, level)  # type: ignore[attr-defined]
            self.block(node.orelse, level)  # type: ignore[attr-defined]
        elif kind is ast.With or kind is ast.AsyncWith:
            for item in node.items:  # type: ignore[attr-defined]
                self.expr(item.context_expr, Ctx(level=level))
            self.block(node.body, level)  # type: ignore[attr-defined]
        elif isinstance(node, ast.Try | ast.TryStar):
            self.block(node.body, level)
            for handler in node.handlers:
                self.block(handler.body, level)
            self.block(node.orelse, level)
            self.block(node.finalbody, level)
        elif kind is ast.Match:
            self.expr(node.subject, _COMPARE)  # type: ignore[attr-defined]
            for case in node.cases:  # type: ignore[attr-defined]
                for part in ast.walk(case.pattern):
                    if isinstance(part, ast.MatchValue):
                        self.expr(part.value, _COMPARE)
                self.block(case.body, OPTION if level == USE else level)

    def assign(
        self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, level: str, body: list[ast.stmt], at: int
    ) -> None:
        if node.value is None:
            return
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [_target(t) for t in targets]
        model = any(calls.is_model_key(name) for name in names)
        place = (
            "constant"
            if not any(isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef) for s in self.scopes)
            else "variable"
        )
        text = bool(names) and names[0].startswith("__") and names[0] != "__all__"
        if names and names[0].lower().rpartition("_")[2] in (
            "help",
            "description",
            "desc",
            "doc",
            "docstring",
            "epilog",
            "usage",
        ):
            text = True
        if level == USE and isinstance(node, ast.Assign) and _is_literal(node.value) and self.names_model(node.value):
            if body is self.tree.body and not self.whole:
                body, at = self.whole_body(node)
            if _replaced(names, body, at):
                level = MENTION  # set again below before anybody read it
        if isinstance(targets[0], ast.Subscript):
            self.expr(targets[0], Ctx(level=level))
            if level == USE and not model and not _environment(targets[0]):
                level = OPTION if len(names) == 1 and isinstance(node.value, ast.Constant) else level
        if (
            isinstance(targets[0], ast.Tuple)
            and isinstance(node.value, ast.Tuple)
            and len(targets[0].elts) == len(node.value.elts)
        ):
            for target, value in zip(targets[0].elts, node.value.elts, strict=True):
                self.expr(value, Ctx(place, level, calls.is_model_key(_target(target)), text))
            return
        hosted = any(n.lower() in ("hosted_models", "api_models", "online_models") for n in names)
        style = any(map(calls.is_style, names))
        self.expr(
            node.value, Ctx(place, MENTION if text else level, model and not text, text, hosted=hosted, style=style)
        )

    def names_model(self, node: ast.expr) -> bool:
        text = node.value.strip() if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        return 3 <= len(text) <= 300 and self.lexicon.in_model_place(text) is not None

    def whole_body(self, node: ast.stmt) -> tuple[list[ast.stmt], int]:
        """The block of the whole module that holds a statement of a part of it."""
        body = self.module.body()
        return body, next((at for at, other in enumerate(body) if other.lineno == node.lineno), len(body))

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, level: str) -> None:
        for decorator in node.decorator_list:
            self.decorator(decorator, level)
        self.defaults(node.args, level)
        outer, self.scopes = self.scopes, (*self.scopes, node)
        self.block(node.body, level, doc=True)
        self.scopes = outer

    def decorator(self, node: ast.expr, level: str) -> None:
        if isinstance(node, ast.Call) and "doc" in calls.dotted(node.func).rpartition(".")[2].lower():
            for part in [*node.args, *(k.value for k in node.keywords)]:
                name = next((k.arg or "" for k in node.keywords if k.value is part), "")
                # what the documentation shall show
                self.expr(part, Ctx("docstring", MENTION, True) if calls.is_model_key(name) else _DOC)
        else:
            self.expr(node, Ctx("decorator", level))

    def defaults(self, args: ast.arguments, level: str) -> None:
        plain = [*args.posonlyargs, *args.args]
        pairs: list[tuple[ast.arg, ast.expr | None]] = list(
            zip(plain[len(plain) - len(args.defaults) :], args.defaults, strict=True)
        )
        pairs += list(zip(args.kwonlyargs, args.kw_defaults, strict=True))
        for arg, default in pairs:
            if default is not None:
                self.expr(
                    default,
                    Ctx("parameter-default", level, calls.is_model_key(arg.arg), style=calls.is_style(arg.arg)),
                )
        for arg in [*plain, *args.kwonlyargs]:
            if arg.annotation is not None:
                self.annotation(arg.annotation, level)

    def annotation(self, node: ast.expr, level: str) -> None:
        if isinstance(node, ast.Subscript):  # Annotated[str, typer.Option("id")], Literal["a", "b"]
            self.expr(node, Ctx("annotation", OPTION if level == USE else level))

    def class_(self, node: ast.ClassDef, level: str) -> None:
        for decorator in node.decorator_list:
            self.decorator(decorator, level)
        for word in node.keywords:
            self.expr(word.value, Ctx("class-keyword", level))
        outer, self.scopes = self.scopes, (*self.scopes, node)
        enum = any(calls.dotted(base).endswith(("Enum", "StrEnum", "TextChoices")) for base in node.bases)
        self.block(node.body, OPTION if enum and level == USE else level, doc=True)
        self.scopes = outer

    def if_(self, node: ast.If, level: str) -> None:
        inner = level
        if level == USE and not _always(node.test):
            inner = OPTION
        self.expr(node.test, _COMPARE)
        self.block(node.body, inner)
        self.block(node.orelse, inner)

    def returns_model(self) -> bool:
        """Whether the function around is named like a model: `def default_model(self): return "..."`."""
        for scope in reversed(self.scopes):
            if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
                return calls.is_model_key(scope.name.removeprefix("get_").removeprefix("default_"))
        return False

    # ---- expressions --------------------------------------------------------------------------------------------

    def expr(self, node: ast.expr, ctx: Ctx) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise RecursionError
        kind = type(node)
        if kind is ast.Constant:
            if isinstance(node.value, str):  # type: ignore[attr-defined]
                self.string(node, ctx)  # type: ignore[arg-type]
        elif kind is ast.Call:
            self.call(node, ctx)  # type: ignore[arg-type]
        elif kind is ast.Name:
            return
        elif kind is ast.Attribute:
            self.expr(node.value, ctx if not ctx.model else ctx._replace(model=False))  # type: ignore[attr-defined]
        elif kind is ast.Dict:
            self.dict_(node, ctx)  # type: ignore[arg-type]
        elif kind is ast.List or kind is ast.Tuple or kind is ast.Set:
            self.list_(node.elts, ctx)  # type: ignore[attr-defined]
        elif kind is ast.JoinedStr:
            self.joined(node, ctx)  # type: ignore[arg-type]
        elif kind is ast.BinOp:
            self.operation(node, ctx)  # type: ignore[arg-type]
        elif kind is ast.Compare:
            self.expr(node.left, _COMPARE)  # type: ignore[attr-defined]
            for other in node.comparators:  # type: ignore[attr-defined]
                self.expr(other, _COMPARE)
        elif kind is ast.BoolOp:
            for value in node.values:  # type: ignore[attr-defined]
                self.expr(value, ctx)
        elif kind is ast.IfExp:
            self.expr(node.test, _COMPARE)  # type: ignore[attr-defined]
            inner = ctx._replace(level=OPTION) if ctx.level == USE and not _always(node.test) else ctx  # type: ignore[attr-defined]
            self.expr(node.body, inner)  # type: ignore[attr-defined]
            self.expr(node.orelse, inner)  # type: ignore[attr-defined]
        elif kind is ast.Subscript:
            self.expr(node.value, ctx)  # type: ignore[attr-defined]
            index = node.slice  # type: ignore[attr-defined]
            literal = calls.dotted(node.value).endswith("Literal")  # type: ignore[attr-defined]
            self.expr(index, ctx._replace(place="choices") if literal or ctx.place == "annotation" else _COMPARE)
        elif kind is ast.Lambda:
            outer, self.scopes = self.scopes, (*self.scopes, node)
            self.defaults(node.args, ctx.level)  # type: ignore[attr-defined]
            self.expr(node.body, ctx)  # type: ignore[attr-defined]
            self.scopes = outer
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.expr(child, ctx)
                elif isinstance(child, ast.comprehension):
                    self.expr(child.iter, ctx._replace(place="list-item"))
                    for test in child.ifs:
                        self.expr(test, _COMPARE)

    def string(self, node: ast.Constant, ctx: Ctx) -> None:
        value: str = node.value  # type: ignore[assignment]
        self.cover(node)
        if len(value) < 3 and not ctx.family:
            return
        bare = value.strip()
        if _SPACE.search(bare) or len(bare) > 300:
            self.words(node, ctx)
            return
        found = self.identify(bare, ctx)
        if found is not None:
            self.emit(node, bare, found, ctx)
        elif "://" in bare or _LIST.search(bare) or ctx.text:
            self.words(node, ctx)

    def identify(self, text: str, ctx: Ctx) -> Identity | None:
        if ctx.family:
            special = loader_name(text, ctx.family)
            if special is not None:
                return special
        found = self.lexicon.exact(text)
        if found is not None:
            if (ctx.text and found.kind == "hosted") or (ctx.style and "/" not in text):
                return None
            return found
        if not ctx.model or ctx.style:
            return None
        if "/" not in text and not ctx.weak:
            return None
        return self.lexicon.in_model_place(text)

    def words(self, node: ast.expr, ctx: Ctx) -> None:
        """A text of several words: a message, a document, a command."""
        first, last = node.lineno, node.end_lineno or node.lineno
        for number in range(first, last + 1):
            if self.wanted is not None and last - first > 3 and not touches(self.wanted, number, number):
                continue
            line = self.lines[number - 1] if number <= len(self.lines) else ""
            start = self.chars(line, node.col_offset) if number == first else 0
            stop = self.chars(line, node.end_col_offset or 0) if number == last else len(line)
            part = line[start:stop]
            level, place = ctx.level, ctx.place
            if not ctx.text:
                if not ctx.command and _SHELL.search(part) is None and _SPACE.search(part.strip("\"' ")):
                    level, place = MENTION, "message"
                else:
                    place = "command"
            for a, b, found in self.lexicon.in_text(part):
                self.add(number, start + a, part[a:b], found, ctx._replace(level=level, place=place))

    def emit(self, node: ast.expr, text: str, found: Identity, ctx: Ctx, via: str = "") -> None:
        line, column = self.locate(node, text)
        self.add(line, column, text, found, ctx, via)

    def add(self, line: int, column: int, text: str, found: Identity, ctx: Ctx, via: str = "") -> None:
        level = ctx.level
        if (
            (ctx.hosted or self.service)
            and level in (USE, OPTION)
            and found.hub in ("huggingface", "")
            and found.kind != "path"
        ):
            level = HOSTED
        self.seen.add((line, found.name.lower()))
        self.found.append(reference(self.source, line, column, text, found, ctx.place, level, via))

    def locate(self, node: ast.expr, text: str) -> tuple[int, int]:
        """1-based line and 0-based column of a text inside an expression."""
        first, last = node.lineno, node.end_lineno or node.lineno
        for number in range(first, min(last, first + 200) + 1):
            if number > len(self.lines):
                break
            line = self.lines[number - 1]
            start = self.chars(line, node.col_offset) if number == first else 0
            at = line.find(text, start)
            if at >= 0:
                return number, at
        line = self.lines[first - 1] if first <= len(self.lines) else ""
        return first, self.chars(line, node.col_offset)

    def chars(self, line: str, offset: int) -> int:
        """A column in bytes as one in characters."""
        if self.ascii:
            return offset
        return len(line.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "ignore"))

    def cover(self, node: ast.expr) -> None:
        first, last = node.lineno, node.end_lineno or node.lineno
        if first == last:
            self.covered.setdefault(first, []).append((node.col_offset, node.end_col_offset or 0))
            return
        self.covered.setdefault(first, []).append((node.col_offset, 1 << 30))
        self.inside.update(range(first + 1, last))
        self.covered.setdefault(last, []).append((0, node.end_col_offset or 0))

    def dict_(self, node: ast.Dict, ctx: Ctx) -> None:
        constants = [v.value.strip() for v in node.values if isinstance(v, ast.Constant) and isinstance(v.value, str)]
        ids = [v for v in constants if "/" in v and v.count("/") == 1]
        known = [v for v in constants if self.is_model(v)]
        keys = [k.value for k in node.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)]
        plain = [k for k in keys if not calls.is_model_key(k)]
        catalogue = len(known) >= 2 and len(plain) >= 2
        siblings = len(known) >= 2 and 2 * len(known) >= len(ids)
        nested = sum(isinstance(v, ast.Dict | ast.List | ast.Tuple) for v in node.values) >= 2
        hosted = ctx.hosted
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in _API_KEYS and isinstance(value, ast.Constant):
                hosted = hosted or (isinstance(value.value, str) and _REMOTE.match(value.value) is not None)
        for key, value in zip(node.keys, node.values, strict=True):
            name = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
            model = calls.is_model_key(name)
            level = ctx.level
            if level == USE and (nested or (catalogue and not model)):
                level = OPTION
            inner = Ctx(
                "dict-value",
                level,
                model or siblings or (ctx.model and not name),
                ctx.text,
                ctx.command,
                hosted,
                ctx.family,
            )
            if len(node.keys) > 1 and not model:
                inner = inner._replace(weak=self.ollama)
            if calls.is_style(name):
                inner = inner._replace(style=True)
            if name in ("description", "desc", "help", "doc", "message", "title", "label", "text", "prompt", "content"):
                inner = _MESSAGE
            if name.lower() in (
                "dataset",
                "datasets",
                "dataset_name",
                "dataset_path",
                "train_file",
                "hf_hub_url",
                "ms_hub_url",
            ):
                continue
            if ctx.model and not model and name and not ctx.text and not _settings(name):
                inner = inner._replace(model=True)
            before = len(self.found)
            self.expr(value, inner)
            if key is not None and len(self.found) == before:
                self.expr(
                    key, Ctx("dict-key", OPTION if ctx.level == USE else ctx.level, False, ctx.text, hosted=hosted)
                )
            elif key is not None:
                self.cover(key)

    def list_(self, items: list[ast.expr], ctx: Ctx) -> None:
        constants = [v.value.strip() for v in items if isinstance(v, ast.Constant) and isinstance(v.value, str)]
        known = [v for v in constants if self.is_model(v)]
        ids = [v for v in constants if v.count("/") == 1]
        inner = ctx
        several = len(known) >= 2 or (
            len(items) >= 2 and all(isinstance(i, ast.Dict | ast.Tuple | ast.List) for i in items)
        )
        if several and ctx.level == USE and ctx.place != "command":
            inner = inner._replace(level=OPTION)
        if len(known) >= 2 and 2 * len(known) >= len(ids):
            inner = inner._replace(model=True)
        if not ctx.text and ctx.place not in ("choices", "load-call"):
            inner = inner._replace(place="list-item" if ctx.place not in ("dict-value",) else ctx.place)
        if len(items) > 1 and not self.ollama and not any(":" in v for v in known):
            inner = inner._replace(weak=False)  # `["llama", "mistral"]`: kinds of models
        if (
            len(items) > 1
            and all(isinstance(i, ast.Call) for i in items)
            and inner.level == USE
            and ctx.place != "command"
        ):
            inner = inner._replace(level=OPTION)
        flag = ""
        for item in items:
            text = item.value if isinstance(item, ast.Constant) and isinstance(item.value, str) else ""
            if flag:
                self.expr(item, Ctx("flag", ctx.level, True, ctx.text, command=True))
            else:
                self.expr(item, inner)
            flag = (
                text
                if text.startswith("-")
                and (calls.is_model_key(text) or text in ("-m", "-hf", "-hfr"))
                and "=" not in text
                else ""
            )

    def is_model(self, text: str) -> bool:
        found = self.lexicon.exact(text) if 3 <= len(text) <= 200 and not _SPACE.search(text) else None
        return found is not None and found.kind != "hosted"

    def joined(self, node: ast.JoinedStr, ctx: Ctx) -> None:
        self.cover(node)
        fixed = "".join(str(p.value) for p in node.values if isinstance(p, ast.Constant))
        if ctx.text or _SPACE.search(fixed.strip()):
            self.words(node, ctx)
            for piece in node.values:
                if isinstance(piece, ast.FormattedValue):
                    self.expr(piece.value, _MESSAGE if ctx.text else ctx._replace(model=False))
            return
        self.combined(node, ctx)
        for piece in node.values:
            if isinstance(piece, ast.FormattedValue) and not isinstance(piece.value, ast.Name | ast.Attribute):
                self.expr(piece.value, ctx._replace(model=False))

    def combined(self, node: ast.expr, ctx: Ctx) -> bool:
        """Reports what an expression of several parts comes to; False if it comes to nothing."""
        values = self.module.values(node, self.scopes)
        if isinstance(values, Unknown):
            return False
        some = False
        for value in values[:20]:
            text = value.text.strip()
            if HOLE in text:
                found = partial(text, self.lexicon, ctx.model)
            elif _SPACE.search(text):
                continue
            else:
                found = self.lexicon.in_model_place(text) if ctx.model and "/" in text else self.lexicon.exact(text)
            if found is not None:
                level = OPTION if len(values) > 1 and ctx.level == USE else ctx.level
                self.emit(node, self.written(node, found.name), found, ctx._replace(level=level), "put together")
                some = True
        return some

    def written(self, node: ast.expr, name: str) -> str:
        """The source text of an expression of several parts, if it stands in one line."""
        if node.lineno != node.end_lineno or node.lineno > len(self.lines):
            return name
        line = self.lines[node.lineno - 1]
        return line[self.chars(line, node.col_offset) : self.chars(line, node.end_col_offset or 0)]

    def operation(self, node: ast.BinOp, ctx: Ctx) -> None:
        if isinstance(node.op, ast.Add | ast.Mod | ast.Div) and not ctx.text and _holds_text(node):
            if self.combined(node, ctx):
                for part in ast.walk(node):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        self.cover(part)
                return
        left: ast.expr = node
        while isinstance(left, ast.BinOp):  # a chain of thousands is not looked at again at each of its links
            self.expr(left.right, ctx)
            left = left.left
        self.expr(left, ctx)

    def call(self, node: ast.Call, ctx: Ctx) -> None:
        name = calls.dotted(node.func)
        last = name.rpartition(".")[2]
        words = {k.arg: k.value for k in node.keywords if k.arg}
        kind = words.get("repo_type")
        if name.endswith("hub.load"):  # torch.hub.load("account/code", "model")
            self.hub_load(node, ctx, words)
            return
        if calls.CANCELS.search(name) or (isinstance(kind, ast.Constant) and kind.value in ("dataset", "space")):
            self.hush(node)
            return
        if isinstance(node.func, ast.Attribute):
            inner = node.func.value
            if isinstance(
                inner,
                ast.Call
                | ast.Subscript
                | ast.Constant
                | ast.JoinedStr
                | ast.BinOp
                | ast.Dict
                | ast.List
                | ast.Attribute,
            ):
                if last == "format" and isinstance(inner, ast.Constant) and not ctx.text and self.combined(node, ctx):
                    self.hush(node)
                    return
                self.expr(inner, ctx if last not in calls.COMPARES else ctx._replace(model=False))
        elif not isinstance(node.func, ast.Name):
            self.expr(node.func, ctx._replace(model=False))
        if calls.is_message(name):
            self.arguments(node, _MESSAGE)
        elif last in calls.COMPARES:
            for item in node.args:
                self.expr(item, _COMPARE)
        elif calls.is_environ(name) and node.args and (last != "config" or isinstance(node.args[0], ast.Constant)):
            self.environ(node, ctx)
        elif last in (
            "add_argument",
            "option",
            "Option",
            "Argument",
            "argument",
            "Field",
            "field",
            "add_option",
            "DEFINE_string",
        ):
            self.flag(node, ctx, last)
        elif last in ("get", "setdefault", "pop", "getattr", "setattr") and len(node.args) >= 2:
            self.lookup(node, ctx, last)
        elif (
            last in ("join", "joinpath", "Path", "PurePath")
            and not ctx.text
            and node.args
            and not isinstance(node.args[0], ast.List | ast.GeneratorExp | ast.ListComp)
        ):
            if self.combined(node, ctx):
                for item in node.args:
                    if isinstance(item, ast.Constant):
                        self.cover(item)
            else:
                self.arguments(node, ctx._replace(model=False))
        else:
            self.load_call(node, ctx, name, last, words)

    def hub_load(self, node: ast.Call, ctx: Ctx, words: dict[str, ast.expr]) -> None:
        self.hush(node)
        chosen = words.get("model") or (node.args[1] if len(node.args) > 1 else None)
        if isinstance(chosen, ast.Constant) and isinstance(chosen.value, str) and not ctx.text:
            self.expr(chosen, Ctx("load-call", ctx.level, True, family="torch.hub"))

    def load_call(self, node: ast.Call, ctx: Ctx, name: str, last: str, words: dict[str, ast.expr]) -> None:
        if self.registering(name, ctx):
            before = len(self.found)
            self.load_arguments(node, ctx, name, last, words)
            self.registers.setdefault(name, set()).update(range(before, len(self.found)))
        else:
            self.load_arguments(node, ctx, name, last, words)

    def registering(self, name: str, ctx: Ctx) -> bool:
        """A call at the level of a module or class that loads nothing by itself: `register_model("a/b", ...)`."""
        if ctx.text or calls.load_of(name) is not None:
            return False
        return not any(isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef) for s in self.scopes)

    def load_arguments(self, node: ast.Call, ctx: Ctx, name: str, last: str, words: dict[str, ast.expr]) -> None:
        spec = calls.load_of(name)
        hosted = ctx.hosted or (spec is not None and spec.hosted) or calls.SERVED.search(name) is not None
        base = next((words[k] for k in words if k in _API_KEYS), None)
        if base is not None:
            values = self.module.values(base, self.scopes)
            if isinstance(values, list) and any(_REMOTE.match(v.text) for v in values):
                hosted = True
            elif isinstance(values, list) and values:
                hosted = False
        if ctx.text:
            self.arguments(node, ctx)
            return
        model_arguments: list[ast.expr] = []
        if spec is not None:
            model_arguments = [words[k] for k in spec.keywords if k in words][:2]
            if not model_arguments:
                model_arguments = [node.args[at] for at in spec.at if at < len(node.args)][
                    : 1 if last != "pipeline" else 2
                ]
            if last == "from_pretrained" and "Peft" in name and len(node.args) > 1:
                model_arguments.append(node.args[1])
        command = calls.is_command(name)
        style = calls.is_style(name)
        first = node.args[0] if node.args else None
        # f("model_id", "a/b"), f("model_id", default="a/b"): helpers that read settings
        named = isinstance(first, ast.Constant) and isinstance(first.value, str) and calls.is_model_key(first.value)
        for item in node.args:
            chosen = any(item is m for m in model_arguments)
            if chosen and not (last == "pipeline" and item is node.args[0] and len(node.args) > 1):
                family = spec.family if spec is not None else ""
                self.expr(item, Ctx("load-call", ctx.level, True, hosted=hosted, family=family))
            else:
                place = (
                    "command"
                    if command
                    else ctx.place
                    if ctx.place in ("decorator", "parameter-default")
                    else "argument"
                )
                keep = last in (
                    "str",
                    "list",
                    "tuple",
                    "set",
                    "dict",
                    "frozenset",
                    "cast",
                    "Secret",
                    "OrderedDict",
                    "Literal",
                    "sorted",
                    "MappingProxyType",
                    "deepcopy",
                    "default_factory",
                )
                model = named and item is not first and len(node.args) == 2
                inner = Ctx(place, ctx.level, model, command=command, hosted=hosted, style=style)
                self.expr(item, ctx if keep else inner)
        for word in node.keywords:
            if word.arg in (
                "help",
                "description",
                "desc",
                "message",
                "msg",
                "title",
                "label",
                "placeholder",
                "info",
                "doc",
                "epilog",
                "usage",
                "summary",
            ):
                self.expr(word.value, _MESSAGE)
                continue
            if word.arg in ("dataset", "datasets", "dataset_name", "dataset_path", "dataset_id", "train_dataset"):
                self.hush(word.value)
                continue
            chosen = any(word.value is m for m in model_arguments)
            model = (
                chosen or (word.arg is not None and calls.is_model_key(word.arg)) or (named and word.arg == "default")
            )
            level = OPTION if word.arg == "choices" and ctx.level == USE else ctx.level
            family = spec.family if chosen and spec is not None else ""
            self.expr(
                word.value,
                Ctx(
                    "load-call" if chosen else "call-keyword",
                    level,
                    model,
                    hosted=hosted,
                    command=command,
                    family=family,
                    style=(style and not model) or (word.arg is not None and calls.is_style(word.arg)),
                ),
            )
        if spec is not None and spec.sure and not hosted:
            arguments = model_arguments[:1]
            for argument in arguments:
                self.loads.append((argument, ctx, self.scopes, node))
        elif spec is not None:
            for argument in model_arguments[:1]:
                if isinstance(argument, ast.Name | ast.Attribute):
                    self.loads.append((argument, ctx._replace(hosted=hosted), self.scopes, node))

    def local(self, argument: ast.expr, text: str, ctx: Ctx, via: str) -> bool:
        """A folder of weights that lies in the tree itself: named by what its configuration says it is."""
        folder = text.strip().strip("/").removeprefix("./")
        if not folder or HOLE in folder or ".." in folder or len(folder) > 200:
            return False
        here = self.source.path.rpartition("/")[0]
        for base in dict.fromkeys(("", here)):
            at = f"{base}/{folder}" if base else folder
            written = self.source.read(f"{at}/config.json") or self.source.read(f"{at}/adapter_config.json")
            if written is not None:
                match = re.search(r'"(?:_name_or_path|base_model_name_or_path)"\s*:\s*"([^"\\]{3,200})"', written)
                found = self.lexicon.in_model_place(match[1]) if match else None
                name = found.name if found is not None else folder
                known = found.known if found is not None else ""
                self.emit(
                    argument,
                    text,
                    Identity(name, "file", "path", LIKELY, known),
                    ctx._replace(place="load-call"),
                    via or at,
                )
                return True
        return False

    def load(self, argument: ast.expr, ctx: Ctx, scopes: tuple[ast.AST, ...], call: ast.Call) -> None:
        """A load call vouches for the literals that its argument comes from; without any, it is unresolved."""
        if isinstance(argument, ast.JoinedStr):
            return
        if isinstance(argument, ast.Constant):
            if isinstance(argument.value, str) and self.identify(argument.value.strip(), Ctx(model=True)) is None:
                self.local(argument, argument.value.strip(), ctx, "")
            return
        name = calls.dotted(call.func)
        spec = calls.load_of(name)
        values = self.module.values(argument, scopes)
        if isinstance(values, Unknown):
            if spec is not None and spec.sure and not ctx.hosted:
                self.miss(call, argument, values.reason)
            return
        for value in values:
            if HOLE in value.text or _SPACE.search(value.text.strip()):
                continue
            inner = Ctx("constant", ctx.level, True, hosted=ctx.hosted, family=spec.family if spec else "")
            found = self.identify(value.text.strip(), inner)
            if found is None:
                node = value.node if value.node is not None else argument
                self.local(node, value.text.strip(), ctx, f"loaded in line {call.lineno}")
                continue
            if value.node is not None and value.node.lineno:
                line, column = self.locate(value.node, value.text.strip())
                if (line, found.name.lower()) not in self.seen:
                    self.add(line, column, value.text.strip(), found, inner, f"loaded in line {call.lineno}")
            elif value.via and self.lexicon.exact(value.text.strip()) is None:
                self.emit(
                    argument, self.written(argument, found.name), found, ctx._replace(place="load-call"), value.via
                )

    def miss(self, call: ast.Call, argument: ast.expr, reason: str) -> None:
        line = self.lines[call.lineno - 1] if call.lineno <= len(self.lines) else ""
        text = self.written(argument, "") or calls.dotted(argument)
        place = "load-call"
        column = self.chars(line, argument.col_offset) if argument.lineno == call.lineno else 0
        self.unresolved.append(Unresolved(self.source.path, argument.lineno, column + 1, text[:120], place, reason))

    def hush(self, node: ast.AST) -> None:
        """Not looked at: but its strings are no comments either."""
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                self.cover(part)

    def arguments(self, node: ast.Call, ctx: Ctx) -> None:
        for item in node.args:
            self.expr(item, ctx)
        for word in node.keywords:
            self.expr(word.value, ctx)

    def environ(self, node: ast.Call, ctx: Ctx) -> None:
        first = node.args[0]
        key = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
        inner = ctx._replace(place="env-default", model=ctx.model or calls.is_model_key(key))
        if isinstance(first, ast.Constant):
            self.cover(first)
        for item in node.args[1:]:
            self.expr(item, inner)
        for word in node.keywords:
            self.expr(word.value, inner)

    def flag(self, node: ast.Call, ctx: Ctx, last: str) -> None:
        names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        flags = [n for n in names if n.startswith("-")]
        model = ctx.model or any(
            calls.is_model_key(n)
            for n in (flags or (names[:1] if last in ("add_argument", "option", "add_option", "DEFINE_string") else []))
        )
        for at, item in enumerate(node.args):
            text = item.value if isinstance(item, ast.Constant) and isinstance(item.value, str) else ""
            if text.startswith("-") or (at == 0 and last in ("add_argument", "DEFINE_string", "option")):
                if isinstance(item, ast.Constant):
                    self.cover(item)
                continue
            if last == "DEFINE_string" and at == 2:
                self.expr(item, _MESSAGE)
                continue
            self.expr(item, ctx._replace(place="parameter-default", model=model))
        ctx = ctx._replace(style=ctx.style or any(calls.is_style(f.strip("-").replace("-", "_")) for f in flags))
        for word in node.keywords:
            if word.arg in ("default", "default_factory", "const"):
                self.expr(word.value, ctx._replace(place="parameter-default", model=model))
            elif word.arg in ("choices", "examples", "suggestions"):
                level = OPTION if word.arg == "choices" and ctx.level == USE else MENTION
                self.expr(word.value, Ctx("choices", level, model))
            elif word.arg in ("type", "action", "nargs", "dest", "alias", "env", "envvar"):
                continue
            else:
                self.expr(word.value, _MESSAGE)

    def lookup(self, node: ast.Call, ctx: Ctx, last: str) -> None:
        at = 2 if last in ("getattr", "setattr") else 1
        key = node.args[at - 1]
        name = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
        for item in node.args[:at]:
            self.expr(item, _COMPARE)
        for item in node.args[at:]:
            self.expr(item, ctx._replace(place="parameter-default", model=ctx.model or calls.is_model_key(name)))
        for word in node.keywords:
            self.expr(word.value, ctx)

    # ---- comments -----------------------------------------------------------------------------------------------

    def comments(self) -> None:
        for number in self.wanted if self.wanted is not None else range(1, len(self.lines) + 1):
            line = self.lines[number - 1] if number <= len(self.lines) else ""
            if "#" not in line or number in self.inside:
                continue
            spans = self.covered.get(number)
            if spans:
                start = -1
                at = line.find("#")
                while at >= 0:
                    byte = at if line.isascii() else len(line[:at].encode("utf-8", "surrogatepass"))
                    if not any(a <= byte < b for a, b in spans):
                        start = at
                        break
                    at = line.find("#", at + 1)
            else:
                start = comment_start(line)
            if start >= 0 and len(line) - start > 5:
                self.found += in_comment(self.source, self.lexicon, line, number, start)


def partial(text: str, lexicon: Lexicon, model: bool = False) -> Identity | None:
    """`THUDM/{name}`: the account is written, the rest is not."""
    owner, slash, rest = text.partition("/")
    if not slash or HOLE in owner or not owner or "/" in rest.strip("/") or ":" in rest:
        return None
    publishers = getattr(lexicon, "publishers", {})
    if owner.lower() not in publishers:
        return None
    flags = publishers[owner.lower()]
    fixed = rest.replace(HOLE, "")
    if flags and not model and not re.search(r"[A-Za-z]{2}", fixed):
        return None  # `google/{x}` may be anything
    if "." in fixed and re.search(r"\.(?:py|json|md|txt|ya?ml|png|jpg)$", fixed):
        return None
    return Identity(f"{owner}/{rest.replace(HOLE, '*')}", "huggingface", "partial", POSSIBLE)


_WHISPER = re.compile(
    r"^(?:tiny|base|small|medium|large)(?:\.en)?$|^large-v[123](?:-turbo)?$|^turbo$|^distil-(?:small|medium|large)[\w.-]*$"
)


def loader_name(text: str, family: str) -> Identity | None:
    """A name that only one loader understands: `large-v3` for Whisper, `llama3` for Ollama, `resnet50` for timm."""
    if family == "whisper" and _WHISPER.match(text):
        return Identity(f"whisper-{text}", "", "bare-name", LIKELY)
    if family == "ollama" and re.fullmatch(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?(?::[\w.-]+)?", text):
        return Identity(text, "ollama", "ollama-tag", LIKELY)
    if (
        family == "timm"
        and re.fullmatch(r"(?:hf[-_]hub:[\w./-]+|[a-z][a-z0-9_.]{3,})", text)
        and (":" in text or shapes.family(text))
    ):
        return Identity(text.partition(":")[2] or text, "huggingface", "bare-name", POSSIBLE)
    if family == "clip" and re.fullmatch(r"(?:hf-hub:)?[\w./-]{4,}", text) and ("hf-hub:" in text or "ViT" in text):
        return Identity(text.partition(":")[2] or text, "huggingface", "bare-name", POSSIBLE)
    if (
        family == "yolo"
        and re.fullmatch(r"[\w-]+\.(?:pt|onnx)", text)
        and re.match(r"(?i)yolo|rtdetr|sam|mobile_sam|fastsam", text)
    ):
        return Identity(text, "file", "weights", LIKELY)
    if family == "tts" and re.fullmatch(r"tts_models/[\w-]+/[\w-]+/[\w.-]+", text):
        return Identity(text, "", "bare-name", LIKELY)
    if family == "torch.hub" and re.fullmatch(r"[\w.-]{4,60}", text) and shapes.family(text.replace("_", "-")):
        return Identity(text, "", "bare-name", POSSIBLE)
    if family == "file" and text.endswith((".gguf", ".bin")):
        return Identity(text, "file", "gguf-file", LIKELY)
    return None


def _target(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    if isinstance(node, ast.Subscript):
        return _target(node.value)
    return ""


def _environment(node: ast.expr) -> bool:
    return isinstance(node, ast.Subscript) and calls.dotted(node.value).endswith("environ")


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _replaced(names: list[str], body: list[ast.stmt], at: int) -> bool:
    """Whether the one name is given another value below, in the same block, and nobody reads it in between."""
    if len(names) != 1 or not names[0]:
        return False
    name = names[0]
    for node in body[at + 1 : at + 60]:
        value = getattr(node, "value", None)
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Load):
                return False
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id == name:
                return isinstance(value, ast.expr)
    return False


def _always(test: ast.expr) -> bool:
    """A test that guards a default or the main program, and does not choose among models."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return isinstance(test.operand, ast.Name | ast.Attribute | ast.Subscript)
    if isinstance(test, ast.Compare):
        if any(isinstance(op, ast.Is) for op in test.ops):
            return True
        left = test.left
        return isinstance(left, ast.Name) and left.id == "__name__"
    return False


def _holds_text(node: ast.expr) -> bool:
    stack: list[ast.expr] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, ast.Constant):
            if isinstance(part.value, str):
                return True
        elif isinstance(part, ast.BinOp):
            stack += [part.left, part.right]
        elif isinstance(part, ast.JoinedStr) or (isinstance(part, ast.Name) and part.id.isupper()):
            return True
    return False


def _settings(name: str) -> bool:
    """Keys of a map under a model's name that hold something else: device, dtype, revision."""
    return name.lower() in (
        [
            "device",
            "dtype",
            "revision",
            "type",
            "format",
            "template",
            "prompt_template",
            "backend",
            "provider",
            "api_key",
            "max_tokens",
            "temperature",
            "torch_dtype",
            "precision",
            "quantization",
            "license",
            "task",
            "language",
            "lang",
            "class",
            "module",
            "version",
            "url",
            "base_url",
        ]
    )
