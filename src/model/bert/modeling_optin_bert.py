"""BERT whose layers differ in heads, in widths of the heads, and in neurons.

The built-in classes of transformers (4.57 or 5), made narrower after construction: layer N keeps `heads_per_layer[N]`
heads and `intermediate_size_per_layer[N]` neurons. Either may be 0. The layer then adds only the bias of its output
projection. Each head of layer N has queries and keys of width `query_size_per_layer[N]` and values of width
`value_size_per_layer[N]`. Without these lists, all widths are those of the unpruned model. The scores keep the scale of
the unpruned model.

    AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)

The other classes below open the same folder with another head, to train it for another task. A head that reads only the
first position gets only that position from the last layer, unless hidden states or attentions are requested.
"""

import functools

import transformers
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.bert import modeling_bert

TRANSFORMERS_4 = transformers.__version__.startswith("4.")


class Empty(nn.Linear):
    """A linear layer without inputs or without outputs.

    Torch's initial values and its dynamic quantization, which replaces only `nn.Linear` itself, are for weights that are
    not empty.
    """

    def reset_parameters(self):
        pass


class NoHeads:
    """Attention without heads, with an output of width 0. The built-in code cannot reshape an empty tensor.

    This class and the next one precede the built-in attention in the bases of a class.
    """

    def forward(self, hidden_states, *_, **__):
        # The sum uses every parameter, because DistributedDataParallel requires a gradient for each of them.
        output = self.query(hidden_states) + self.key(hidden_states) + self.value(hidden_states)
        # In transformers 5, where this module has a `config`, only "eager" returns attention weights.
        if hasattr(self, "config") and self.config._attn_implementation != "eager":
            return output, None
        rows, length, _ = hidden_states.shape
        return output, hidden_states.new_empty(rows, 0, length, length)


def eager(module, query, key, value, attention_mask, scaling, dropout, head_mask=None, **_):
    """The attention function that returns its weights. Transformers 4 has none, and that of 5 does not know `head_mask`."""
    weights = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None:
        weights = weights + attention_mask
    weights = nn.functional.dropout(weights.softmax(-1), dropout, module.training)
    if head_mask is not None:
        weights = weights * head_mask
    return (weights @ value).transpose(1, 2), weights


def by_head(states, heads, size):
    """Separates the heads: `[rows, positions, heads * size]` to `[rows, heads, positions, size]`."""
    if size == 0:
        # A column of zeros changes nothing. ONNX cannot reshape an empty tensor.
        states, size = nn.functional.pad(states, (0, heads)), 1
    return states.view(*states.shape[:-1], heads, size).transpose(1, 2)


class NarrowHeads:
    """Attention with heads of any width. It can also compute queries for fewer positions than keys and values."""

    # The attention functions of transformers read this. Some take True as its default.
    is_causal = False

    def __init__(self, config, layer_idx, query_size, value_size):
        super().__init__(config, layer_idx=layer_idx)
        self.config = config
        self.query_size, self.value_size = query_size, value_size

    def implementation(self, head_mask=None, output_attentions=False, **_):
        # Transformers 4 falls back to eager attention for these. Transformers 5 then returns no weights.
        if TRANSFORMERS_4 and (head_mask is not None or output_attentions):
            return "eager"
        return self.config._attn_implementation

    def forward(self, hidden_states, attention_mask=None, encoder_hidden_states=None, cache=None, past_key_values=None, **kwargs):
        """With `encoder_hidden_states`, these have the positions of the keys and values. The caches are for decoders."""
        read = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query = self.query(hidden_states), self.key(read), self.value(read)
        return self.attend(*query, attention_mask, **kwargs)

    def attend(self, query, key, value, attention_mask, **kwargs):
        """Returns the context of each query, and the attention weights if the implementation computes them."""
        query, key = (by_head(states, self.num_attention_heads, self.query_size) for states in (query, key))
        value = by_head(value, self.num_attention_heads, self.value_size)
        name = self.implementation(**kwargs)
        if name != "eager":
            # Most kernels require equal widths. Columns of zeros change nothing.
            width = max(self.query_size, self.value_size)
            query, key, value = (nn.functional.pad(one, (0, width - one.shape[-1])) for one in (query, key, value))
        output, weights = ALL_ATTENTION_FUNCTIONS.get(name, eager)(
            self,
            query,
            key,
            value,
            attention_mask,
            dropout=self.dropout.p if self.training else 0.0,
            scaling=self.attention_head_size**-0.5,
            **kwargs,
        )
        return output[..., : self.value_size].flatten(2), weights


class BertHeads(NarrowHeads, modeling_bert.BertSelfAttention):
    pass


class NoBertHeads(NoHeads, modeling_bert.BertSelfAttention):
    pass


class FirstOnly:
    """A value of `output_attentions` that means: no attentions, and only the first position of the last layer.

    Both versions of transformers pass this argument unchanged from a model to each of its layers. An argument needs no
    state, so it also holds in other threads and when gradient checkpointing runs a layer again. A version that passes
    something else gets all positions.
    """

    def __bool__(self):
        return False


FIRST_ONLY = FirstOnly()


class FirstOnlyLayer:
    """A last layer that computes only the first position if it gets `FIRST_ONLY`. It precedes the built-in layer in the bases
    of a class."""

    def forward(self, hidden_states, attention_mask=None, *others, **kwargs):
        if kwargs.get("output_attentions") is not FIRST_ONLY:
            return super().forward(hidden_states, attention_mask, *others, **kwargs)
        kwargs["output_attentions"] = False
        # The others are the mask of heads and the states of an encoder.
        if kwargs.get("is_causal") or any(other is not None for other in others):
            return super().forward(hidden_states, attention_mask, *others, **kwargs)
        if attention_mask is not None:
            attention_mask = attention_mask[:, :, :1]
        output, *_ = self.attention(hidden_states[:, :1], attention_mask, encoder_hidden_states=hidden_states)
        output = self.feed_forward_chunk(output)
        return (output,) if TRANSFORMERS_4 else output


class BertLayer(FirstOnlyLayer, modeling_bert.BertLayer):
    """It has the name of the built-in class, because transformers and accelerate look for layers by that name."""


def first_only(forward, positional=7):
    """Makes the forward method of a built-in model request only the first position where it needs no other.

    Up to `positional` arguments are none of the flags if they are positional.
    """

    @functools.wraps(forward)
    def narrowed_forward(self, *args, **kwargs):
        def requested(name):
            return getattr(self.config, name, False) if kwargs.get(name) is None else kwargs[name]

        # The arguments up to the labels may be positional. Transformers 4 also allows this for the flags.
        flags = len(args) > positional or requested("output_attentions") or requested("output_hidden_states")
        # The other implementations have masks whose queries cannot be sliced.
        if not flags and self.config._attn_implementation in ("eager", "sdpa"):
            kwargs["output_attentions"] = FIRST_ONLY
        return forward(self, *args, **kwargs)

    return narrowed_forward


def narrowed(linear, inputs=None, outputs=None):
    """Returns a new layer with these sizes instead of those of `linear`."""
    inputs = linear.in_features if inputs is None else inputs
    outputs = linear.out_features if outputs is None else outputs
    bias = linear.bias is not None
    return nn.Linear(inputs, outputs, bias) if inputs and outputs else Empty(inputs, outputs, bias)


def sizes(config):
    """Returns the heads, neurons, width of queries and width of values of each layer."""
    layers = config.num_hidden_layers
    unpruned = [config.hidden_size // config.num_attention_heads] * layers
    lists = {
        "heads_per_layer": config.heads_per_layer,
        "intermediate_size_per_layer": config.intermediate_size_per_layer,
        "query_size_per_layer": getattr(config, "query_size_per_layer", None),
        "value_size_per_layer": getattr(config, "value_size_per_layer", None),
    }
    lists = {name: unpruned if values is None else values for name, values in lists.items()}
    for name, values in lists.items():
        if len(values) != layers:
            raise ValueError(f"{name} has {len(values)} entries for {layers} layers")
        for value in values:
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"{name} has the entry {value}, which is not a whole number from 0")
    result = list(zip(*lists.values()))
    for at, (heads, _, _, value_size) in enumerate(result):
        if heads and not value_size:
            raise ValueError(f"value_size_per_layer is 0 for layer {at}, which has {heads} heads")
    return result


class Narrow:
    """Makes the built-in class that follows it in the bases narrower. `NarrowBert` has the names that a family sets."""

    # Whether the head of the class reads only the first position of the last layer.
    reads_only_first = False

    def __init__(self, config, *args, **kwargs):
        if getattr(config, "is_decoder", False):
            raise ValueError("is_decoder must be false: a layer without heads has no keys and values to cache")
        if getattr(config, "position_embedding_type", "absolute") != "absolute":
            raise ValueError("position_embedding_type must be absolute: the other types need heads of the original width")
        of_layers = sizes(config)
        super().__init__(config, *args, **kwargs)
        layers = self.encoder_layers()
        if self.reads_only_first:
            layers[-1] = self.last_layer(len(layers) - 1)
        for layer, of_layer in zip(layers, of_layers):
            self.narrow(layer, *of_layer)
        self.post_init()

    def encoder_layers(self):
        return self.base_model.encoder.layer

    def last_layer(self, index):
        return self.layer_class(self.config, layer_idx=index)

    def narrow(self, layer, heads, neurons, query_size, value_size):
        """Reduces a layer to these numbers of heads and neurons, and its heads to these widths."""
        attention = layer.attention.self
        size = attention.attention_head_size
        if heads == 0:
            attention = self.no_heads_class(self.config, layer_idx=attention.layer_idx)
        elif (query_size, value_size) != (size, size) or isinstance(layer, FirstOnlyLayer):
            attention = self.heads_class(self.config, attention.layer_idx, query_size, value_size)
        layer.attention.self = attention
        width = heads * value_size
        attention.query = narrowed(attention.query, outputs=heads * query_size)
        attention.key = narrowed(attention.key, outputs=heads * query_size)
        attention.value = narrowed(attention.value, outputs=width)
        attention.num_attention_heads, attention.all_head_size = heads, width
        layer.attention.output.dense = narrowed(layer.attention.output.dense, inputs=width)
        layer.intermediate.dense = narrowed(layer.intermediate.dense, outputs=neurons)
        layer.output.dense = narrowed(layer.output.dense, inputs=neurons)

    @classmethod
    def _can_set_attn_implementation(cls):
        # Transformers searches the file of the class for an attention class, which is not in this file.
        return cls.built_in._can_set_attn_implementation()


class NarrowBert(Narrow):
    built_in, layer_class = transformers.BertModel, BertLayer
    heads_class, no_heads_class = BertHeads, NoBertHeads


class BertModel(NarrowBert, transformers.BertModel):
    pass


class BertForPreTraining(NarrowBert, transformers.BertForPreTraining):
    pass


class BertForMaskedLM(NarrowBert, transformers.BertForMaskedLM):
    pass


class BertForNextSentencePrediction(NarrowBert, transformers.BertForNextSentencePrediction):
    reads_only_first = True
    forward = first_only(transformers.BertForNextSentencePrediction.forward)


class BertForSequenceClassification(NarrowBert, transformers.BertForSequenceClassification):
    reads_only_first = True
    forward = first_only(transformers.BertForSequenceClassification.forward)


class BertForMultipleChoice(NarrowBert, transformers.BertForMultipleChoice):
    reads_only_first = True
    forward = first_only(transformers.BertForMultipleChoice.forward)


class BertForTokenClassification(NarrowBert, transformers.BertForTokenClassification):
    pass


class BertForQuestionAnswering(NarrowBert, transformers.BertForQuestionAnswering):
    pass


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
BertModel.register_for_auto_class("AutoModel")
BertForPreTraining.register_for_auto_class("AutoModelForPreTraining")
BertForMaskedLM.register_for_auto_class("AutoModelForMaskedLM")
BertForNextSentencePrediction.register_for_auto_class("AutoModelForNextSentencePrediction")
BertForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
BertForMultipleChoice.register_for_auto_class("AutoModelForMultipleChoice")
BertForTokenClassification.register_for_auto_class("AutoModelForTokenClassification")
BertForQuestionAnswering.register_for_auto_class("AutoModelForQuestionAnswering")
