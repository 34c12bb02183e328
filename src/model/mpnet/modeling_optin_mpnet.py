"""MPNet whose layers differ in heads, in widths of the heads, and in neurons: see `modeling_optin_bert.py`.

    AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)

All layers add numbers of the same table to their scores. The table has a column for each head of the unpruned model;
`original_heads_per_layer[N]` lists the columns of the heads of layer N.
"""

import transformers
from torch import nn
from transformers.models.mpnet import modeling_mpnet

from .modeling_optin_bert import FIRST_ONLY, Narrow, by_head, first_only, narrowed


class MPNetHeads(modeling_mpnet.MPNetSelfAttention):
    """Attention with any number of heads of any width. It can also compute queries for fewer positions than keys and values."""

    def __init__(self, config, columns, query_size, value_size):
        super().__init__(config)
        self.columns, self.query_size, self.value_size = columns, query_size, value_size
        heads = len(columns)
        self.num_attention_heads, self.all_head_size = heads, heads * value_size
        self.q = narrowed(self.q, outputs=heads * query_size)
        self.k = narrowed(self.k, outputs=heads * query_size)
        self.v = narrowed(self.v, outputs=heads * value_size)
        self.o = narrowed(self.o, inputs=heads * value_size)

    def forward(self, hidden_states, attention_mask=None, *others, output_attentions=False, read=None, **_):
        """The other arguments are `head_mask`, which only transformers 4 has, and `position_bias`. With `read`, it has the
        positions of the keys and values."""
        read = hidden_states if read is None else read
        query, key, value = self.q(hidden_states), self.k(read), self.v(read)
        if self.num_attention_heads == 0:
            # The sum uses every parameter, because DistributedDataParallel requires a gradient for each of them.
            context = query + (key + value).sum(1, keepdim=True)
            weights = query.new_empty(query.shape[0], 0, query.shape[1], key.shape[1])
        else:
            query, key = (by_head(states, self.num_attention_heads, self.query_size) for states in (query, key))
            value = by_head(value, self.num_attention_heads, self.value_size)
            *head_mask, position_bias = others
            scores = query @ key.transpose(2, 3) / self.attention_head_size**0.5 + position_bias[:, self.columns]
            if attention_mask is not None:
                scores = scores + attention_mask
            weights = self.dropout(nn.functional.softmax(scores, dim=-1))
            for mask in head_mask:
                weights = weights if mask is None else weights * mask
            context = (weights @ value).transpose(1, 2).flatten(2)
        output = self.o(context)
        return (output, weights) if output_attentions else (output,)


class MPNetLayer(modeling_mpnet.MPNetLayer):
    """A last layer that computes only the first position if it gets `FIRST_ONLY`. It has the name of the built-in class,
    because transformers and accelerate look for layers by that name."""

    def forward(self, hidden_states, attention_mask=None, *others, **kwargs):
        if kwargs.get("output_attentions") is not FIRST_ONLY:
            return super().forward(hidden_states, attention_mask, *others, **kwargs)
        kwargs["output_attentions"] = False
        *head_mask, position_bias = others
        if any(mask is not None for mask in head_mask):
            return super().forward(hidden_states, attention_mask, *others, **kwargs)
        if attention_mask is not None:
            attention_mask = attention_mask[:, :, :1]
        first, attention = hidden_states[:, :1], self.attention
        output, *_ = attention.attn(first, attention_mask, position_bias[:, :, :1], read=hidden_states)
        output = attention.LayerNorm(attention.dropout(output) + first)
        return (self.output(self.intermediate(output), output),)


class NarrowMPNet(Narrow):
    built_in, layer_class = transformers.MPNetModel, MPNetLayer

    def last_layer(self, index):
        return self.layer_class(self.config)

    def narrow(self, layer, heads, neurons, query_size, value_size):
        at = [one is layer for one in self.encoder_layers()].index(True)
        columns = self.config.original_heads_per_layer[at]
        if len(columns) != heads:
            raise ValueError(f"original_heads_per_layer has {len(columns)} entries for layer {at}, which has {heads} heads")
        layer.attention.attn = MPNetHeads(self.config, columns, query_size, value_size)
        layer.intermediate.dense = narrowed(layer.intermediate.dense, outputs=neurons)
        layer.output.dense = narrowed(layer.output.dense, inputs=neurons)


class MPNetModel(NarrowMPNet, transformers.MPNetModel):
    pass


class MPNetForSequenceClassification(NarrowMPNet, transformers.MPNetForSequenceClassification):
    reads_only_first = True
    forward = first_only(transformers.MPNetForSequenceClassification.forward, positional=5)


class MPNetForTokenClassification(NarrowMPNet, transformers.MPNetForTokenClassification):
    pass


class MPNetForQuestionAnswering(NarrowMPNet, transformers.MPNetForQuestionAnswering):
    pass


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
MPNetModel.register_for_auto_class("AutoModel")
MPNetForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
MPNetForTokenClassification.register_for_auto_class("AutoModelForTokenClassification")
MPNetForQuestionAnswering.register_for_auto_class("AutoModelForQuestionAnswering")
