"""Mask2Former on a Swin backbone, whose layers differ in heads, in widths of the heads, and in neurons.

The built-in class of transformers (4.57 or 5), made narrower after construction. The sizes of the backbone are in
`backbone_config`: see `modeling_optin_swin.py`. Layer N of the pixel decoder keeps `encoder_heads_per_layer[N]` heads with
values of width `encoder_value_size_per_layer[N]` and `encoder_intermediate_size_per_layer[N]` neurons, and its last
convolution keeps `mask_feature_groups` of 32 groups of channels. Layer N of the decoder of queries has the sizes
`cross_attention_...[N]` and `self_attention_...[N]`; its neurons are with the former. Any size may be 0. The scores keep
the scale of the unpruned model.

    AutoModelForUniversalSegmentation.from_pretrained(folder, trust_remote_code=True)
"""

import torch
import transformers
from torch import nn
from transformers.models.mask2former import modeling_mask2former

from .modeling_optin_swin import narrow_stages, narrowed

GROUPS = 32


class NarrowDeformableAttention(modeling_mask2former.Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention):
    """Deformable attention with any number of heads from 1, of any width."""

    def narrow(self, heads, value_size):
        points = heads * self.n_levels * self.n_points
        self.sampling_offsets = narrowed(self.sampling_offsets, outputs=2 * points)
        self.attention_weights = narrowed(self.attention_weights, outputs=points)
        self.value_proj = narrowed(self.value_proj, outputs=heads * value_size)
        self.output_proj = narrowed(self.output_proj, inputs=heads * value_size)
        # The built-in class divides the first number by the second for the width of a head.
        self.d_model, self.n_heads = heads * value_size, heads


class NoDeformableAttention(nn.Module):
    """Deformable attention without heads. It adds the bias of its output projection."""

    def __init__(self, attention):
        super().__init__()
        for name in ("sampling_offsets", "attention_weights", "value_proj"):
            setattr(self, name, narrowed(getattr(attention, name), outputs=0))
        self.output_proj = narrowed(attention.output_proj, inputs=0)

    def forward(self, hidden_states, **_):
        # The sum uses every parameter, because DistributedDataParallel requires a gradient for each of them.
        empty = self.value_proj(hidden_states) + self.attention_weights(hidden_states)
        empty = empty + self.sampling_offsets(hidden_states)
        return self.output_proj(empty), None


class NoChannels(nn.Module):
    """A layer without outputs. Torch's layers have at least one."""

    def __init__(self, **shapes):
        super().__init__()
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.zeros(shape)))

    def forward(self, pixels):
        return pixels[:, :0] + sum(parameter.sum() for parameter in self.parameters())


class OnlyBias(NoChannels):
    """A convolution without inputs."""

    def forward(self, pixels):
        rows, _, height, width = pixels.shape
        return self.bias[None, :, None, None].expand(rows, -1, height, width) + self.weight.sum()


class NarrowAttention(nn.Module):
    """Attention of queries with any number of heads of any width. Sequences are the first dimension."""

    def __init__(self, hidden_size, heads, query_size, value_size, scale, dropout):
        super().__init__()
        self.heads, self.query_size, self.value_size = heads, query_size, value_size
        self.scale, self.dropout = scale, dropout
        self.out_proj = narrowed(nn.Linear(hidden_size, hidden_size), inputs=heads * value_size)

    def attend(self, query, key, value, mask=None):
        """Returns the output and the weights, from projected queries, keys and values."""

        def heads(projected, size):
            if size == 0:
                # A column of zeros changes nothing. ONNX cannot reshape an empty tensor.
                projected, size = nn.functional.pad(projected, (0, self.heads)), 1
            return projected.view(*projected.shape[:2], self.heads, size).permute(1, 2, 0, 3)

        positions, rows, _ = query.shape
        if self.heads == 0:
            used = query.sum() + key.sum() + value.sum()
            context = query.new_zeros(positions, rows, 0) + used
            return self.out_proj(context), query.new_empty(rows, 0, positions, key.shape[0])
        query, key, value = heads(query, self.query_size), heads(key, self.query_size), heads(value, self.value_size)
        scores = query @ key.transpose(2, 3) * self.scale
        if mask is not None:
            scores = scores.masked_fill(mask, float("-inf"))
        weights = scores.softmax(-1)
        context = nn.functional.dropout(weights, self.dropout, self.training) @ value
        return self.out_proj(context.permute(2, 0, 1, 3)[..., : self.value_size].flatten(2)), weights


class NarrowCrossAttention(NarrowAttention):
    """Attention to a map. The projections are one tensor, as in `nn.MultiheadAttention`."""

    def __init__(self, hidden_size, heads, query_size, value_size, **arguments):
        super().__init__(hidden_size, heads, query_size, value_size, **arguments)
        rows = heads * (2 * query_size + value_size)
        self.in_proj_weight = nn.Parameter(torch.zeros(rows, hidden_size))
        self.in_proj_bias = nn.Parameter(torch.zeros(rows))

    def forward(self, query, key, value, attn_mask=None, key_padding_mask=None):
        widths = [self.heads * self.query_size] * 2 + [self.heads * self.value_size]
        weights, biases = self.in_proj_weight.split(widths), self.in_proj_bias.split(widths)
        projected = [nn.functional.linear(*one) for one in zip((query, key, value), weights, biases)]
        if attn_mask is not None:
            # It repeats the mask of each row for each head of the unpruned model.
            rows = query.shape[1]
            attn_mask = attn_mask.view(rows, -1, *attn_mask.shape[1:])[:, :1]
        return self.attend(*projected, attn_mask)


class NarrowSelfAttention(NarrowAttention):
    """Attention among queries."""

    def __init__(self, hidden_size, heads, query_size, value_size, **arguments):
        super().__init__(hidden_size, heads, query_size, value_size, **arguments)
        for name, size in (("q_proj", query_size), ("k_proj", query_size), ("v_proj", value_size)):
            setattr(self, name, narrowed(nn.Linear(hidden_size, hidden_size), outputs=heads * size))

    def forward(self, hidden_states, attention_mask=None, position_embeddings=None, output_attentions=False, **_):
        if attention_mask is not None:
            raise ValueError("the queries of a pruned model read each other without a mask")
        positioned = hidden_states if position_embeddings is None else hidden_states + position_embeddings
        projected = self.q_proj(positioned), self.k_proj(positioned), self.v_proj(hidden_states)
        output, weights = self.attend(*projected)
        return output, weights if output_attentions else None


def sizes(config, prefix, layers):
    """Returns the heads, width of queries, width of values and neurons of each layer of a part."""
    names = ("heads_per_layer", "query_size_per_layer", "value_size_per_layer", "intermediate_size_per_layer")
    lists = {name: getattr(config, prefix + name) for name in names if hasattr(config, prefix + name)}
    for name, values in lists.items():
        if len(values) != layers:
            raise ValueError(f"{prefix}{name} has {len(values)} entries for {layers} layers")
        for value in values:
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"{prefix}{name} has the entry {value}, which is not a whole number from 0")
    return [{name: values[layer] for name, values in lists.items()} for layer in range(layers)]


def narrow_feed_forward(layer, neurons):
    layer.fc1 = narrowed(layer.fc1, outputs=neurons)
    layer.fc2 = narrowed(layer.fc2, inputs=neurons)


def narrow_pixel_decoder(decoder, config):
    layers = decoder.encoder.layers
    for layer, own in zip(layers, sizes(config, "encoder_", len(layers))):
        heads, value_size = own["heads_per_layer"], own["value_size_per_layer"]
        if heads:
            built_in = layer.self_attn
            layer.self_attn = NarrowDeformableAttention(
                config.feature_size, config.num_attention_heads, built_in.n_levels, built_in.n_points
            )
            layer.self_attn.narrow(heads, value_size)
        else:
            layer.self_attn = NoDeformableAttention(layer.self_attn)
        narrow_feed_forward(layer, own["intermediate_size_per_layer"])
    kept = config.mask_feature_groups
    width = config.feature_size // GROUPS * kept
    convolution, norm = decoder.layer_1[0], decoder.layer_1[1]
    # In place, because the decoder also has these modules in a list.
    if kept:
        decoder.layer_1[0] = nn.Conv2d(convolution.in_channels, width, 3, padding=1, bias=False)
        decoder.layer_1[1] = nn.GroupNorm(kept, width, norm.eps)
        decoder.mask_projection = nn.Conv2d(width, config.mask_feature_size, 1)
    else:
        decoder.layer_1[0] = NoChannels(weight=(0, convolution.in_channels, 3, 3))
        decoder.layer_1[1] = NoChannels(weight=(0,), bias=(0,))
        decoder.mask_projection = OnlyBias(weight=(config.mask_feature_size, 0, 1, 1), bias=(config.mask_feature_size,))


def narrow_decoder(decoder, config):
    layers = decoder.layers
    arguments = {
        "scale": (config.hidden_dim // config.num_attention_heads) ** -0.5,
        "dropout": config.dropout,
    }
    parts = [sizes(config, prefix, len(layers)) for prefix in ("cross_attention_", "self_attention_")]
    for layer, cross, own in zip(layers, *parts):
        for name, kind, of_kind in (
            ("cross_attn", NarrowCrossAttention, cross),
            ("self_attn", NarrowSelfAttention, own),
        ):
            widths = (of_kind[f"{part}_per_layer"] for part in ("heads", "query_size", "value_size"))
            setattr(layer, name, kind(config.hidden_dim, *widths, **arguments))
        narrow_feed_forward(layer, cross["intermediate_size_per_layer"])


class Mask2FormerForUniversalSegmentation(transformers.Mask2FormerForUniversalSegmentation):
    # The loss makes the first one. The other one belongs to the backbone of transformers 5, which does not use it.
    _keys_to_ignore_on_load_missing = [r"criterion\.empty_weight", r"encoder\.swin\.layernorm"]

    def __init__(self, config, *args, **kwargs):
        super().__init__(config, *args, **kwargs)
        pixels, queries = self.model.pixel_level_module, self.model.transformer_module
        # Transformers 5 has the body of a backbone in a module of its own.
        body = getattr(pixels.encoder, "swin", pixels.encoder)
        narrow_stages(body.encoder.layers, config.backbone_config)
        narrow_pixel_decoder(pixels.decoder, config)
        narrow_decoder(queries.decoder, config)
        if isinstance(queries.input_projections, list):
            # Transformers 4 neither saves nor loads the maps in a list.
            queries.input_projections = nn.ModuleList(queries.input_projections)
        self.post_init()


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
Mask2FormerForUniversalSegmentation.register_for_auto_class("AutoModelForUniversalSegmentation")
