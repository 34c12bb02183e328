"""DistilBERT whose layers differ in heads, in widths of the heads, and in neurons: see `modeling_optin_bert.py`.

    AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
"""

import torch
import transformers
from transformers.models.distilbert import modeling_distilbert

from .modeling_optin_bert import FIRST_ONLY, TRANSFORMERS_4, Narrow, NarrowHeads, first_only, narrowed

BUILT_IN = modeling_distilbert.MultiHeadSelfAttention if TRANSFORMERS_4 else modeling_distilbert.DistilBertSelfAttention


class DistilBertHeads(NarrowHeads, BUILT_IN):
    """Attention with any number of heads of any width."""

    def __init__(self, config, heads, query_size, value_size):
        BUILT_IN.__init__(self, config)
        self.query_size, self.value_size = query_size, value_size
        self.n_heads = self.num_attention_heads = heads
        self.q_lin = narrowed(self.q_lin, outputs=heads * query_size)
        self.k_lin = narrowed(self.k_lin, outputs=heads * query_size)
        self.v_lin = narrowed(self.v_lin, outputs=heads * value_size)
        self.out_lin = narrowed(self.out_lin, inputs=heads * value_size)

    def forward(self, hidden_states=None, attention_mask=None, query=None, key=None, value=None, mask=None, **kwargs):
        """Transformers 4 passes queries, keys, values and `mask`, all by name."""
        states = hidden_states if query is None else query
        read = states if key is None else key
        mask = attention_mask if mask is None else mask
        query, key, value = self.q_lin(states), self.k_lin(read), self.v_lin(read)
        if mask is not None and mask.dim() == 2 and "flash" not in self.implementation(**kwargs):
            removed = torch.full_like(mask, torch.finfo(states.dtype).min, dtype=states.dtype)
            mask = torch.where(mask == 0, removed, 0.0)[:, None, None]
        if self.num_attention_heads == 0:
            # The sum uses every parameter, because DistributedDataParallel requires a gradient for each of them.
            context = query + (key + value).sum(1, keepdim=True)
            weights = states.new_empty(states.shape[0], 0, states.shape[1], read.shape[1])
        else:
            context, weights = self.attend(query, key, value, mask, **kwargs)
        context = self.out_lin(context)
        return (context, weights) if not TRANSFORMERS_4 or kwargs.get("output_attentions") else (context,)


class TransformerBlock(modeling_distilbert.TransformerBlock):
    """A last layer that computes only the first position if it gets `FIRST_ONLY`. It has the name of the built-in class,
    because transformers and accelerate look for layers by that name."""

    def forward(self, hidden_states, attention_mask=None, head_mask=None, output_attentions=False, **kwargs):
        if output_attentions is not FIRST_ONLY or head_mask is not None or kwargs.get("is_causal"):
            given = {"output_attentions": False if output_attentions is FIRST_ONLY else output_attentions}
            others = (head_mask,) if TRANSFORMERS_4 else ()
            return super().forward(hidden_states, attention_mask, *others, **given, **kwargs)
        if attention_mask is not None and attention_mask.dim() == 4:
            attention_mask = attention_mask[:, :, :1]
        first = hidden_states[:, :1]
        output, *_ = self.attention(query=first, key=hidden_states, mask=attention_mask)
        output = self.sa_layer_norm(output + first)
        output = self.output_layer_norm(self.ffn(output) + output)
        return (output,) if TRANSFORMERS_4 else output


class NarrowDistilBert(Narrow):
    built_in, layer_class = transformers.DistilBertModel, TransformerBlock

    def encoder_layers(self):
        return self.base_model.transformer.layer

    def last_layer(self, index):
        return self.layer_class(self.config)

    def narrow(self, layer, heads, neurons, query_size, value_size):
        layer.attention = DistilBertHeads(self.config, heads, query_size, value_size)
        layer.ffn.lin1 = narrowed(layer.ffn.lin1, outputs=neurons)
        layer.ffn.lin2 = narrowed(layer.ffn.lin2, inputs=neurons)


class DistilBertModel(NarrowDistilBert, transformers.DistilBertModel):
    pass


class DistilBertForSequenceClassification(NarrowDistilBert, transformers.DistilBertForSequenceClassification):
    reads_only_first = True
    forward = first_only(transformers.DistilBertForSequenceClassification.forward, positional=5)


class DistilBertForTokenClassification(NarrowDistilBert, transformers.DistilBertForTokenClassification):
    pass


class DistilBertForQuestionAnswering(NarrowDistilBert, transformers.DistilBertForQuestionAnswering):
    pass


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
DistilBertModel.register_for_auto_class("AutoModel")
DistilBertForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
DistilBertForTokenClassification.register_for_auto_class("AutoModelForTokenClassification")
DistilBertForQuestionAnswering.register_for_auto_class("AutoModelForQuestionAnswering")
