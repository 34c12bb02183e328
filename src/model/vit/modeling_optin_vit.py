"""Vision transformer whose layers differ in heads, in widths of the heads, in neurons, and in positions.

The built-in classes of transformers (4.57 or 5), made narrower after construction: layer N keeps `heads_per_layer[N]`
heads and `intermediate_size_per_layer[N]` neurons. Either may be 0. The layer then adds only the bias of its output
projection. Each head of layer N has queries and keys of width `query_size_per_layer[N]` and values of width
`value_size_per_layer[N]`. The scores keep the scale of the unpruned model. After its attention, layer N merges
`merged_tokens_per_layer[N]` pairs of similar patches (Bolya et al. 2023).

    AutoModelForImageClassification.from_pretrained(folder, trust_remote_code=True)

A classifier gets only the special tokens from the last layer, unless hidden states or attentions are requested.
"""

import functools

import torch
import transformers
from torch import nn
from transformers.modeling_outputs import ImageClassifierOutput
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.vit import modeling_vit
from transformers.utils.generic import can_return_tuple

TRANSFORMERS_4 = transformers.__version__.startswith("4.")


class Empty(nn.Linear):
    """A linear layer without inputs or without outputs.

    Torch's initial values and its dynamic quantization, which replaces only `nn.Linear` itself, are for weights that are
    not empty.
    """

    def reset_parameters(self):
        pass


def eager(module, query, key, value, attention_mask, scaling, dropout, bias=None, **_):
    """The attention function that returns its weights. Transformers 4 multiplies them by a mask of heads."""
    weights = query @ key.transpose(2, 3) * scaling
    if bias is not None:
        weights = weights + bias
    if attention_mask is not None and not TRANSFORMERS_4:
        weights = weights + attention_mask
    weights = nn.functional.dropout(weights.softmax(-1), dropout, module.training)
    if attention_mask is not None and TRANSFORMERS_4:
        weights = weights * attention_mask
    return (weights @ value).transpose(1, 2), weights


def merge(hidden_states, sizes, pairs, leading):
    """Replaces the `pairs` most similar pairs of positions after the leading ones by their means, weighted by `sizes`: the
    number of patches that each position stands for. Returns the positions and their sizes."""
    first, second = hidden_states[:, leading::2], hidden_states[:, leading + 1 :: 2]
    first_sizes, second_sizes = sizes[:, leading::2], sizes[:, leading + 1 :: 2]
    pairs = min(pairs, second.shape[1])
    unit = [one / (one.norm(dim=-1, keepdim=True) + 1e-6) for one in (first, second)]
    similarity, partners = (unit[0] @ unit[1].transpose(1, 2)).max(-1)
    order = similarity.argsort(dim=-1, descending=True, stable=True)
    merged, kept = order[:, :pairs], order[:, pairs:].sort(-1).values
    targets = partners.gather(1, merged)

    def along(index):
        return index[..., None].expand(-1, -1, hidden_states.shape[-1])

    weighed = (first * first_sizes[..., None]).gather(1, along(merged))
    sums = (second * second_sizes[..., None]).scatter_add(1, along(targets), weighed)
    second_sizes = second_sizes.scatter_add(1, targets, first_sizes.gather(1, merged))
    positions = hidden_states[:, :leading], first.gather(1, along(kept)), sums / second_sizes[..., None]
    return torch.cat(positions, 1), torch.cat((sizes[:, :leading], first_sizes.gather(1, kept), second_sizes), 1)


class NarrowAttention:
    """Attention with any number of heads of any width. It can also compute queries for fewer positions than keys."""

    def narrow(self, heads, query_size, value_size):
        self.num_attention_heads = heads
        self.query_size, self.value_size = query_size, value_size
        for name, size in zip(PROJECTIONS, (query_size, query_size, value_size)):
            setattr(self, name, narrowed(getattr(self, name), outputs=heads * size))

    def forward(self, hidden_states, mask=None, leading=None, sizes=None, **kwargs):
        """`mask` is that of transformers: a mask of heads in version 4, of positions in version 5. A position counts as
        often as the number of patches that it stands for."""
        if sizes is not None:
            kwargs["bias"] = sizes.log()[:, None, None]
        if "attention_mask" in kwargs:
            mask = kwargs.pop("attention_mask")
        query, key, value = (getattr(self, name) for name in PROJECTIONS)
        query, key, value = query(hidden_states[:, :leading]), key(hidden_states), value(hidden_states)
        rows, positions, _ = query.shape
        if self.num_attention_heads == 0:
            # The sum uses every parameter, because DistributedDataParallel requires a gradient for each of them.
            context = query + key[:, :positions] + value[:, :positions]
            weights = query.new_empty(rows, 0, positions, key.shape[1])
        else:
            context, weights = self.attend(query, key, value, mask, **kwargs)
        return (context, weights) if TRANSFORMERS_4 else (self.o_proj(context), weights)

    def attend(self, query, key, value, mask, **kwargs):
        def heads(projected, size):
            if size == 0:
                # A column of zeros changes nothing. ONNX cannot reshape an empty tensor.
                projected, size = nn.functional.pad(projected, (0, self.num_attention_heads)), 1
            return projected.view(*projected.shape[:2], self.num_attention_heads, size).transpose(1, 2)

        query, key, value = heads(query, self.query_size), heads(key, self.query_size), heads(value, self.value_size)
        name = self.config._attn_implementation
        if name != "eager":
            mask = kwargs.pop("bias", mask)
            # Most kernels require equal widths. Columns of zeros change nothing.
            width = max(self.query_size, self.value_size)
            query, key, value = (nn.functional.pad(one, (0, width - one.shape[-1])) for one in (query, key, value))
        rate = self.dropout_prob if TRANSFORMERS_4 else self.attention_dropout
        context, weights = ALL_ATTENTION_FUNCTIONS.get(name, eager)(
            self, query, key, value, mask, dropout=rate if self.training else 0.0, scaling=self.scaling, **kwargs
        )
        return context[..., : self.value_size].flatten(2), weights


class NarrowLayer:
    """A layer that merges positions, or computes only the first `leading` positions, on request."""

    def forward(self, hidden_states, *args, pairs=None, leading=None, special=0, sizes=None, **kwargs):
        """With `pairs`, returns the hidden states, the sizes of the positions, and the weights of the attention."""
        if pairs is None:
            return super().forward(hidden_states, *args, **kwargs)
        read, residual = self.layernorm_before(hidden_states), hidden_states[:, :leading]
        if TRANSFORMERS_4:
            context, weights = self.attention.attention(read, leading=leading, sizes=sizes)
            hidden_states = self.attention.output(context, residual) + residual
        else:
            attended, weights = self.attention(read, leading=leading, sizes=sizes)
            hidden_states = self.dropout(attended) + residual
        if pairs:
            sizes = hidden_states.new_ones(hidden_states.shape[:2]) if sizes is None else sizes
            hidden_states, sizes = merge(hidden_states, sizes, pairs, special)
        normed = self.layernorm_after(hidden_states)
        if TRANSFORMERS_4:
            hidden_states = self.output(self.intermediate(normed), hidden_states)
        else:
            hidden_states = self.dropout(self.mlp(normed)) + hidden_states
        return hidden_states, sizes, weights


def narrowed(linear, inputs=None, outputs=None):
    """Returns a new layer with these sizes instead of those of `linear`."""
    inputs = linear.in_features if inputs is None else inputs
    outputs = linear.out_features if outputs is None else outputs
    bias = linear.bias is not None
    return nn.Linear(inputs, outputs, bias) if inputs and outputs else Empty(inputs, outputs, bias)


def narrow(layer, attention, heads, neurons, query_size, value_size):
    """Replaces the attention of a layer, and reduces the layer to these sizes."""
    attention.narrow(heads, query_size, value_size)
    if TRANSFORMERS_4:
        layer.attention.attention = attention
        layer.attention.output.dense = narrowed(layer.attention.output.dense, inputs=heads * value_size)
        layer.intermediate.dense = narrowed(layer.intermediate.dense, outputs=neurons)
        layer.output.dense = narrowed(layer.output.dense, inputs=neurons)
    else:
        attention.o_proj = narrowed(attention.o_proj, inputs=heads * value_size)
        layer.attention = attention
        layer.mlp.fc1 = narrowed(layer.mlp.fc1, outputs=neurons)
        layer.mlp.fc2 = narrowed(layer.mlp.fc2, inputs=neurons)


def sizes(config):
    """Returns the heads, neurons, width of queries and width of values of each layer."""
    names = ("heads_per_layer", "intermediate_size_per_layer", "query_size_per_layer", "value_size_per_layer")
    lists = {name: getattr(config, name) for name in names}
    for name, values in lists.items():
        if len(values) != config.num_hidden_layers:
            raise ValueError(f"{name} has {len(values)} entries for {config.num_hidden_layers} layers")
        for value in values:
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"{name} has the entry {value}, which is not a whole number from 0")
    result = list(zip(*lists.values()))
    for at, (heads, _, _, value_size) in enumerate(result):
        if heads and not value_size:
            raise ValueError(f"value_size_per_layer is 0 for layer {at}, which has {heads} heads")
    return result


def layers_of(body):
    return body.encoder.layer if TRANSFORMERS_4 else body.layers


def merged(config):
    """Returns the number of pairs that each layer merges."""
    return getattr(config, "merged_tokens_per_layer", None) or [0] * config.num_hidden_layers


def shortened(forward):
    """Makes the forward method of a built-in classifier merge positions, and compute only the special tokens in the last
    layer where no other position is requested."""

    @functools.wraps(forward)
    @can_return_tuple
    def shortened_forward(self, pixel_values=None, *args, labels=None, interpolate_pos_encoding=None, **kwargs):
        def requested(name):
            return getattr(self.config, name, False) if kwargs.get(name) is None else kwargs[name]

        states, attentions = requested("output_hidden_states"), requested("output_attentions")
        # The other implementations have masks whose queries cannot be sliced.
        built_in = args or pixel_values is None or self.config._attn_implementation not in ("eager", "sdpa")
        built_in = built_in or any(kwargs.get(name) is not None for name in ("head_mask", "attention_mask"))
        if any(merged(self.config)):
            if built_in:
                raise ValueError("a model that merges tokens takes pixel values without masks, with eager or sdpa attention")
        elif built_in or states or attentions:
            if labels is not None:
                kwargs["labels"] = labels
            return forward(self, pixel_values, *args, interpolate_pos_encoding=interpolate_pos_encoding, **kwargs)
        body = self.base_model
        pixel_values = pixel_values.to(body.embeddings.patch_embeddings.projection.weight.dtype)
        hidden_states = body.embeddings(pixel_values, interpolate_pos_encoding=bool(interpolate_pos_encoding))
        of_layers, weights, sizes = [hidden_states], [], None
        special = hidden_states.shape[1] - body.embeddings.patch_embeddings.num_patches
        for layer, pairs in zip(layers_of(body), merged(self.config)):
            leading = self.leading if layer is layers_of(body)[-1] and not states and not attentions else None
            hidden_states, sizes, own = layer(
                hidden_states, pairs=pairs, leading=leading, special=special, sizes=sizes
            )
            of_layers.append(hidden_states)
            weights.append(own)
        for name in ("output_hidden_states", "output_attentions"):
            kwargs.pop(name, None)
        output = self.answer(body.layernorm(hidden_states), labels, **kwargs)
        if states:
            output.hidden_states = tuple(of_layers)
        if attentions:
            output.attentions = tuple(weights)
        return output

    return shortened_forward


class Narrow:
    """Makes the built-in class that follows it in the bases narrower."""

    # The classes of the attention and of the layers.
    attention_class = layer_class = None
    # Number of positions of the last layer that the head of the class reads. 0 stands for all.
    leading = 0

    def __init__(self, config, *args, **kwargs):
        of_layers = sizes(config)
        if len(merged(config)) != config.num_hidden_layers:
            raise ValueError(f"merged_tokens_per_layer has {len(merged(config))} entries for {config.num_hidden_layers} layers")
        if any(merged(config)) and not self.leading:
            raise ValueError("a model that merges tokens opens only with its classifier")
        super().__init__(config, *args, **kwargs)
        layers = layers_of(self.base_model)
        for at, of_layer in enumerate(of_layers):
            if self.leading:
                layers[at] = self.layer_class(config)
            narrow(layers[at], self.attention_class(config), *of_layer)
        self.post_init()


class OneClassifier:
    """The head of a class with one classifier, which reads the first position."""

    leading = 1

    def answer(self, hidden_states, labels, **kwargs):
        logits = self.classifier(hidden_states[:, 0])
        loss = None if labels is None else self.loss_function(labels, logits, self.config, **kwargs)
        return ImageClassifierOutput(loss=loss, logits=logits)


BUILT_IN = modeling_vit.ViTSelfAttention if TRANSFORMERS_4 else modeling_vit.ViTAttention
PROJECTIONS = ("query", "key", "value") if TRANSFORMERS_4 else ("q_proj", "k_proj", "v_proj")


class NarrowViTAttention(NarrowAttention, BUILT_IN):
    pass


class ViTLayer(NarrowLayer, modeling_vit.ViTLayer):
    """It has the name of the built-in class, because transformers and accelerate look for layers by that name."""


class NarrowViT(Narrow):
    attention_class, layer_class = NarrowViTAttention, ViTLayer

    @classmethod
    def _can_set_attn_implementation(cls):
        # Transformers searches the file of the class for an attention class, which is not in this file.
        return transformers.ViTModel._can_set_attn_implementation()


class ViTModel(NarrowViT, transformers.ViTModel):
    pass


class ViTForImageClassification(OneClassifier, NarrowViT, transformers.ViTForImageClassification):
    forward = shortened(transformers.ViTForImageClassification.forward)


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
ViTModel.register_for_auto_class("AutoModel")
ViTForImageClassification.register_for_auto_class("AutoModelForImageClassification")
