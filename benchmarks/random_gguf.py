"""Write a full-size ChatGLM3-6B in GGUF with random weights, for llama.cpp.

    python benchmarks/random_gguf.py /tmp/chatglm3-q4_0.gguf q4_0

Kinds: q4_0 (the head in Q6_K, as llama.cpp's own tool does), q8_0. Needs the package `gguf`. The shape is the
published one, the blocks hold random bytes under one small scale: the speed is the same and the text means nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind

HIDDEN, INNER, VOCABULARY, HEADS, GROUPS, CHANNELS = 4096, 13696, 65024, 32, 2, 128
KINDS = {"q4_0": (Kind.Q4_0, Kind.Q6_K, 2), "q8_0": (Kind.Q8_0, Kind.Q8_0, 7)}
# kind -> (weights a block, bytes of integers, the scale of all blocks)
BLOCKS = {Kind.Q4_0: (32, 16, 0.004), Kind.Q8_0: (32, 32, 0.0002), Kind.Q6_K: (256, 208, 0.00001)}


def random_blocks(rng: np.random.Generator, rows: int, columns: int, kind: Kind) -> np.ndarray:
    """(rows, bytes a row): random integers, one scale for all."""
    weights, nbytes, value = BLOCKS[kind]
    count = columns // weights
    scale = np.full((rows, count), value, np.float16).view(np.uint8).reshape(rows, count, 2)
    integers = rng.integers(0, 256, (rows, count, nbytes), np.uint8)
    # Q6_K has its scale behind the integers, the others before.
    parts = [integers, scale] if kind == Kind.Q6_K else [scale, integers]
    return np.concatenate(parts, -1).reshape(rows, -1)


def write(path: Path, name: str, layers: int = 28) -> None:
    """Write the file."""
    kind, head, file_type = KINDS[name]
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "chatglm")
    writer.add_context_length(32768)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_block_count(layers)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(GROUPS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(64)
    writer.add_rope_freq_base(10000.0)
    writer.add_add_bos_token(False)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("no_vocab")
    writer.add_file_type(file_type)

    def matrix(tensor: str, rows: int, columns: int, of: Kind) -> None:
        writer.add_tensor(tensor, random_blocks(rng, rows, columns, of), raw_dtype=of)

    def vector(tensor: str, size: int, value: float) -> None:
        writer.add_tensor(tensor, np.full(size, value, np.float32))

    qkv = HIDDEN + 2 * GROUPS * CHANNELS
    matrix("token_embd.weight", VOCABULARY, HIDDEN, kind)
    vector("output_norm.weight", HIDDEN, 1.0)
    matrix("output.weight", VOCABULARY, HIDDEN, head)
    for i in range(layers):
        vector(f"blk.{i}.attn_norm.weight", HIDDEN, 1.0)
        vector(f"blk.{i}.ffn_norm.weight", HIDDEN, 1.0)
        matrix(f"blk.{i}.attn_qkv.weight", qkv, HIDDEN, kind)
        vector(f"blk.{i}.attn_qkv.bias", qkv, 0.0)
        matrix(f"blk.{i}.attn_output.weight", HIDDEN, HIDDEN, kind)
        matrix(f"blk.{i}.ffn_up.weight", 2 * INNER, HIDDEN, kind)
        matrix(f"blk.{i}.ffn_down.weight", HIDDEN, INNER, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file(progress=False)
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--layers", type=int, default=28)
    args = parser.parse_args()
    write(args.path, args.kind, args.layers)
    print(f"{args.path}: {args.path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
