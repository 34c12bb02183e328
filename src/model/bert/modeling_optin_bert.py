"""BERT whose layers differ in heads and neurons.

The built-in classes of transformers (4.57 or 5), made narrower after construction: layer N keeps `heads_per_layer[N]`
heads and `intermediate_size_per_layer[N]` neurons. Either may be 0. The layer then adds only the bias of its output
projection. All other code is that of transformers.

    AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)

The other classes below open the same folder with another head, to train it for another task.
"""

import transformers
from torch import nn
from transformers.models.bert import modeling_bert


class Empty(nn.Linear):
    """A linear layer without inputs or without outputs.

    Torch's initial values and its dynamic quantization, which replaces only `nn.Linear` itself, are for weights that are
    not empty.
    """

    def reset_parameters(self):
        pass


class NoHeads(modeling_bert.BertSelfAttention):
    """Attention without heads, with an output of width 0. The built-in code cannot reshape an empty tensor."""

    def forward(self, hidden_states, *_, **__):
        # The sum uses every parameter, because DistributedDataParallel requires a gradient for each of them.
        output = self.query(hidden_states) + self.key(hidden_states) + self.value(hidden_states)
        # In transformers 5, where this module has a `config`, only "eager" returns attention weights.
        if hasattr(self, "config") and self.config._attn_implementation != "eager":
            return output, None
        rows, length, _ = hidden_states.shape
        return output, hidden_states.new_empty(rows, 0, length, length)


def narrowed(linear, inputs=None, outputs=None):
    """Returns a new layer with these sizes instead of those of `linear`."""
    inputs = linear.in_features if inputs is None else inputs
    outputs = linear.out_features if outputs is None else outputs
    return nn.Linear(inputs, outputs) if inputs and outputs else Empty(inputs, outputs)


def narrow(layer, config, heads, neurons):
    """Reduces a `BertLayer` to these numbers of heads and neurons."""
    attention = layer.attention.self
    if heads == 0:
        attention = layer.attention.self = NoHeads(config, layer_idx=attention.layer_idx)
    width = heads * attention.attention_head_size
    for name in ("query", "key", "value"):
        setattr(attention, name, narrowed(getattr(attention, name), outputs=width))
    attention.num_attention_heads, attention.all_head_size = heads, width
    layer.attention.output.dense = narrowed(layer.attention.output.dense, inputs=width)
    layer.intermediate.dense = narrowed(layer.intermediate.dense, outputs=neurons)
    layer.output.dense = narrowed(layer.output.dense, inputs=neurons)


class Narrow:
    """Makes the built-in class that follows it in the bases narrower."""

    def __init__(self, config, *args, **kwargs):
        if config.is_decoder:
            raise ValueError("is_decoder must be false: a layer without heads has no keys and values to cache")
        super().__init__(config, *args, **kwargs)
        layers = self.base_model.encoder.layer
        for name in ("heads_per_layer", "intermediate_size_per_layer"):
            if len(getattr(config, name)) != len(layers):
                raise ValueError(f"{name} has {len(getattr(config, name))} entries for {len(layers)} layers")
        for layer, heads, neurons in zip(layers, config.heads_per_layer, config.intermediate_size_per_layer):
            narrow(layer, config, heads, neurons)
        self.post_init()

    @classmethod
    def _can_set_attn_implementation(cls):
        # Transformers searches the file of the class for an attention class, which is not in this file.
        return transformers.BertModel._can_set_attn_implementation()


class BertModel(Narrow, transformers.BertModel):
    pass


class BertForPreTraining(Narrow, transformers.BertForPreTraining):
    pass


class BertForMaskedLM(Narrow, transformers.BertForMaskedLM):
    pass


class BertForNextSentencePrediction(Narrow, transformers.BertForNextSentencePrediction):
    pass


class BertForSequenceClassification(Narrow, transformers.BertForSequenceClassification):
    pass


class BertForMultipleChoice(Narrow, transformers.BertForMultipleChoice):
    pass


class BertForTokenClassification(Narrow, transformers.BertForTokenClassification):
    pass


class BertForQuestionAnswering(Narrow, transformers.BertForQuestionAnswering):
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
