"""Pairs of folders: a pruned model, and the built-in class of transformers with all units, which must behave alike.

In the built-in model, the columns that multiply a removed head, value or neuron are zero, and so are the keys that
multiply a removed query. The removed units thus add nothing, and the outputs of both models must be equal. `random_pair`
prunes a random model in the way in which optin prunes one. `widened_pair` goes the other way: it adds units with zero
columns to a result of optin.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

MODELING = Path(__file__).resolve().parents[3] / "src/model/bert/modeling_optin_bert.py"

HEADS, HEAD_SIZE, NEURONS = 4, 6, 40
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the a cat dog sat ran on under mat table and not good bad very ##s ##ly , . ! ?".split()

# The classes of the modeling file by their auto class.
CLASSES = {
    "AutoModel": "BertModel",
    "AutoModelForPreTraining": "BertForPreTraining",
    "AutoModelForMaskedLM": "BertForMaskedLM",
    "AutoModelForNextSentencePrediction": "BertForNextSentencePrediction",
    "AutoModelForSequenceClassification": "BertForSequenceClassification",
    "AutoModelForMultipleChoice": "BertForMultipleChoice",
    "AutoModelForTokenClassification": "BertForTokenClassification",
    "AutoModelForQuestionAnswering": "BertForQuestionAnswering",
}
AUTO_MAP = {auto: f"{MODELING.stem}.{name}" for auto, name in CLASSES.items()}

NARROWED = re.compile(
    r"layer\.(\d+)\.(?:attention\.self\.(query|key|value)|(attention\.output)\.dense|(intermediate)\.dense|(output)\.dense)"
    r"(?:\.lora_[AB]\.default|\.base_layer)?\.(weight|bias)$"
)


class Fault(Exception):
    """A difference from the built-in class; the message describes it."""


def require(holds, fault):
    if not holds:
        raise Fault(fault)


@dataclass
class Kept:
    """The kept units of a layer, by their indices in the built-in model.

    `queries` and `values` have the kept dimensions of each kept head.
    """

    heads: list
    neurons: list
    queries: list
    values: list

    @classmethod
    def random(cls, heads, neurons, query_size=HEAD_SIZE, value_size=HEAD_SIZE):
        """Keeps other dimensions in each head."""

        def dimensions(size):
            return [sorted((head + 5 * at) % HEAD_SIZE for at in range(size)) for head in heads]

        return cls(heads, neurons, dimensions(query_size), dimensions(value_size))

    @property
    def sizes(self):
        """The widths of the queries and of the values. Those of a layer without heads do not matter."""
        return (len(self.queries[0]), len(self.values[0])) if self.heads else (0, 0)


# The layers of a random model. Two have no heads, and two have no neurons.
WHOLE_HEADS = (
    Kept.random([0, 2, 3], [1, 2, 3, 5, 8, 13, 21, 34, 39]),
    Kept.random([], list(range(NEURONS))),
    Kept.random([1], []),
    Kept.random([], []),
    Kept.random(list(range(HEADS)), [7]),
)
# Layers of another model, some with narrower heads.
NARROW_HEADS = (
    Kept.random([0, 1, 3], [3, 4, 30], 2, 5),
    Kept.random([0, 1, 2, 3], list(range(20)), 6, 1),
    Kept.random([1, 2], [], 0, 4),
    Kept.random([0, 3], [1, 2], 6, 6),
    Kept.random([], [5, 6], 3, 2),
    Kept.random([2], [0, 39], 1, 6),
    Kept.random([3], [17], 0, 1),
    Kept.random([0, 2, 3], list(range(1, NEURONS)), 4, 4),
)


@dataclass
class Pair:
    """A pruned folder and the folder of the built-in model that it must agree with."""

    name: str
    auto: str
    pruned: Path
    stock: Path
    kept: list
    head_size: int

    def open(self, side, auto=None, **options):
        """Opens the folder `pruned` or `stock` in float32 for inference."""
        trusted = {"trust_remote_code": True} if side == "pruned" else {}
        auto = getattr(transformers, auto or self.auto)
        opened = auto.from_pretrained(getattr(self, side), **({"dtype": torch.float32} | trusted | options))
        (opened[0] if isinstance(opened, tuple) else opened).eval()
        return opened

    def reopen(self, folder, auto=None):
        """Opens a folder that an opened pruned model was saved to."""
        auto = getattr(transformers, auto or self.auto)
        return auto.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32).eval()

    def both(self, auto=None, **options):
        """Opens both folders in the same way, the pruned one first."""
        return self.open("pruned", auto, **options), self.open("stock", auto, **options)

    @property
    def config(self):
        return json.loads((self.pruned / "config.json").read_text())

    def part(self, name):
        """Returns the narrowed dimension of a tensor and its kept indices, or None if pruning does not change it."""
        match = NARROWED.search(name)
        if not match:
            return None
        layer, inputs_of_heads, outputs_of_heads, intermediate, _, kind = match.groups()
        kept = self.kept[int(layer)]
        columns = inputs_of_heads is None and intermediate is None
        # A LoRA pair is a product: A has the inputs of the layer and B has its outputs.
        if (columns and (kind == "bias" or "lora_B" in name)) or (not columns and "lora_A" in name):
            return None
        indices = kept.neurons
        if inputs_of_heads or outputs_of_heads:
            dimensions = kept.queries if inputs_of_heads in ("query", "key") else kept.values
            indices = [head * self.head_size + at for head, of_head in zip(kept.heads, dimensions) for at in of_head]
        return (1 if columns else 0), torch.tensor(indices, dtype=torch.long)

    def cut(self, name, tensor):
        """Returns the part of a tensor of the built-in model that the pruned model keeps."""
        part = self.part(name)
        return tensor if part is None else tensor.index_select(*part)

    def agree(self, found, expected, what, tolerance=2e-5):
        """Requires equal outputs; those of attention heads are compared for the kept heads."""
        if isinstance(expected, dict):
            require(list(found) == list(expected), f"{what}: returns {list(found)}, expected {list(expected)}")
            for key in expected:
                self.agree(found[key], expected[key], f"{what}, {key}", tolerance)
        elif isinstance(expected, (tuple, list)):
            require(len(found) == len(expected), f"{what}: has {len(found)} entries, expected {len(expected)}")
            for at, (one, other) in enumerate(zip(found, expected)):
                if what.endswith("attentions"):
                    other = other[:, self.kept[at].heads]
                self.agree(one, other, f"{what} {at}", tolerance)
        else:
            agree(found, expected, what, tolerance)


def agree(found, expected, what, tolerance=2e-5):
    """Requires equal tensors. The tolerance is relative to the largest expected magnitude, at least 1."""
    require(found.shape == expected.shape, f"{what}: shape {tuple(found.shape)}, expected {tuple(expected.shape)}")
    require(found.dtype == expected.dtype, f"{what}: {found.dtype}, expected {expected.dtype}")
    if expected.numel():
        found, expected = found.detach().double(), expected.detach().double()
        error = (found - expected).abs().max() / expected.abs().max().clamp(min=1)
        # In this form the condition is also false for NaN.
        require(error.item() <= tolerance, f"{what}: differs by {error:.1e}")


def write_tokenizer(folder):
    """Writes the files of a small lower-case WordPiece tokenizer."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {word: at for at, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 24}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def random_weights(model, generator):
    """Gives each tensor values that differ from its defaults."""
    for name, tensor in model.state_dict().items():
        center, spread = (1.0, 0.2) if name.endswith("LayerNorm.weight") else (0.0, 0.25)
        tensor.copy_(center + spread * torch.randn(tensor.shape, generator=generator))


def clear_removed(pair, name, tensor):
    """Zeroes the columns and the keys that multiply removed units."""
    part = pair.part(name)
    if part is not None and (part[0] == 1 or ".key." in name):
        removed = torch.ones(tensor.shape[part[0]], dtype=torch.bool)
        removed[part[1]] = False
        tensor[(slice(None),) * part[0] + (removed,)] = 0


@torch.no_grad()
def random_pair(folder, auto, modeling=MODELING, labels=3, kept=NARROW_HEADS):
    """Writes a random built-in model, and its pruned form as optin writes it."""
    name = CLASSES[auto]
    whole = all(layer.sizes in ((0, 0), (HEAD_SIZE, HEAD_SIZE)) for layer in kept)
    title = f"{name} ({labels} labels{', whole heads' if whole else ''})"
    pair = Pair(title, auto, folder / "pruned", folder / "stock", list(kept), HEAD_SIZE)
    pair.pruned.mkdir(parents=True)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=HEADS * HEAD_SIZE, num_hidden_layers=len(kept), num_attention_heads=HEADS,
        intermediate_size=NEURONS, max_position_embeddings=24, num_labels=labels, pad_token_id=0,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model = getattr(transformers, name)(config)
    random_weights(model, torch.Generator().manual_seed(7))
    for key, tensor in model.state_dict().items():
        clear_removed(pair, key, tensor)
    model.save_pretrained(pair.stock)
    tensors = {key: pair.cut(key, tensor).contiguous() for key, tensor in load_file(pair.stock / "model.safetensors").items()}
    save_file(tensors, pair.pruned / "model.safetensors", {"format": "pt"})
    written = {
        "architectures": [name],
        "auto_map": AUTO_MAP,
        "heads_per_layer": [len(layer.heads) for layer in kept],
        "intermediate_size_per_layer": [len(layer.neurons) for layer in kept],
    }
    if not whole:
        written["query_size_per_layer"], written["value_size_per_layer"] = map(list, zip(*(layer.sizes for layer in kept)))
    (pair.pruned / "config.json").write_text(json.dumps(json.loads((pair.stock / "config.json").read_text()) | written))
    shutil.copyfile(modeling, pair.pruned / MODELING.name)
    write_tokenizer(pair.pruned)
    write_tokenizer(pair.stock)
    return pair


def auto_class(result):
    """Returns the auto class of a result of optin. None if its class is not in the modeling file."""
    architectures = json.loads((result / "config.json").read_text())["architectures"]
    return next((auto for auto, name in CLASSES.items() if [name] == architectures), None)


def widened_pair(folder, result, modeling=None):
    """Writes the built-in model that a result of optin must agree with, and a copy of the result without dropout."""
    config, auto = json.loads((result / "config.json").read_text()), auto_class(result)
    hidden, heads, neurons = (config[key] for key in ("hidden_size", "num_attention_heads", "intermediate_size"))
    head_size = hidden // heads
    counts = [config.pop("heads_per_layer"), config.pop("intermediate_size_per_layer")]
    counts += [config.pop(f"{kind}_size_per_layer", [head_size] * len(counts[0])) for kind in ("query", "value")]
    kept = [
        Kept(list(range(of_heads)), list(range(of_neurons)), [list(range(queries))] * of_heads, [list(range(values))] * of_heads)
        for of_heads, of_neurons, queries, values in zip(*counts)
    ]
    pair = Pair(result.name, auto, folder / "pruned", folder / "stock", kept, head_size)
    pair.stock.mkdir(parents=True)
    shutil.copytree(result, pair.pruned)
    no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": None}
    (pair.pruned / "config.json").write_text(json.dumps(pair.config | no_dropout))
    if modeling is not None:
        shutil.copyfile(modeling, pair.pruned / MODELING.name)
    del config["auto_map"]
    (pair.stock / "config.json").write_text(json.dumps(config | no_dropout))
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(result / file, pair.stock / file)
    generator = torch.Generator().manual_seed(7)
    tensors = load_file(result / "model.safetensors")
    for name, tensor in tensors.items():
        part = pair.part(name)
        if part is not None:
            shape = list(tensor.shape)
            shape[part[0]] = hidden if "attention" in name else neurons
            wide = (0.1 * torch.randn(shape, generator=generator)).to(tensor.dtype)
            tensors[name] = wide.index_copy(*part, tensor)
            clear_removed(pair, name, tensors[name])
    save_file(tensors, pair.stock / "model.safetensors", {"format": "pt"})
    return pair
