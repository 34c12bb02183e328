"""BERT for sequence classification whose layers differ in heads and neurons.

The graph and the tensor names are those of `BertForSequenceClassification` (Devlin et al. 2019); only
the widths vary: layer N keeps `heads_per_layer[N]` heads of `head_dim` each and
`intermediate_size_per_layer[N]` neurons. Either may be 0; the layer then adds the bias of its output
projection alone. Works with transformers 4 and 5:

    AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
"""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel
from transformers.activations import ACT2FN
from transformers.modeling_outputs import SequenceClassifierOutput


class OptinBertConfig(PretrainedConfig):
    model_type = "optin_bert"
    defaults = dict(
        vocab_size=30522, max_position_embeddings=512, type_vocab_size=2, pad_token_id=0,
        hidden_act="gelu", layer_norm_eps=1e-12, initializer_range=0.02,
        hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
    )  # fmt: skip

    def __init__(self, hidden_size=768, head_dim=64, heads_per_layer=(12,), intermediate_size_per_layer=(3072,), **others):
        self.hidden_size = hidden_size
        self.head_dim = head_dim
        self.heads_per_layer = list(heads_per_layer)
        self.intermediate_size_per_layer = list(intermediate_size_per_layer)
        self.num_hidden_layers = others.pop("num_hidden_layers", len(self.heads_per_layer))
        for name in ("heads_per_layer", "intermediate_size_per_layer"):
            if len(getattr(self, name)) != self.num_hidden_layers:
                raise ValueError(f"{name} has {len(getattr(self, name))} entries for {self.num_hidden_layers} layers")
        super().__init__(**{**self.defaults, **others})


class Linear(nn.Linear):
    """`nn.Linear` that leaves an empty weight alone: the initialisers of torch warn about it."""

    def reset_parameters(self):
        if self.weight.numel():
            super().reset_parameters()


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids, token_type_ids):
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        segments = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        summed = self.word_embeddings(input_ids) + self.token_type_embeddings(segments)
        return self.dropout(self.LayerNorm(summed + self.position_embeddings(positions)))


class Output(nn.Module):
    """Projects what a block computed back to the hidden size and adds it to what the block read."""

    def __init__(self, config, width):
        super().__init__()
        self.dense = Linear(width, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, computed, hidden):
        return self.LayerNorm(self.dropout(self.dense(computed)) + hidden)


class SelfAttention(nn.Module):
    def __init__(self, config, heads):
        super().__init__()
        self.heads, self.head_dim = heads, config.head_dim
        self.dropout_prob = config.attention_probs_dropout_prob
        self.query, self.key, self.value = (Linear(config.hidden_size, heads * config.head_dim) for _ in range(3))

    def forward(self, hidden, mask):
        rows, length, _ = hidden.shape
        if self.heads == 0:
            return hidden.new_empty(rows, length, 0)
        split = (rows, length, self.heads, self.head_dim)
        query, key, value = (part(hidden).view(split).transpose(1, 2) for part in (self.query, self.key, self.value))
        dropout = self.dropout_prob if self.training else 0.0
        context = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
        return context.transpose(1, 2).flatten(2)


class Layer(nn.Module):
    def __init__(self, config, heads, neurons):
        super().__init__()
        output = Output(config, heads * config.head_dim)
        self.attention = nn.ModuleDict({"self": SelfAttention(config, heads), "output": output})
        self.intermediate = nn.ModuleDict({"dense": Linear(config.hidden_size, neurons)})
        self.output = Output(config, neurons)
        self.activation = ACT2FN[config.hidden_act]

    def forward(self, hidden, mask):
        hidden = self.attention["output"](self.attention["self"](hidden, mask), hidden)
        return self.output(self.activation(self.intermediate["dense"](hidden)), hidden)


class Bert(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embeddings = Embeddings(config)
        widths = zip(config.heads_per_layer, config.intermediate_size_per_layer)
        layers = nn.ModuleList(Layer(config, heads, neurons) for heads, neurons in widths)
        self.encoder = nn.ModuleDict({"layer": layers})
        self.pooler = nn.ModuleDict({"dense": Linear(config.hidden_size, config.hidden_size)})

    def forward(self, input_ids, attention_mask, token_type_ids):
        """The hidden states before and after each layer, and the pooled first token."""
        mask = None if attention_mask is None else attention_mask[:, None, None, :].bool()
        states = [self.embeddings(input_ids, token_type_ids)]
        for layer in self.encoder["layer"]:
            states.append(layer(states[-1], mask))
        return tuple(states), torch.tanh(self.pooler["dense"](states[-1][:, 0]))


class OptinBertForSequenceClassification(PreTrainedModel):
    config_class = OptinBertConfig
    base_model_prefix = "bert"
    _supports_sdpa = True

    def __init__(self, config):
        super().__init__(config)
        self.bert = Bert(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self, input_ids, attention_mask=None, token_type_ids=None, labels=None, output_hidden_states=None, return_dict=None
    ):
        states, pooled = self.bert(input_ids, attention_mask, token_type_ids)
        logits = self.classifier(self.dropout(pooled))
        loss = None
        if labels is not None and self.config.num_labels == 1:
            loss = F.mse_loss(logits.squeeze(-1), labels.to(logits.dtype))
        elif labels is not None:
            loss = F.cross_entropy(logits, labels)
        wants_states = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        output = SequenceClassifierOutput(loss=loss, logits=logits, hidden_states=states if wants_states else None)
        return output.to_tuple() if return_dict is False else output
