"""Swin transformer whose blocks differ in heads, in widths of the heads, and in neurons.

The built-in classes of transformers (4.57 or 5), made narrower after construction: block N, counted over all stages, keeps
`heads_per_layer[N]` heads and `intermediate_size_per_layer[N]` neurons. Either may be 0. The block then adds only the bias
of its output projection. Each head of block N has queries and keys of width `query_size_per_layer[N]` and values of width
`value_size_per_layer[N]`. The scores keep the scale of the unpruned model.

    AutoModelForImageClassification.from_pretrained(folder, trust_remote_code=True)
"""

import torch
import transformers
from torch import nn
from transformers.models.swin import modeling_swin

TRANSFORMERS_4 = transformers.__version__.startswith("4.")
BUILT_IN = modeling_swin.SwinSelfAttention if TRANSFORMERS_4 else modeling_swin.SwinAttention
PROJECTIONS = ("query", "key", "value") if TRANSFORMERS_4 else ("q_proj", "k_proj", "v_proj")


class Empty(nn.Linear):
    """A linear layer without inputs or without outputs.

    Torch's initial values and its dynamic quantization, which replaces only `nn.Linear` itself, are for weights that are
    not empty.
    """

    def reset_parameters(self):
        pass


def narrowed(linear, inputs=None, outputs=None):
    """Returns a new layer with these sizes instead of those of `linear`."""
    inputs = linear.in_features if inputs is None else inputs
    outputs = linear.out_features if outputs is None else outputs
    bias = linear.bias is not None
    return nn.Linear(inputs, outputs, bias) if inputs and outputs else Empty(inputs, outputs, bias)


class NarrowSwinAttention(BUILT_IN):
    """Attention within windows with any number of heads of any width."""

    def narrow(self, heads, query_size, value_size):
        self.num_attention_heads = heads
        self.query_size, self.value_size = query_size, value_size
        for name, size in zip(PROJECTIONS, (query_size, query_size, value_size)):
            setattr(self, name, narrowed(getattr(self, name), outputs=heads * size))
        table = self if TRANSFORMERS_4 else self.relative_position_bias
        if TRANSFORMERS_4:
            # Transformers 5 does not store the index, which follows from the size of the windows.
            index = self._buffers.pop("relative_position_index")
            self.register_buffer("relative_position_index", index, persistent=False)
        offsets = table.relative_position_bias_table.shape[0]
        table.relative_position_bias_table = nn.Parameter(torch.zeros(offsets, heads))

    def bias(self, mask, rows):
        """Returns the numbers to add to the scores: those of the heads, and the mask of each window."""
        if TRANSFORMERS_4:
            positions = self.window_size[0] * self.window_size[1]
            of_heads = self.relative_position_bias_table[self.relative_position_index.view(-1)]
            of_heads = of_heads.view(positions, positions, -1).permute(2, 0, 1).contiguous()[None]
        else:
            of_heads = self.relative_position_bias()
        return of_heads if mask is None else of_heads + mask[:, None].repeat(rows // mask.shape[0], 1, 1, 1)

    def forward(self, hidden_states, attention_mask=None, head_mask=None, output_attentions=False, **_):
        """`hidden_states` are windows, and `attention_mask` has an entry for each window of an image."""
        query, key, value = (getattr(self, name)(hidden_states) for name in PROJECTIONS)
        rows, positions, _ = query.shape
        if self.num_attention_heads == 0:
            # The sum uses every parameter, because DistributedDataParallel requires a gradient for each of them.
            context, weights = query + key + value, query.new_empty(rows, 0, positions, positions)
        else:
            context, weights = self.attend(query, key, value, self.bias(attention_mask, rows), head_mask)
        if TRANSFORMERS_4:
            return (context, weights) if output_attentions else (context,)
        return self.o_proj(context), weights

    def attend(self, query, key, value, bias, head_mask):
        def heads(projected, size):
            if size == 0:
                # A column of zeros changes nothing. ONNX cannot reshape an empty tensor.
                projected, size = nn.functional.pad(projected, (0, self.num_attention_heads)), 1
            return projected.view(*projected.shape[:2], self.num_attention_heads, size).transpose(1, 2)

        query, key, value = heads(query, self.query_size), heads(key, self.query_size), heads(value, self.value_size)
        scale = self.attention_head_size**-0.5 if TRANSFORMERS_4 else self.scaling
        weights = (query @ key.transpose(2, 3) * scale + bias).softmax(-1)
        rate = self.dropout.p if TRANSFORMERS_4 else self.attention_dropout
        dropped = nn.functional.dropout(weights, rate, self.training)
        if head_mask is not None:
            dropped = dropped * head_mask
        context = (dropped @ value).transpose(1, 2)
        return context[..., : self.value_size].flatten(2), weights


def narrow(layer, attention, heads, neurons, query_size, value_size):
    """Replaces the attention of a block, and reduces the block to these sizes."""
    attention.narrow(heads, query_size, value_size)
    if TRANSFORMERS_4:
        layer.attention.self = attention
        layer.attention.output.dense = narrowed(layer.attention.output.dense, inputs=heads * value_size)
        layer.intermediate.dense = narrowed(layer.intermediate.dense, outputs=neurons)
        layer.output.dense = narrowed(layer.output.dense, inputs=neurons)
    else:
        attention.o_proj = narrowed(attention.o_proj, inputs=heads * value_size)
        layer.attention = attention
        layer.mlp.fc1 = narrowed(layer.mlp.fc1, outputs=neurons)
        layer.mlp.fc2 = narrowed(layer.mlp.fc2, inputs=neurons)


def sizes(config):
    """Returns the heads, neurons, width of queries and width of values of each block."""
    names = ("heads_per_layer", "intermediate_size_per_layer", "query_size_per_layer", "value_size_per_layer")
    lists = {name: getattr(config, name) for name in names}
    for name, values in lists.items():
        if len(values) != sum(config.depths):
            raise ValueError(f"{name} has {len(values)} entries for {sum(config.depths)} blocks")
        for value in values:
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"{name} has the entry {value}, which is not a whole number from 0")
    result = list(zip(*lists.values()))
    for at, (heads, _, _, value_size) in enumerate(result):
        if heads and not value_size:
            raise ValueError(f"value_size_per_layer is 0 for block {at}, which has {heads} heads")
    return result


def narrow_stages(stages, config):
    """Reduces the blocks of all stages to the sizes of the configuration."""
    of_blocks = iter(sizes(config))
    for at, stage in enumerate(stages):
        for block in stage.blocks:
            attention = NarrowSwinAttention(config, config.embed_dim * 2**at, config.num_heads[at], config.window_size)
            narrow(block, attention, *next(of_blocks))


class NarrowSwin:
    """Makes the built-in class that follows it in the bases narrower."""

    def __init__(self, config, *args, **kwargs):
        super().__init__(config, *args, **kwargs)
        narrow_stages(self.base_model.encoder.layers, config)
        self.post_init()


class SwinModel(NarrowSwin, transformers.SwinModel):
    pass


class SwinForImageClassification(NarrowSwin, transformers.SwinForImageClassification):
    pass


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
SwinModel.register_for_auto_class("AutoModel")
SwinForImageClassification.register_for_auto_class("AutoModelForImageClassification")
