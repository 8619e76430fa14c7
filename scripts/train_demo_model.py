"""Train the embedded demo model from scripts/demo_corpus, on the CPU, the same bytes every time.

    python scripts/train_demo_model.py                     # ChatGLM3 layout -> modelreg/_demo/chatglm-demo
    python scripts/train_demo_model.py --layout chatglm    # ChatGLM-6B layout -> .../chatglm-demo-v1
    python scripts/train_demo_model.py --hold-out          # keep one way of asking each question for a test

Same bytes means: on the same kind of machine with the same torch, sentencepiece and number of threads. The
model sees questions in changing spellings and short conversations, and learns the answers; about ten minutes
a layout on two cores.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from modelreg.inference.generate import Limits, generate
from modelreg.inference.models.chatglm import ChatGLM, ChatGLMConfig
from modelreg.inference.models.chatglm2 import ChatGLM2, ChatGLM2Config
from modelreg.inference.prompts import messages_ids, query_ids
from modelreg.inference.sampling import Sampling
from modelreg.inference.tokenizers import Tokenizer, load_tokenizer

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "scripts" / "demo_corpus"
SEED, THREADS = 20231027, 2
PIECES = {"chatglm3": 2048, "chatglm": 2176}  # the first layout spends 88 pieces on blanks and prompt tokens
HIDDEN, LAYERS, HEADS, INNER, LONGEST = 160, 5, 5, 432, 320
IGNORED = -100  # what cross_entropy leaves out


@dataclass(frozen=True)
class Plan:
    """How long and how fast one layout is trained."""

    out: str
    steps: int
    batch: int
    rate: float


PLANS = {
    "chatglm3": Plan("chatglm-demo", steps=800, batch=16, rate=3e-3),
    "chatglm": Plan("chatglm-demo-v1", steps=800, batch=16, rate=2e-3),
}


@dataclass(frozen=True)
class Topic:
    """Ways of asking, and the one answer."""

    questions: tuple[str, ...]
    answer: str
    chinese: bool


def read_topics() -> list[Topic]:
    """The corpus, in file order."""
    topics: list[Topic] = []
    for name in ("en.txt", "zh.txt", "off_topic.txt"):
        lines = (CORPUS / name).read_text(encoding="utf-8").splitlines()
        for first, second in pairwise(lines):
            if first.startswith("Q: ") and second.startswith("A: "):
                questions = tuple(part.strip() for part in first[3:].split("|"))
                chinese = re.search("[\u4e00-\u9fff]", first) is not None
                topics.append(Topic(questions, second[3:].strip(), chinese))
    return topics


def train_tokenizer(layout: str, topics: list[Topic], folder: Path) -> Tokenizer:
    """A byte-fallback SentencePiece model in the layout's file, from the corpus alone."""
    texts = [text for topic in topics for text in (*topic.questions, topic.answer)]
    sentences = [*texts, *(text.lower() for text in texts), "[Round 0] 问： 答：", "0 1 2 3 4 5 6 7 8 9"]
    later = layout == "chatglm3"
    name = "tokenizer.model" if later else "ice_text.model"
    options: dict[str, Any] = {
        "normalization_rule_name": "identity", "remove_extra_whitespaces": False, "pad_id": -1,
    }  # fmt: skip
    if not later:
        options = {
            "normalization_rule_name": "nmt_nfkc", "pad_id": 3,
            "control_symbols": ["[MASK]", "[gMASK]", "[sMASK]", "<unused_0>", "<sop>", "<eop>"],
            "user_defined_symbols": ["<n>", "<|tab|>", *(f"<|blank_{k}|>" for k in range(2, 81))],
        }  # fmt: skip
    with (folder / name).open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences), model_writer=file, vocab_size=PIECES[layout], model_type="bpe",
            byte_fallback=True, character_coverage=1.0,
            split_digits=True, num_threads=1, minloglevel=2, **options,
        )  # fmt: skip
    return load_tokenizer(folder, "chatglm3" if later else "chatglm")


def make_config(layout: str, tokenizer: Tokenizer) -> dict[str, Any]:
    """config.json, with the published keys."""
    rows = -(-tokenizer.vocab_size // 16) * 16
    shared = {
        "model_type": "chatglm", "architectures": ["ChatGLMModel"],
        "_name_or_path": f"modelreg/{PLANS[layout].out}", "torch_dtype": "float16", "use_cache": True,
        "hidden_size": HIDDEN, "num_layers": LAYERS, "num_attention_heads": HEADS, "layernorm_epsilon": 1e-5,
        "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip
    if layout == "chatglm":
        ids = tokenizer.special_token_ids
        return shared | {
            "vocab_size": rows, "inner_hidden_size": 4 * HIDDEN, "max_sequence_length": 512,
            "position_encoding_2d": True, "bos_token_id": ids["<sop>"], "mask_token_id": ids["[MASK]"],
            "gmask_token_id": ids["[gMASK]"],
        }  # fmt: skip
    return shared | {
        "padded_vocab_size": rows, "ffn_hidden_size": INNER, "kv_channels": HIDDEN // HEADS,
        "seq_length": 512, "multi_query_attention": True, "multi_query_group_num": 1, "add_qkv_bias": True,
        "add_bias_linear": False, "rmsnorm": True, "post_layer_norm": True, "original_rope": True,
        "apply_residual_connection_post_layernorm": False, "tie_word_embeddings": False,
    }  # fmt: skip


def make_model(config: dict[str, Any]) -> ChatGLM | ChatGLM2:
    """Random weights: normal with a deviation of 0.04; norms one, biases zero."""
    later = "padded_vocab_size" in config
    model = ChatGLM2(ChatGLM2Config.from_dict(config)) if later else ChatGLM(ChatGLMConfig.from_dict(config))
    generator = torch.Generator().manual_seed(SEED)
    for name, weight in sorted(model.named_parameters()):
        if weight.dim() == 2:
            torch.nn.init.normal_(weight, std=0.04, generator=generator)
        else:
            torch.nn.init.constant_(weight, 0.0 if name.endswith("bias") else 1.0)
    if isinstance(model, ChatGLM):
        model.lm_head.weight = model.transformer.word_embeddings.weight
    return model


def vary(question: str, chinese: bool, draw: random.Random) -> str:
    """The question as another person might type it."""
    if draw.random() < 0.6:
        spelling = draw.choice([str.lower, str.upper, _published])
        question = re.sub(r"(?i)(chat)?glm[-\w]*", lambda name: spelling(name[0]), question)
    if draw.random() < 0.3:
        question = question.rstrip("?？.。!")
    elif draw.random() < 0.2:
        question = question.rstrip("?？") + draw.choice(["?", "？"])
    if draw.random() < 0.12:
        opening = ["请问", "请告诉我，", "我想知道"] if chinese else ["please, ", "so ", "tell me: "]
        question = draw.choice(opening) + question
    if not chinese and draw.random() < 0.5:
        question = question[:1].upper() + question[1:]
    words = question.split(" ")
    if len(words) > 4 and draw.random() < 0.2:
        del words[draw.randrange(len(words))]
    question = " ".join(words)
    if chinese and len(question) > 6 and draw.random() < 0.2:
        at = draw.randrange(len(question))
        question = question[:at] + question[at + 1 :]
    return question


def _published(name: str) -> str:
    """A model's name in the spelling of its makers."""
    return name.upper().replace("CHAT", "Chat")


def conversation(topics: list[Topic], index: int, draw: random.Random) -> list[tuple[str, str]]:
    """One question and its answer, one time in three after one or two others."""
    chosen = [topics[index]]
    if draw.random() < 0.33:
        chosen = [*draw.choices(topics, k=draw.choice([1, 1, 2])), topics[index]]
    return [(vary(draw.choice(topic.questions), topic.chinese, draw), topic.answer) for topic in chosen]


def example(tokenizer: Tokenizer, talk: list[tuple[str, str]]) -> tuple[list[int], list[int]]:
    """Ids of a conversation and what is to be predicted at each place (IGNORED outside the answers)."""
    past: list[Any] = []
    if tokenizer.generation == "chatglm":
        ids = query_ids(tokenizer, talk[-1][0], talk[:-1])
        answer = [*tokenizer.encode(talk[-1][1], add_special_tokens=False), tokenizer.eos_token_id]
        return ids + answer, [IGNORED] * (len(ids) - 1) + answer + [IGNORED]
    ids, labels = [], []
    for question, answer_text in talk:
        past.append({"role": "user", "content": question})
        prompt = messages_ids(tokenizer, past)
        labels += [IGNORED] * (len(prompt) - len(ids))
        answer = [*tokenizer.encode_ordinary("\n"), *tokenizer.encode_ordinary(answer_text)]
        ids = prompt + answer
        labels += answer
        past.append({"role": "assistant", "metadata": "", "content": answer_text})
    # The end is learnt after the last answer; in a conversation the next role token follows instead.
    return [*ids, tokenizer.eos_token_id], [*labels[1:], tokenizer.eos_token_id, IGNORED]


def batches(tokenizer: Tokenizer, topics: list[Topic], plan: Plan) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless (B, T) ids and labels, padded on the right; every topic once a round, long ones more often."""
    draw = random.Random(SEED)  # noqa: S311 - not for secrets
    order = [i for i, topic in enumerate(topics) for _ in range(1 + len(topic.questions) // 12)]
    queue: list[tuple[list[int], list[int]]] = []
    while True:
        while len(queue) < plan.batch * 8:
            draw.shuffle(order)
            queue += [example(tokenizer, conversation(topics, index, draw)) for index in order]
        part, queue = queue[: plan.batch * 8], queue[plan.batch * 8 :]
        part = sorted((pair for pair in part if len(pair[0]) <= LONGEST), key=lambda pair: len(pair[0]))
        groups = [part[at : at + plan.batch] for at in range(0, len(part), plan.batch)]
        draw.shuffle(groups)
        for group in groups:
            width = max(len(ids) for ids, _ in group)
            yield (
                torch.tensor([ids + [tokenizer.pad_token_id] * (width - len(ids)) for ids, _ in group]),
                torch.tensor([labels + [IGNORED] * (width - len(labels)) for _, labels in group]),
            )


def train(model: ChatGLM | ChatGLM2, data: Iterator[tuple[Tensor, Tensor]], plan: Plan) -> None:
    """AdamW with warm-up and a cosine to zero."""
    decayed = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
        lr=plan.rate, betas=(0.9, 0.98),
    )  # fmt: skip
    warm = max(1, plan.steps // 20)

    def factor(step: int) -> float:
        return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / plan.steps))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    start, running = time.monotonic(), 0.0
    for step in range(plan.steps):
        ids, labels = next(data)
        loss = F.cross_entropy(model(ids).flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        running = loss.item() if step == 0 else 0.95 * running + 0.05 * loss.item()
        if step % 50 == 49:
            seconds = time.monotonic() - start
            print(f"step {step + 1}/{plan.steps}  loss {running:.3f}  {seconds:.0f} s", flush=True)


def answer(model: ChatGLM | ChatGLM2, tokenizer: Tokenizer, question: str) -> str:
    """The likeliest answer to a question alone."""
    limits = Limits(stop_ids=tokenizer.stop_ids, max_new_tokens=160)
    ids = list(generate(model, query_ids(tokenizer, question), Sampling(do_sample=False), limits))
    return tokenizer.decode([token for token in ids if token not in tokenizer.stop_ids]).strip()


def score(model: ChatGLM | ChatGLM2, tokenizer: Tokenizer, asked: list[tuple[str, str]]) -> float:
    """The share of questions that get their answer to the letter; prints some that do not."""
    wrong = []
    for question, wanted in asked:
        got = answer(model, tokenizer, question)
        shown = tokenizer.decode(tokenizer.encode(wanted, add_special_tokens=False)).strip()
        if got != shown:
            wrong.append((question, got))
    for question, got in wrong[:12]:
        print(f"  {question!r} -> {got[:90]!r}")
    return 1 - len(wrong) / len(asked)


def main() -> None:
    """Train, save, and say how many questions are answered."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layout", choices=sorted(PLANS), default="chatglm3")
    parser.add_argument("--out", type=Path, default=ROOT / "modelreg" / "_demo")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--hold-out", action="store_true", help="test on questions that were not trained")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    plan = PLANS[options.layout]
    if options.steps:
        plan = Plan(plan.out, options.steps, plan.batch, plan.rate)
    # Made aside and moved at the end, so that a reader never sees one run's words with another's weights.
    target = options.out / plan.out
    folder = options.out / f".{plan.out}.new"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    topics = read_topics()
    held: list[tuple[str, str]] = []
    if options.hold_out:
        held = [(topic.questions[2], topic.answer) for topic in topics]
        topics = [Topic(t.questions[:2] + t.questions[3:], t.answer, t.chinese) for t in topics]
    tokenizer = train_tokenizer(options.layout, topics, folder)
    config = make_config(options.layout, tokenizer)
    model = make_model(config)
    print(f"{len(topics)} answers, {sum(p.numel() for p in model.parameters()):,} parameters")
    train(model, batches(tokenizer, topics, plan), plan)
    model = model.eval().half().float()  # as it will be loaded
    known = [(question, topic.answer) for topic in topics for question in topic.questions]
    print(f"trained questions answered: {score(model, tokenizer, known[::5]):.1%}")
    if held:
        print(f"unseen questions answered: {score(model, tokenizer, held):.1%}")
    state = {name: weight.half().contiguous() for name, weight in model.state_dict().items()}
    if options.layout == "chatglm":
        del state["lm_head.weight"]  # tied, and left out as the library leaves it out
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    own: dict[str, Any] = {"name_or_path": config["_name_or_path"], "tokenizer_class": "ChatGLMTokenizer"}
    if options.layout == "chatglm":
        own["num_image_tokens"] = 0
    else:
        own["chat_template"] = (
            "[gMASK]sop{% for m in messages %}<|{{ m['role'] }}|> \n {{ m['content'] }}{% endfor %}"
            "{% if add_generation_prompt %}<|assistant|>{% endif %}"
        )
    (folder / "tokenizer_config.json").write_text(json.dumps(own, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    folder = folder.rename(target)
    print(f"{folder}: {sum(path.stat().st_size for path in folder.iterdir()):,} bytes")


if __name__ == "__main__":
    main()
