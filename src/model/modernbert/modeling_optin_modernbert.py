"""ModernBERT whose layers differ in heads, in widths of the values of a head, and in neurons.

The built-in classes of transformers (4.57 or 5), made narrower after construction: layer N keeps `heads_per_layer[N]`
heads and `intermediate_size_per_layer[N]` gated neurons. Either may be 0. The layer then adds only the bias of its output
projection, if it has one. Each head of layer N has values of width `value_size_per_layer[N]`. Its queries and keys keep
their width, because positions turn pairs of their channels.

    AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)

The other classes below open the same folder with another head, to train it for another task. A head that reads only the
first position gets only that position from the last layer, unless hidden states or attentions are requested.
"""

import functools

import transformers
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.modernbert import modeling_modernbert

from .modeling_optin_bert import FIRST_ONLY, TRANSFORMERS_4, Narrow, by_head, first_only, narrowed


def eager(module, query, key, value, attention_mask, scaling, dropout, **_):
    """The attention function that returns its weights. Like the built-in one, it computes the softmax in float32."""
    weights = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None:
        weights = weights + attention_mask
    weights = nn.functional.softmax(weights.float(), dim=-1).to(query.dtype)
    weights = nn.functional.dropout(weights, dropout, module.training)
    return (weights @ value).transpose(1, 2), weights


def reads_weight(linear):
    """Returns whether a map may be computed from its weight. Quantized maps, adapters and hooks need a call of the module."""
    hooks = linear._forward_hooks or linear._forward_pre_hooks or hasattr(linear, "_hf_hook")
    return type(linear) is nn.Linear and not hooks


class NarrowAttention(modeling_modernbert.ModernBertAttention):
    """Attention with any number of heads with values of any width. It can also compute queries only for the first positions."""

    # The attention functions of transformers 4 read this.
    is_causal = False

    def __init__(self, config, index, heads, value_size):
        super().__init__(config, index)
        self.heads, self.value_size = heads, value_size
        self.Wqkv = narrowed(self.Wqkv, outputs=heads * (2 * self.head_dim + value_size))
        self.Wo = narrowed(self.Wo, inputs=heads * value_size)

    def project(self, states, leading):
        """Returns the queries of the first `leading` positions, and the keys and values of all positions."""
        queries = self.heads * self.head_dim
        if leading is not None and reads_weight(self.Wqkv):
            weight, bias = self.Wqkv.weight, self.Wqkv.bias
            of_query, rest = (None, None) if bias is None else (bias[:queries], bias[queries:])
            query = nn.functional.linear(states[:, :leading], weight[:queries], of_query)
            key, value = nn.functional.linear(states, weight[queries:], rest).split([queries, self.heads * self.value_size], -1)
        else:
            query, key, value = self.Wqkv(states).split([queries, queries, self.heads * self.value_size], -1)
            query = query[:, :leading]
        return query, key, value

    def positions(self, states, position_embeddings, attention_mask, sliding_window_mask, position_ids):
        """Returns the cosines and sines of the turns, and the mask. Transformers 4 computes the turns in each layer."""
        if not TRANSFORMERS_4:
            return position_embeddings, attention_mask
        is_local = self.local_attention != (-1, -1)
        return self.rotary_emb(states, position_ids=position_ids), sliding_window_mask if is_local else attention_mask

    def forward(
        self,
        hidden_states,
        position_embeddings=None,
        attention_mask=None,
        sliding_window_mask=None,
        position_ids=None,
        leading=None,
        **kwargs,
    ):
        rows, length, _ = hidden_states.shape
        name = self.config._attn_implementation
        if self.heads == 0:
            # The sum uses every parameter, because DistributedDataParallel requires a gradient for each of them.
            output = self.Wo(self.Wqkv(hidden_states)[:, :leading])
            weights = hidden_states.new_empty(rows, 0, output.shape[1], length) if name == "eager" else None
        else:
            given = position_embeddings, attention_mask, sliding_window_mask, position_ids
            (cosines, sines), mask = self.positions(hidden_states, *given)
            context, weights = self.attend(self.project(hidden_states, leading), cosines, sines, mask, leading, **kwargs)
            output = self.out_drop(self.Wo(context))
        if TRANSFORMERS_4:
            return (output, weights) if kwargs.get("output_attentions") and weights is not None else (output,)
        return output, weights

    def attend(self, states, cosines, sines, mask, leading, **kwargs):
        query, key, value = (by_head(one, self.heads, one.shape[-1] // self.heads) for one in states)
        turn = modeling_modernbert.apply_rotary_pos_emb
        if leading is None:
            query, key = turn(query, key, cosines, sines)
        else:
            query, _ = turn(query, query, cosines[:, :leading], sines[:, :leading])
            key, _ = turn(key, key, cosines, sines)
            mask = None if mask is None else mask[:, :, :leading]
        name = self.config._attn_implementation
        if name != "eager":
            # Most kernels require equal widths. Columns of zeros change nothing.
            value = nn.functional.pad(value, (0, self.head_dim - self.value_size))
        if not TRANSFORMERS_4:
            kwargs |= {"sliding_window": self.sliding_window, "deterministic": self.deterministic_flash_attn}
        context, weights = ALL_ATTENTION_FUNCTIONS.get(name, eager)(
            self,
            query,
            key,
            value,
            mask,
            dropout=self.attention_dropout if self.training else 0.0,
            scaling=self.head_dim**-0.5,
            **kwargs,
        )
        return context[..., : self.value_size].flatten(2), weights


class ModernBertEncoderLayer(modeling_modernbert.ModernBertEncoderLayer):
    """A last layer that computes only the first position if it gets `FIRST_ONLY`. It has the name of the built-in class,
    because transformers and accelerate look for layers by that name."""

    def forward(self, hidden_states, *args, **kwargs):
        if args or kwargs.get("output_attentions") is not FIRST_ONLY:
            return super().forward(hidden_states, *args, **kwargs)
        attended, *_ = self.attn(self.attn_norm(hidden_states), leading=1, **kwargs)
        hidden_states = hidden_states[:, :1] + attended
        hidden_states = hidden_states + self.mlp(self.mlp_norm(hidden_states))
        return (hidden_states,) if TRANSFORMERS_4 else hidden_states


def check_layer_types(config):
    """Transformers 4 knows only one order of the kinds of layers."""
    every, layers = getattr(config, "global_attn_every_n_layers", None), getattr(config, "layer_types", None)
    known = ["sliding_attention" if every and at % every else "full_attention" for at in range(config.num_hidden_layers)]
    if TRANSFORMERS_4 and layers is not None and layers != known:
        raise ValueError("layer_types has an order that transformers 4 does not know; use transformers 5")


class NarrowModernBert(Narrow):
    built_in, layer_class = transformers.ModernBertModel, ModernBertEncoderLayer
    # Transformers 4 calls these kernels with queries, keys and values of one width in one tensor.
    _supports_flash_attn = not TRANSFORMERS_4

    def __init__(self, config, *args, **kwargs):
        check_layer_types(config)
        super().__init__(config, *args, **kwargs)

    def encoder_layers(self):
        return self.base_model.layers

    def last_layer(self, index):
        return self.layer_class(self.config, index)

    def narrow(self, layer, heads, neurons, query_size, value_size):
        if heads and query_size != layer.attn.head_dim:
            raise ValueError(f"query_size_per_layer has the entry {query_size}; it must be {layer.attn.head_dim}")
        index = [one is layer for one in self.encoder_layers()].index(True)
        layer.attn = NarrowAttention(self.config, index, heads, value_size)
        layer.mlp.Wi = narrowed(layer.mlp.Wi, outputs=2 * neurons)
        layer.mlp.Wo = narrowed(layer.mlp.Wo, inputs=neurons)


def reads_first_if_pooled(forward):
    """Makes the forward method of a built-in classifier request only the first position if it pools no other."""
    of_first = first_only(forward, positional=5)

    @functools.wraps(forward)
    def pooled_forward(self, *args, **kwargs):
        of_pooling = of_first if self.config.classifier_pooling == "cls" else forward
        return of_pooling(self, *args, **kwargs)

    return pooled_forward


class ModernBertModel(NarrowModernBert, transformers.ModernBertModel):
    pass


class ModernBertForMaskedLM(NarrowModernBert, transformers.ModernBertForMaskedLM):
    pass


class ModernBertForSequenceClassification(NarrowModernBert, transformers.ModernBertForSequenceClassification):
    reads_only_first = True
    forward = reads_first_if_pooled(transformers.ModernBertForSequenceClassification.forward)


class ModernBertForTokenClassification(NarrowModernBert, transformers.ModernBertForTokenClassification):
    pass


class ModernBertForQuestionAnswering(NarrowModernBert, transformers.ModernBertForQuestionAnswering):
    pass


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
ModernBertModel.register_for_auto_class("AutoModel")
ModernBertForMaskedLM.register_for_auto_class("AutoModelForMaskedLM")
ModernBertForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
ModernBertForTokenClassification.register_for_auto_class("AutoModelForTokenClassification")
ModernBertForQuestionAnswering.register_for_auto_class("AutoModelForQuestionAnswering")
