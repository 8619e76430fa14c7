"""Rotary, cache and attention against the plain modules of the models, and against themselves in other pieces."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modelreg.inference import kernels
from modelreg.inference.kernels import HeadLayout, KVPool, Span, Spans
from modelreg.inference.layers import rotary_table, rotate_halves, rotate_pairs

LAYOUTS = {
    "chatglm3": HeadLayout(8, 2, 32, pairs=8),
    "chatglm2-plain": HeadLayout(4, 4, 16, interleaved=True, pairs=4),
    "chatglm": HeadLayout(4, 4, 16, interleaved=True, halves=True, rows=2, pairs=4),
    "odd": HeadLayout(3, 1, 12, pairs=3),
}


def table_of(layout: HeadLayout, positions: Tensor) -> Tensor:
    """(2, T, P), or (2, T, R, P) with the second row counting half as fast."""
    if layout.rows == 2:
        return rotary_table(torch.stack((positions, positions // 2), 1), layout.channels // 2, rounded=True)
    return rotary_table(positions, 2 * layout.pairs)


def parts(layout: HeadLayout, qkv: Tensor, table: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rotated queries, rotated keys, values, each (T, heads, D), as the models of modelreg make them."""
    H, G, D = layout.heads, layout.groups, layout.channels
    if layout.interleaved:
        q, k, v = qkv.view(-1, H, 3, D).unbind(2)
    else:
        q, k, v = qkv.view(-1, H + 2 * G, D).split((H, G, G), 1)
    if layout.halves:
        turned = table.transpose(1, 2)[:, None]  # (2, 1, R, T, P)
        return rotate_halves(q[None], turned)[0], rotate_halves(k[None], turned)[0], v
    return rotate_pairs(q[None], table[:, None])[0], rotate_pairs(k[None], table[:, None])[0], v


def slow(q: Tensor, k: Tensor, v: Tensor, first: int, context: int) -> Tensor:
    """Attention in float64, a token and a head at a time."""
    T, H, D = q.shape
    out = torch.zeros(T, H, D, dtype=torch.float64)
    for t in range(T):
        end = max(t + 1, context)
        for h in range(H):
            keys, values = (x[first:end, h // (H // k.shape[1])].double() for x in (k, v))
            if len(keys):
                out[t, h] = (keys @ q[t, h].double() / math.sqrt(D)).softmax(0) @ values
    return out.view(T, H * D)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 5e-6), ("float16", 3e-3), ("bfloat16", 2e-2)])
def test_a_ragged_call_is_right(name: str, dtype: str, tolerance: float, variant: str) -> None:
    layout = LAYOUTS[name]
    pool = KVPool(2, layout.groups, layout.channels, getattr(torch, dtype))
    shapes = [(5, 0, 0), (130, 100, 0), (70, 0, 3), (1, 0, 0), (70, 66, 65)]  # tokens, context, first
    data = [torch.randn(n, layout.width) for n, _, _ in shapes]
    tables = [table_of(layout, torch.arange(n)) for n, _, _ in shapes]
    blocks = [pool.take(pool.blocks_for(n)) for n, _, _ in shapes]
    for slab in pool._slabs:
        slab.fill_(float("nan"))  # what nobody wrote must not matter
    spans = Spans(pool, [Span(b, 0, n, c, f) for b, (n, c, f) in zip(blocks, shapes, strict=True)])
    q = kernels.rope_store(torch.cat(data), torch.cat(tables, 1).contiguous(), layout, pool, 1, spans)
    out = kernels.attend(q, pool, 1, spans)
    at = 0
    for (n, context, first), x, table, b in zip(shapes, data, tables, blocks, strict=True):
        rotated, k, v = parts(layout, x, table)
        assert torch.allclose(q[at : at + n], rotated.reshape(n, -1), atol=1e-6)
        keys, values = pool.read(b, 1, n)
        assert torch.allclose(keys.float(), k.transpose(0, 1), atol=tolerance * 4)
        assert torch.allclose(values.float(), v.transpose(0, 1), atol=tolerance * 4)
        wanted = slow(rotated, k, v, first, context)
        assert torch.allclose(out[at : at + n].double(), wanted, atol=tolerance), (n, context, first)
        at += n


@settings(max_examples=15, deadline=None)
@given(pieces=st.lists(st.integers(1, 200), min_size=1, max_size=6), seed=st.integers(0, 2**31))
def test_pieces_threads_and_company_change_no_bit(pieces: list[int], seed: int) -> None:
    if not kernels.available():
        pytest.skip("no compiled kernels")
    torch.manual_seed(seed)
    layout, total = LAYOUTS["chatglm3"], sum(pieces)
    qkv, table = torch.randn(total, layout.width), table_of(layout, torch.arange(total))
    pool = KVPool(1, layout.groups, layout.channels)

    def run(lengths: list[int], company: int) -> Tensor:
        blocks, others = pool.take(pool.blocks_for(total)), [pool.take(4) for _ in range(company)]
        out, at = [], 0
        for n in lengths:
            more = torch.randn(company * 2, layout.width)
            spans = Spans(pool, [*(Span(o, 3, 2, first=3) for o in others), Span(blocks, at, n)])
            rows = torch.cat((more, qkv[at : at + n]))
            angles = torch.cat((torch.zeros(2, len(more), layout.pairs), table[:, at : at + n]), 1).contiguous()
            q = kernels.rope_store(rows, angles, layout, pool, 0, spans)
            out.append(kernels.attend(q, pool, 0, spans)[len(more) :])
            at += n
        pool.give(blocks)
        for o in others:
            pool.give(o)
        return torch.cat(out)

    before = kernels.threads()
    try:
        whole = run([total], 0)
        kernels.set_threads(3)
        assert torch.equal(run(pieces, 0), whole)
        assert torch.equal(run(pieces, 3), whole)
        kernels.set_threads(1)
        assert torch.equal(run([total], 2), whole)
    finally:
        kernels.set_threads(before)


@pytest.mark.parametrize("heads", [(32, 2), (4, 4)])
def test_long_decode_is_split_over_threads_without_a_trace(heads: tuple[int, int], variant: str, threads: None) -> None:
    H, G = heads
    pool = KVPool(1, G, 32)
    blocks = pool.take(40)
    for slab in pool._slabs:
        slab.copy_(torch.randn(slab.shape))
    spans, q = Spans(pool, [Span(blocks, 2400, 2)]), torch.randn(2, H * 32)
    results = []
    for count in (1, 2, 4):
        kernels.set_threads(count)
        results.append(kernels.attend(q, pool, 0, spans))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])
    k, v = (x.float().transpose(0, 1) for x in pool.read(blocks, 0, 2402))
    wide = slow(torch.cat((torch.zeros(2400, H, 32), q.view(2, H, 32)))[-1:], k, v, 0, 2402)
    assert torch.allclose(results[0][1:].double(), wide, atol=1e-4)


def test_a_token_that_sees_nothing_gets_zeros(variant: str) -> None:
    layout = LAYOUTS["chatglm3"]
    pool = KVPool(1, 2, 32)
    spans = Spans(pool, [Span(pool.take(1), 0, 4, first=2)])
    q = kernels.rope_store(torch.randn(4, layout.width), torch.randn(2, 4, 8), layout, pool, 0, spans)
    out = kernels.attend(q, pool, 0, spans)
    assert not out[:2].any()
    assert out[2:].all()


def test_strange_numbers_do_not_spread(variant: str) -> None:
    """An overflow stays finite in float16; a later NaN is not seen by earlier tokens."""
    layout = LAYOUTS["chatglm3"]
    pool = KVPool(1, 2, 32)
    spans = Spans(pool, [Span(pool.take(1), 0, 9)])
    qkv, table = torch.randn(9, layout.width), torch.zeros(2, 9, 8)
    table[0] = 1
    clean = kernels.attend(kernels.rope_store(qkv, table, layout, pool, 0, spans), pool, 0, spans)
    qkv[5, -1], qkv[7] = 1e9, float("nan")
    out = kernels.attend(kernels.rope_store(qkv, table, layout, pool, 0, spans), pool, 0, spans)
    assert torch.equal(out[:5], clean[:5])
    assert out[:7].isfinite().all()
    assert out[7].isnan().all()


@pytest.mark.usefixtures("compiled")
def test_blocks_are_taken_given_and_limited() -> None:
    pool = KVPool(3, 2, 12, limit=3 * KVPool(3, 2, 12).block_bytes)
    taken = pool.take(2)
    assert pool.free == 1
    with pytest.raises(MemoryError, match="at most"):
        pool.take(2)
    assert pool.free == 1
    pool.give(taken)
    with pytest.raises(ValueError, match="not taken"):
        pool.give(taken)
    assert pool.nbytes == 3 * pool.block_bytes
    a, b = pool.take(2)
    keys, values = torch.randn(2, 70, 12), torch.randn(2, 70, 12)
    pool.write([a, b], 2, 5, keys, values)
    for got, wanted in zip(pool.read([a, b], 2, 75), (keys, values), strict=True):
        assert torch.equal(got[:, 5:], wanted.half())
    (c,) = pool.take()
    pool.copy(a, c)
    assert torch.equal(pool.read([c], 2, 64)[0][:, 5:], keys.half()[:, :59])


@pytest.mark.usefixtures("compiled")
def test_what_does_not_fit_is_refused() -> None:
    pool, layout = KVPool(1, 2, 32), LAYOUTS["chatglm3"]
    blocks = pool.take(1)
    for span, message in (
        (Span(blocks, 60, 5), "has 65 columns and 1 blocks"),
        (Span(blocks, 0, 0), "0 tokens"),
        (Span(blocks, 0, 4, context=5), "a context of 5"),
        (Span([10**9], 0, 4), "blocks that the pool does not know"),
    ):
        with pytest.raises(ValueError, match=message):
            Spans(pool, [span])
    with pytest.raises(ValueError, match="no sequences"):
        Spans(pool, [])
    spans = Spans(pool, [Span(blocks, 0, 4)])
    qkv, table = torch.zeros(4, layout.width), torch.zeros(2, 4, 8)
    with pytest.raises(ValueError, match="qkv is"):
        kernels.rope_store(qkv[:3], table, layout, pool, 0, spans)
    with pytest.raises(ValueError, match="the table is"):
        kernels.rope_store(qkv, table[:, :3], layout, pool, 0, spans)
    with pytest.raises(ValueError, match="layer 1 of 1"):
        kernels.rope_store(qkv, table, layout, pool, 1, spans)
    with pytest.raises(ValueError, match="another model"):
        kernels.rope_store(qkv, table, layout, KVPool(1, 2, 32), 0, spans)
    with pytest.raises(ValueError, match="q is"):
        kernels.attend(torch.zeros(4, 33), pool, 0, spans)
    with pytest.raises(ValueError, match="do not fit together"):
        HeadLayout(8, 3, 32)
    with pytest.raises(ValueError, match="do not fit into 8 channels"):
        HeadLayout(8, 8, 8, pairs=5)
    with pytest.raises(ValueError, match="at most 1024"):
        KVPool(1, 1, 1025)
