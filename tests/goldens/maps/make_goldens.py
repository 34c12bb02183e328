"""Operations on maps that networks for segmentation share, as torch and Hugging Face transformers compute them.

    pip install -r ../../transformers/requirements-5.txt && python make_goldens.py

Writes `golden.safetensors` beside this file. Inputs are exact in float32, and results are computed in float64. Channels are
last, and a map is its pixels in raster order. A case NAME of an operation has the tensors `NAME.x`, `NAME.y` (the result),
`NAME.c` (a cotangent on it), `NAME.dx` (the cotangent on `x`), and its own inputs:

- `group_norm.G`: G groups, with `weight` and `bias`;
- `resize.H.W.H2.W2`: from [H, W] to [H2, W2] pixels;
- `deformable.HEADS.POINTS`: with `sizes` (int64 `[levels, 2]`), `offsets` in pixels and `weights`, and the cotangents `do` and
  `dw` on both;
- `sine.H.W`: only `y`, rounded to float32.

Seeded: the same bytes each time.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import group_norm, interpolate
from transformers.models.mask2former.modeling_mask2former import (
    Mask2FormerSinePositionEmbedding,
    multi_scale_deformable_attention,
)

GENERATOR = torch.Generator().manual_seed(11)


def draw(*shape):
    """Numbers that are exact in float32."""
    return torch.randn(shape, generator=GENERATOR).double()


def channels_last(x):
    return x.flatten(2).transpose(1, 2)


def traced(run, x):
    x = x.clone().requires_grad_()
    y = run(x)
    c = draw(*y.shape)
    (dx,) = torch.autograd.grad(y, x, c)
    return {"x": x.detach().float(), "y": y.detach(), "c": c.float(), "dx": dx}


def norm(groups, rows, positions, channels):
    weight, bias = draw(channels), draw(channels)

    def run(x):
        return channels_last(group_norm(x.transpose(1, 2), groups, weight, bias, 1e-5))

    # A mean that is large beside the deviation must not cost precision.
    x = (draw(rows, positions, channels) + 3 * draw(channels)).float().double()
    return {"weight": weight.float(), "bias": bias.float()} | traced(run, x)


def resize(size, to, rows, channels):
    def run(x):
        x = x.transpose(1, 2).unflatten(2, size)
        return channels_last(interpolate(x, size=to, mode="bilinear", align_corners=False, antialias=False))

    return traced(run, draw(rows, size[0] * size[1], channels))


def deformable(sizes, heads, points, rows, value):
    positions = sum(height * width for height, width in sizes)
    offsets = (3 * draw(rows, positions, heads, len(sizes), points, 2)).float().double()
    weights = draw(rows, positions, heads, len(sizes) * points).softmax(-1).unflatten(3, (len(sizes), points))
    weights = weights.float().double()

    def centers(size):
        return (torch.arange(size, dtype=torch.float64) + 0.5) / size

    shares = [torch.cartesian_prod(centers(height), centers(width)).flip(1) for height, width in sizes]
    scale = torch.tensor([[width, height] for height, width in sizes], dtype=torch.float64)
    offsets.requires_grad_()
    weights.requires_grad_()

    def run(x):
        places = torch.cat(shares)[None, :, None, None, None] + offsets / scale[:, None]
        return multi_scale_deformable_attention(x.unflatten(2, (heads, value)), sizes, places, weights)

    result = traced(run, draw(rows, positions, heads * value))
    given = torch.autograd.grad(run(result["x"].double()), (offsets, weights), result["c"].double())
    inputs = {"sizes": torch.tensor(sizes)}
    for name, tensor in (("offsets", offsets), ("weights", weights)):
        inputs[name] = tensor.detach().flatten(2).float()
    for name, tensor in zip(("do", "dw"), given):
        inputs[name] = tensor.flatten(2)
    return inputs | result


def sine(size, channels):
    embedding = Mask2FormerSinePositionEmbedding(channels // 2, normalize=True)
    position = embedding(torch.Size((1, channels, *size)), "cpu", torch.float64)
    position = position if position.dim() == 3 else channels_last(position)
    return {"y": position[0].float()}


def main():
    cases = {}
    for groups, shape in ((1, (2, 7, 5)), (4, (3, 35, 12)), (32, (1, 40, 64)), (6, (2, 1, 6 * 17))):
        cases[f"group_norm.{groups}"] = norm(groups, *shape)
    for size, to in (
        ((3, 5), (6, 10)), ((5, 7), (9, 8)), ((9, 11), (4, 3)), ((1, 1), (3, 2)), ((6, 1), (4, 4)), ((7, 4), (7, 4)), ((2, 9), (13, 2)),
    ):  # fmt: skip
        cases["resize.{}.{}.{}.{}".format(*size, *to)] = resize(size, to, 2, 3)
    for sizes, heads, points, rows, value in (
        ([(2, 3), (4, 5), (7, 9)], 2, 4, 2, 16), ([(1, 1), (1, 4), (5, 1)], 3, 2, 1, 7), ([(3, 3)], 1, 1, 3, 29),
    ):  # fmt: skip
        cases[f"deformable.{heads}.{points}"] = deformable(sizes, heads, points, rows, value)
    for size, channels in (((3, 5), 8), ((1, 7), 36), ((12, 9), 64)):
        cases["sine.{}.{}".format(*size)] = sine(size, channels)
    tensors = {f"{case}.{name}": value.contiguous() for case, values in cases.items() for name, value in values.items()}
    save_file(tensors, Path(__file__).resolve().parent / "golden.safetensors")
    print(f"{len(cases)} cases, {len(tensors)} tensors")


if __name__ == "__main__":
    main()
