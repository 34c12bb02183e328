"""BERT for sequence classification whose layers differ in heads and neurons.

The built-in class of transformers (4.57 or 5), made narrower after construction: layer N keeps `heads_per_layer[N]`
heads and `intermediate_size_per_layer[N]` neurons. Either may be 0. The layer then adds only the bias of its output
projection.

    AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
"""

import transformers
from torch import nn
from transformers.models.bert import modeling_bert


class Linear(nn.Linear):
    """`nn.Linear` that does not initialize an empty weight, because torch's initializers warn about it."""

    def reset_parameters(self):
        if self.weight.numel():
            super().reset_parameters()


class NoHeads(modeling_bert.BertSelfAttention):
    """Attention without heads, with an output of width 0. It keeps its (empty) linear layers, which the files name."""

    def __init__(self, attention):
        nn.Module.__init__(self)
        self.query, self.key, self.value = attention.query, attention.key, attention.value

    def forward(self, hidden_states, *_, **__):
        rows, length, _ = hidden_states.shape
        return hidden_states.new_empty(rows, length, 0), hidden_states.new_empty(rows, 0, length, length)


def narrowed(linear, inputs=None, outputs=None):
    """Returns a new layer with these sizes, on the device and with the data type of the old one."""
    inputs, outputs = (old if new is None else new for old, new in ((linear.in_features, inputs), (linear.out_features, outputs)))
    return Linear(inputs, outputs, device=linear.weight.device, dtype=linear.weight.dtype)


def narrow(layer, heads, neurons):
    """Reduces a `BertLayer` to these numbers of heads and neurons."""
    attention = layer.attention.self
    width = heads * attention.attention_head_size
    for name in ("query", "key", "value"):
        setattr(attention, name, narrowed(getattr(attention, name), outputs=width))
    attention.num_attention_heads, attention.all_head_size = heads, width
    layer.attention.output.dense = narrowed(layer.attention.output.dense, inputs=width)
    layer.intermediate.dense = narrowed(layer.intermediate.dense, outputs=neurons)
    layer.output.dense = narrowed(layer.output.dense, inputs=neurons)
    if heads == 0:
        layer.attention.self = NoHeads(attention)


class BertForSequenceClassification(transformers.BertForSequenceClassification):
    def __init__(self, config):
        super().__init__(config)
        layers = self.bert.encoder.layer
        for name in ("heads_per_layer", "intermediate_size_per_layer"):
            if len(getattr(config, name)) != len(layers):
                raise ValueError(f"{name} has {len(getattr(config, name))} entries for {len(layers)} layers")
        for layer, heads, neurons in zip(layers, config.heads_per_layer, config.intermediate_size_per_layer):
            narrow(layer, heads, neurons)
        self.post_init()


# With this, `save_pretrained` of the opened model copies this file to the folder of the weights.
BertForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
