"""Opens a pruned vision transformer of timm from its folder.

    import sys
    sys.path.insert(0, FOLDER)
    from optin_timm import load
    model = load(FOLDER)

Layer N has `heads_per_layer[N]` heads and `intermediate_size_per_layer[N]` neurons. Its heads have queries and keys of
width `query_size_per_layer[N]` and values of width `value_size_per_layer[N]`. The last layer computes only the class token
and the distillation token, which the head reads.
"""

import json
from pathlib import Path

import timm
from safetensors.torch import load_file
from torch import nn


class Attention(nn.Module):
    """Attention with any number of heads, whose queries and values have different widths."""

    def __init__(self, width, heads, query_size, value_size, scale, bias):
        super().__init__()
        self.heads, self.sizes, self.scale = heads, (query_size, query_size, value_size), scale
        self.qkv = nn.Linear(width, heads * sum(self.sizes), bias)
        self.proj = nn.Linear(heads * value_size, width)

    def forward(self, x, leading=None):
        parts = self.qkv(x).split([self.heads * size for size in self.sizes], -1)
        query, key, value = (
            part.reshape(*x.shape[:2], self.heads, size).transpose(1, 2) for part, size in zip(parts, self.sizes)
        )
        weights = (query[:, :, :leading] * self.scale @ key.transpose(2, 3)).softmax(-1)
        return self.proj((weights @ value).transpose(1, 2).flatten(2))


class LeadingOnly(nn.Module):
    """The last layer, at the positions that the head reads."""

    def __init__(self, block, leading):
        super().__init__()
        self.norm1, self.attn, self.norm2, self.mlp, self.leading = block.norm1, block.attn, block.norm2, block.mlp, leading

    def forward(self, x, *_, **__):
        x = x[:, : self.leading] + self.attn(self.norm1(x), self.leading)
        return x + self.mlp(self.norm2(x))


def load(folder):
    """Returns the model in evaluation mode."""
    config = json.loads((Path(folder) / "config.json").read_text())
    # These three are arguments of `create_model` of their own.
    arguments = {name: value for name, value in (config.get("model_args") or {}).items() if name != "num_classes"}
    classes = config.get("num_classes", config.get("pretrained_cfg", {}).get("num_classes", 1000))
    model = timm.create_model(config["architecture"], num_classes=classes, **arguments)
    names = ("heads_per_layer", "query_size_per_layer", "value_size_per_layer", "intermediate_size_per_layer")
    for block, heads, query_size, value_size, neurons in zip(model.blocks, *(config[name] for name in names)):
        whole, width = block.attn, block.attn.qkv.in_features
        bias = whole.qkv.bias is not None
        block.attn = Attention(width, heads, query_size, value_size, whole.scale, bias)
        block.mlp.fc1, block.mlp.fc2 = nn.Linear(width, neurons), nn.Linear(neurons, width)
    model.blocks[-1] = LeadingOnly(model.blocks[-1], model.num_prefix_tokens)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval()
