"""Opens a pruned vision transformer of timm from its folder.

    import sys
    sys.path.insert(0, FOLDER)
    from optin_timm import load
    model = load(FOLDER)

Layer N has `heads_per_layer[N]` heads and `intermediate_size_per_layer[N]` neurons. Its heads have queries and keys of
width `query_size_per_layer[N]` and values of width `value_size_per_layer[N]`. After its attention, it merges
`merged_tokens_per_layer[N]` pairs of similar patches. The last layer computes only the class token and the distillation
token, which the head reads.
"""

import json
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file
from torch import nn


class Attention(nn.Module):
    """Attention with any number of heads, whose queries and values have different widths."""

    def __init__(self, width, heads, query_size, value_size, scale, bias):
        super().__init__()
        self.heads, self.sizes, self.scale = heads, (query_size, query_size, value_size), scale
        self.qkv = nn.Linear(width, heads * sum(self.sizes), bias)
        self.proj = nn.Linear(heads * value_size, width)

    def forward(self, x, leading=None, sizes=None):
        parts = self.qkv(x).split([self.heads * size for size in self.sizes], -1)
        query, key, value = (
            part.reshape(*x.shape[:2], self.heads, size).transpose(1, 2) for part, size in zip(parts, self.sizes)
        )
        scores = query[:, :, :leading] * self.scale @ key.transpose(2, 3)
        if sizes is not None:
            # A position counts as often as the number of patches that it stands for.
            scores = scores + sizes.log()[:, None, None]
        return self.proj((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))


def merge(x, sizes, pairs, special):
    """Replaces the `pairs` most similar pairs of positions after the special ones by their means, weighted by `sizes`: the
    number of patches that each position stands for (Bolya et al. 2023). Returns the positions and their sizes."""
    first, second = x[:, special::2], x[:, special + 1 :: 2]
    first_sizes, second_sizes = sizes[:, special::2], sizes[:, special + 1 :: 2]
    pairs = min(pairs, second.shape[1])
    unit = [one / (one.norm(dim=-1, keepdim=True) + 1e-6) for one in (first, second)]
    similarity, partners = (unit[0] @ unit[1].transpose(1, 2)).max(-1)
    order = similarity.argsort(dim=-1, descending=True, stable=True)
    merged, kept = order[:, :pairs], order[:, pairs:].sort(-1).values
    targets = partners.gather(1, merged)

    def along(index):
        return index[..., None].expand(-1, -1, x.shape[-1])

    weighed = (first * first_sizes[..., None]).gather(1, along(merged))
    sums = (second * second_sizes[..., None]).scatter_add(1, along(targets), weighed)
    second_sizes = second_sizes.scatter_add(1, targets, first_sizes.gather(1, merged))
    positions = x[:, :special], first.gather(1, along(kept)), sums / second_sizes[..., None]
    return torch.cat(positions, 1), torch.cat((sizes[:, :special], first_sizes.gather(1, kept), second_sizes), 1)


class Block(nn.Module):
    """A layer that merges `pairs` pairs of positions, or computes only the first `leading` positions."""

    def __init__(self, block, pairs, leading, special):
        super().__init__()
        self.norm1, self.attn, self.norm2, self.mlp = block.norm1, block.attn, block.norm2, block.mlp
        self.pairs, self.leading, self.special = pairs, leading, special

    def forward(self, state, *_, **__):
        x, sizes = state if isinstance(state, tuple) else (state, None)
        x = x[:, : self.leading] + self.attn(self.norm1(x), self.leading, sizes)
        if self.pairs:
            sizes = x.new_ones(x.shape[:2]) if sizes is None else sizes
            x, sizes = merge(x, sizes, self.pairs, self.special)
        x = x + self.mlp(self.norm2(x))
        # The last layer returns no sizes, because the head reads none.
        return x if self.leading else (x, sizes)


def load(folder):
    """Returns the model in evaluation mode."""
    config = json.loads((Path(folder) / "config.json").read_text())
    # These three are arguments of `create_model` of their own.
    arguments = {name: value for name, value in (config.get("model_args") or {}).items() if name != "num_classes"}
    classes = config.get("num_classes", config.get("pretrained_cfg", {}).get("num_classes", 1000))
    model = timm.create_model(config["architecture"], num_classes=classes, **arguments)
    names = (
        "heads_per_layer", "query_size_per_layer", "value_size_per_layer", "intermediate_size_per_layer",
        "merged_tokens_per_layer",
    )  # fmt: skip
    of_layers = list(zip(*(config[name] for name in names)))
    for at, (heads, query_size, value_size, neurons, pairs) in enumerate(of_layers):
        block, special = model.blocks[at], model.num_prefix_tokens
        whole, width = block.attn, block.attn.qkv.in_features
        bias = whole.qkv.bias is not None
        block.attn = Attention(width, heads, query_size, value_size, whole.scale, bias)
        block.mlp.fc1, block.mlp.fc2 = nn.Linear(width, neurons), nn.Linear(neurons, width)
        leading = special if at == len(of_layers) - 1 else None
        model.blocks[at] = Block(block, pairs, leading, special)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval()
