"""Tiny text encoders that are built on BERT's graph, and what Hugging Face transformers computes with them.

    pip install -r requirements.txt && python make_goldens.py [--check]

Writes one folder a case beside this file: `config.json` and `model.safetensors` as a user has them, and
`golden.safetensors` with three rows, each run alone and unpadded: `row.N.input_ids`, `row.N.token_type_ids` if the model
reads segments (int64 `[1, length]`), `row.N.hidden.K` before (K = 0) and after each layer (float32 `[1, length, hidden]`),
`row.N.logits`. A case whose name begins with `pruned` has uneven layers, one of them without heads, another without
neurons. It is run as the whole model whose missing units are zero, by transformers' own class, and the modeling file that
every pruned folder carries must agree with it, alone and in a padded batch. `--check` writes nothing and checks only that,
for example in an environment with transformers 4. Seeded: the same bytes each time.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent
MODELS = HERE.parents[2] / "src/model"
HEADS, HEAD_SIZE, LAYERS, NEURONS = 4, 6, 3, 40
HIDDEN = HEADS * HEAD_SIZE
SEQUENCES, TOKENS, QUESTIONS, BODY = "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "Model"

# Sizes of the layers of a pruned model: heads of the original, neurons, and the widths of queries and values of a head.
KEPT = (([0, 2, 3], 17, 4, 5), ([], 40, 6, 6), ([3], 0, 0, 2))

SIZES = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": NEURONS}
# Names of a layer's maps to queries, keys and values, of the output of the heads, and of both maps of the neurons.
OF_BERT = [f"attention.self.{part}" for part in ("query", "key", "value")]
OF_BERT += ["attention.output.dense", "intermediate.dense", "output.dense"]


class Family:
    def __init__(self, prefix, config, folder, modeling, lengths=(5, 24, 11), padding=None, names=OF_BERT, list="encoder.layer", **sizes):
        self.prefix, self.folder, self.modeling, self.lengths, self.padding = prefix, folder, modeling, lengths, padding
        self.config, self.names, self.list = config, names, list
        self.sizes = {"vocab_size": 60, "max_position_embeddings": max(lengths) + (0 if padding is None else padding + 1)} | SIZES | sizes

    def configured(self, head, **others):
        """Returns the content of `config.json`."""
        name = self.prefix + head
        return self.config(**self.sizes, **others).to_diff_dict() | {"architectures": [name], "dtype": "float32"}

    def stock(self, config):
        return getattr(transformers, config["architectures"][0])(self.config.from_dict(config))

    def part(self, name):
        """Returns the layer and the index of the map in `names` of a tensor, or None."""
        for at, part in enumerate(self.names):
            for layer in range(LAYERS):
                if f"{self.list}.{layer}.{part}." in name:
                    return layer, at
        return None

    def kept(self, name):
        """Returns the dimension that pruning changes in a tensor, and the kept indices, or None."""
        part = self.part(name)
        if part is None or (name.endswith(".bias") and part[1] in (3, 5)):
            return None
        layer, at = part
        heads, neurons, query_size, value_size = KEPT[layer]
        size = query_size if at < 2 else value_size
        indices = list(range(neurons)) if at > 3 else [head * HEAD_SIZE + one for head in heads for one in range(size)]
        return (1 if at in (3, 5) else 0), torch.tensor(indices, dtype=torch.long)


ROBERTA = {"padding": 1, "pad_token_id": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
FAMILIES = {
    "roberta": Family("Roberta", transformers.RobertaConfig, "roberta", "modeling_optin_roberta", **ROBERTA),
    "xlm_roberta": Family("XLMRoberta", transformers.XLMRobertaConfig, "roberta", "modeling_optin_xlm_roberta", **ROBERTA | {"type_vocab_size": 2}),
    "camembert": Family("Camembert", transformers.CamembertConfig, "roberta", "modeling_optin_camembert", **ROBERTA),
    "distilbert": Family(
        "DistilBert", transformers.DistilBertConfig, "distilbert", "modeling_optin_distilbert", list="transformer.layer",
        names=["attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "ffn.lin1", "ffn.lin2"],
        hidden_dim=NEURONS,
    ),
    "electra": Family("Electra", transformers.ElectraConfig, "electra", "modeling_optin_electra", embedding_size=16),
    "electra_as_wide": Family("Electra", transformers.ElectraConfig, "electra", "modeling_optin_electra", embedding_size=HIDDEN),
    # Beyond distance 128, all positions have the same number.
    "mpnet": Family(
        "MPNet", transformers.MPNetConfig, "mpnet", "modeling_optin_mpnet", lengths=(5, 150, 40), padding=1, pad_token_id=3,
        names=[f"attention.attn.{part}" for part in "qkvo"] + ["intermediate.dense", "output.dense"],
    ),
}  # fmt: skip
FAMILIES["distilbert"].sizes.pop("intermediate_size")

LABELS = ["one", "two", "three"]
NAMED = {"id2label": dict(enumerate(LABELS)), "label2id": {name: at for at, name in enumerate(LABELS)}}
CASES = {family: (family, SEQUENCES, NAMED) for family in FAMILIES}
CASES |= {f"{family}_tokens": (family, TOKENS, NAMED) for family in ("roberta", "distilbert", "electra", "mpnet")}
CASES |= {f"pruned_{family}": (family, SEQUENCES, NAMED) for family in FAMILIES if family != "electra_as_wide"}
CASES["pruned_distilbert_tokens"] = ("distilbert", TOKENS, NAMED)
CASES["pruned_mpnet_tokens"] = ("mpnet", TOKENS, NAMED)
# Another activation of the neurons leaves that of the head as it is.
CASES["roberta_regression"] = ("roberta", SEQUENCES, {"num_labels": 1, "problem_type": "regression", "hidden_act": "relu"})
# The seed of a case is its place in the list, so later ones follow.
FAMILIES["bert"] = Family("Bert", transformers.BertConfig, "bert", "modeling_optin_bert")
for family in ("bert", "roberta", "xlm_roberta", "camembert", "distilbert", "electra", "mpnet"):
    CASES |= {f"{family}_questions": (family, QUESTIONS, {}), f"pruned_{family}_questions": (family, QUESTIONS, {})}
for family in ("bert", "roberta", "distilbert", "electra", "mpnet"):
    CASES |= {f"{family}_body": (family, BODY, {}), f"pruned_{family}_body": (family, BODY, {})}


def random_weights(model, generator):
    """Every tensor differs from its default: a reader that drops a bias or a norm must show."""
    weights = {}
    for name, tensor in model.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        centre, spread = (1.0, 0.2) if "norm.weight" in name.lower() else (0.0, 0.25)
        weights[name] = centre + spread * noise
    return weights


def row(family, length, generator):
    """Ids of one text, and segments if the model reads them. One id inside of the text is that of the padding."""
    input_ids = torch.randint(4, family.sizes["vocab_size"], (1, length), generator=generator)
    if length > 10:
        input_ids[0, 7] = 1
    given = {"input_ids": input_ids}
    if hasattr(family.config(), "type_vocab_size"):
        segments = family.sizes.get("type_vocab_size", 2)
        given["token_type_ids"] = (torch.arange(length) >= length // 2 + 1).long().unsqueeze(0) % segments
    return given


def logits(output):
    """Returns the logits. Those of the start and the end of an answer are two at each position. Those of a body are its vectors."""
    if hasattr(output, "last_hidden_state"):
        return output.last_hidden_state.clone()
    return output.logits if hasattr(output, "logits") else torch.stack((output.start_logits, output.end_logits), -1)


@torch.no_grad()
def golden(model, rows):
    tensors = {}
    for at, given in enumerate(rows):
        output = model(**given, output_hidden_states=True)
        tensors |= {f"row.{at}.{name}": ids for name, ids in given.items()}
        tensors |= {f"row.{at}.hidden.{depth}": state.contiguous() for depth, state in enumerate(output.hidden_states)}
        tensors[f"row.{at}.logits"] = logits(output)
    return tensors


@torch.no_grad()
def check_modeling(family, config, weights, rows, promised):
    """Requires that the folder of a pruned model opens, and gives the same logits in both ways of computing the last layer, in
    a padded batch, and with each implementation of attention."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "config.json").write_text(json.dumps(config))
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        for file in (MODELS / family.folder / f"{family.modeling}.py", MODELS / "bert/modeling_optin_bert.py"):
            shutil.copy(file, folder)
        auto = getattr(transformers, "AutoModel" + config["architectures"][0].removeprefix(family.prefix).removeprefix("Model"))
        for attention in ("eager", "sdpa") if family.prefix != "MPNet" else ("eager",):
            options = {"attn_implementation": attention} if family.prefix not in ("MPNet", "Electra") else {}
            model, loading = auto.from_pretrained(folder, trust_remote_code=True, output_loading_info=True, **options)
            faults = {kind: names for kind, names in loading.items() if names}
            assert not faults, f"the weights do not fit the model: {faults}"
            model.eval()
            assert type(model).__module__.endswith(family.modeling), type(model)
            for key, tensor in golden(model, rows).items():
                torch.testing.assert_close(tensor, promised[key], rtol=1e-5, atol=1e-5, msg=lambda text: f"{key}: {text}")
            # Without hidden states, a head that reads the first position gets only that one from the last layer.
            seen = []
            neurons = dict(model.base_model.named_modules())[f"{family.list}.{LAYERS - 1}.{family.names[4]}"]
            neurons.register_forward_hook(lambda _, args, __: seen.append(args[0].shape[1]))
            padded(model, rows, promised)
            assert seen == [1 if SEQUENCES in config["architectures"][0] else max(family.lengths)], seen


def padded(model, rows, promised):
    pad, longest = model.config.pad_token_id, max(given["input_ids"].shape[1] for given in rows)

    def joined(name, filler):
        sequences = [given[name][0] for given in rows]
        return torch.stack([torch.cat([one, torch.full((longest - len(one),), filler)]) for one in sequences])

    # MPNet numbers positions from 1, whatever pad_token_id is.
    batch = {name: joined(name, pad if name == "input_ids" else 0) for name in rows[0]}
    batch["attention_mask"] = torch.stack([(torch.arange(longest) < given["input_ids"].shape[1]).long() for given in rows])
    for at, found in enumerate(logits(model(**batch))):
        expected = promised[f"row.{at}.logits"][0]
        found = found[: len(expected)] if found.dim() == 2 else found
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def make(name, seed, writes):
    family_name, head, others = CASES[name]
    family = FAMILIES[family_name]
    generator = torch.Generator().manual_seed(seed)
    config = family.configured(head, **others)
    stock = family.stock(config).eval()
    weights = random_weights(stock, generator)
    rows = [row(family, length, generator) for length in family.lengths]
    pruned = name.startswith("pruned")
    if pruned:
        config |= {
            "heads_per_layer": [len(heads) for heads, *_ in KEPT],
            "intermediate_size_per_layer": [neurons for _, neurons, *_ in KEPT],
            "query_size_per_layer": [query_size for *_, query_size, _ in KEPT],
            "value_size_per_layer": [value_size for *_, value_size in KEPT],
            "original_heads_per_layer": [heads for heads, *_ in KEPT],
            "auto_map": {"AutoModel" + head.removeprefix("Model"): f"{family.modeling}.{family.prefix}{head}"},
        }
        if family.prefix != "MPNet":
            del config["original_heads_per_layer"]
        for key, tensor in weights.items():
            kept = family.kept(key)
            if kept is not None:
                removed = torch.ones(tensor.shape[kept[0]], dtype=torch.bool)
                removed[kept[1]] = False
                tensor[(slice(None),) * kept[0] + (removed,)] = 0
    stock.load_state_dict(weights)
    promised = golden(stock, rows)
    if pruned:
        weights = {key: tensor if family.kept(key) is None else tensor.index_select(*family.kept(key)) for key, tensor in weights.items()}
    weights = {key: tensor.contiguous() for key, tensor in weights.items()}
    if writes:
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        save_file(promised, folder / "golden.safetensors")
    if pruned:
        check_modeling(family, config, weights, rows, promised)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for seed, name in enumerate(CASES):
        make(name, seed, not arguments.check)
        print("ok", name)
