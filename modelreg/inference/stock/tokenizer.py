"""The tokenizers of ChatGLM2, ChatGLM3 and GLM-4 as a `tokenizer.json`, with a chat template that gives the same ids.

The `tokenizers` library is what every current engine reads. Merges are rebuilt from the pieces: two pieces merge into
a third where both halves are pieces, in the order of the third's rank.
Source of the formats: huggingface.co/docs/tokenizers; templates: our own `prompts.py`, whose ids the tests compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelreg.inference.problems import ConfigError
from modelreg.inference.tokenizers import Tokenizer
from modelreg.inference.tokenizers.chatglm2 import ChatGLM2Tokenizer
from modelreg.inference.tokenizers.glm4 import SPLIT, GLM4Tokenizer

# A text behind a special token gets a blank in front, as SentencePiece puts one before each text that it is given.
_ROUNDS = (
    "{{ '[gMASK]sop' }}{% set ns = namespace(round=0, system='') %}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{% set ns.system = ns.system + message['content'] + '\\n' %}"
    "{% elif message['role'] == 'user' %}{% set ns.round = ns.round + 1 %}"
    "{{ '[Round ' ~ ns.round ~ ']\\n\\n问：' }}{% if loop.last %}{{ ns.system }}{% endif %}"
    "{{ message['content'] + '\\n\\n答：' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + '\\n\\n' }}{% endif %}{% endfor %}"
)
_ROLES = (
    "{{ '[gMASK]sop' }}{% for message in messages %}"
    "{{ '<|' + ('observation' if message['role'] == 'tool' else message['role']) + '|>' "
    "+ message.get('metadata', '') + '\\n ' + message['content'] }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
_GLM4 = (
    "{{ '[gMASK]<sop>' }}{% for message in messages %}{% if message['content'] %}"
    "{{ '<|' + ('observation' if message['role'] == 'tool' else message['role']) + '|>' "
    "+ message.get('metadata', '') + '\\n' + message['content'] }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
TEMPLATES = {"chatglm2": _ROUNDS, "chatglm3": _ROLES, "glm4": _GLM4}


def save(tokenizer: Tokenizer, folder: Path, *, context: int) -> None:
    """Write tokenizer.json and tokenizer_config.json into a folder.

    Args: context: tokens that the model takes.
    Raises: ConfigError for a generation without such a form (ChatGLM-6B).
    """
    from transformers import PreTrainedTokenizerFast

    fast = convert(tokenizer)
    names = {token: name for name, token in tokenizer.special_token_ids.items()}
    wrapped: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=fast,
        eos_token=fast.id_to_token(tokenizer.eos_token_id),
        pad_token=fast.id_to_token(tokenizer.pad_token_id) or names[tokenizer.pad_token_id],
        padding_side="left",
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = TEMPLATES[tokenizer.generation]
    wrapped.save_pretrained(str(folder))


def convert(tokenizer: Tokenizer) -> Any:
    """A `tokenizers.Tokenizer` that gives the same ids. Raises: ConfigError."""
    if isinstance(tokenizer, GLM4Tokenizer):
        return _from_ranks(tokenizer)
    if isinstance(tokenizer, ChatGLM2Tokenizer):
        return _from_pieces(tokenizer)
    raise ConfigError(
        f"the tokenizer of {tokenizer.generation} has rules that tokenizer.json cannot express",
        where="--format",
        hint="run the model with modelreg itself",
    )


def _from_pieces(tokenizer: ChatGLM2Tokenizer) -> Any:
    from tokenizers import AddedToken, decoders, models, normalizers
    from tokenizers import Tokenizer as Fast

    pieces = tokenizer.pieces()
    vocabulary = {piece: i for i, (piece, _) in enumerate(pieces)}
    scores = dict(pieces)
    unknown = pieces[tokenizer.sp_unk_id][0]
    merges = merge_pairs(vocabulary, lambda piece: (-scores[piece], vocabulary[piece]), [p for p, _ in pieces])
    fast = Fast(models.BPE(vocab=vocabulary, merges=merges, unk_token=unknown, fuse_unk=True, byte_fallback=True))
    fast.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    fast.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    controls = (tokenizer.sp_unk_id, tokenizer.sp_bos_id, tokenizer.sp_eos_id)
    fast.add_special_tokens([AddedToken(pieces[i][0], special=True, normalized=False) for i in controls if i >= 0])
    return _finished(fast, tokenizer, tokenizer.added, AddedToken)


def _from_ranks(tokenizer: GLM4Tokenizer) -> Any:
    from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as Fast

    letters = byte_letters()
    ranks = {"".join(letters[b] for b in data): rank for rank, data in tokenizer.ranks()}
    merges = merge_pairs(ranks, lambda piece: ranks[piece], sorted(ranks, key=lambda p: ranks[p]))
    # Ranks say that a token is made of parts, not of which: all splits in the order of rank give what tiktoken gives,
    # except for whole words in the vocabulary, which it takes as they are; hence ignore_merges.
    fast = Fast(models.BPE(vocab=ranks, merges=merges, ignore_merges=True))
    fast.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    fast.decoder = decoders.ByteLevel()
    names = sorted(tokenizer.special_token_ids, key=lambda n: tokenizer.special_token_ids[n])
    return _finished(fast, tokenizer, names, AddedToken)


def _finished(fast: Any, tokenizer: Tokenizer, names: Sequence[str], added: Any) -> Any:
    """Special tokens with their ids, and the prompt tokens in front of a plain text."""
    from tokenizers import processors

    fast.add_special_tokens([added(name, special=True, normalized=False) for name in names])
    for name in names:
        got, want = fast.token_to_id(name), tokenizer.special_token_ids[name]
        if got != want:
            raise ConfigError(
                f"'{name}' would get the id {got}; the model has {want}",
                where="tokenizer",
                hint="the special ids of this tokenizer have gaps, which tokenizer.json cannot express",
            )
    prompt = ["[gMASK]", "<sop>" if tokenizer.generation == "glm4" else "sop"]
    fast.post_processor = processors.TemplateProcessing(
        single=f"{prompt[0]} {prompt[1]} $A",
        special_tokens=[(name, tokenizer.special_token_ids[name]) for name in prompt],
    )
    return fast


def merge_pairs(vocabulary: dict[str, int], key: Any, pieces: Sequence[str]) -> list[tuple[str, str]]:
    """All pairs that make a piece, the pieces in the order of `key`, within a piece the earlier halves first."""
    found = []
    for piece in sorted(pieces, key=key):
        own = [
            (piece[:cut], piece[cut:])
            for cut in range(1, len(piece))
            if piece[:cut] in vocabulary and piece[cut:] in vocabulary
        ]
        own.sort(key=lambda pair: (vocabulary[pair[0]], vocabulary[pair[1]]))
        found += own
    return found


def byte_letters() -> dict[int, str]:
    """A printable character for each byte, as byte-level BPE writes them (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in printable}
    spare = 256
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(spare)
            spare += 1
    return table
