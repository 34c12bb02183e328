"""Checks of saving, opening with another head, and copying."""

import builtins
import copy
import io
import json
import pickle
import sys
import tempfile
import warnings
from pathlib import Path

import torch
import transformers
from forward import outputs
from inputs import inputs
from pairs import AUTO_MAP, CLASSES, MODELING, Fault, agree, require
from registry import check


def require_complete(folder, name, modeling):
    """Requires that a saved folder can be opened: the class, the code, and only the built-in configuration."""
    config = json.loads((Path(folder) / "config.json").read_text())
    require(config["architectures"] == [name], f"saved with architectures {config['architectures']}, expected {name}")
    require(config["auto_map"] == AUTO_MAP, f"saved with auto_map {config['auto_map']}")
    require(config["model_type"] == "bert", f"saved with model_type {config['model_type']}")
    require((Path(folder) / MODELING.name).read_bytes() == modeling.read_bytes(), f"saved with another {MODELING.name}")


@check("save_pretrained and opening again, twice, also in shards")
def save(pair):
    model = pair.open("pruned")
    expected = outputs(model, **inputs(pair))
    with tempfile.TemporaryDirectory() as folder:
        for at, options in enumerate(({}, {"max_shard_size": "20KB"})):
            saved = f"{folder}/{at}"
            model.save_pretrained(saved, **options)
            require_complete(saved, CLASSES[pair.auto], pair.pruned / MODELING.name)
            sharded = (Path(saved) / "model.safetensors.index.json").exists()
            require(sharded == bool(options), "the shards do not have the requested size")
            model = pair.reopen(saved)
            pair.agree(outputs(model, **inputs(pair)), expected, f"opened again {at}", 0)


@check("opens without warnings; configuration and tokenizer do not ask to run code")
def quiet(pair):
    def refuse(question=""):
        raise Fault(f"asks: {question}")

    builtins.input, asked = refuse, builtins.input
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            require(pair.config["auto_map"] == AUTO_MAP, f"auto_map is {pair.config['auto_map']}, expected {AUTO_MAP}")
            pair.open("pruned").save_pretrained(folder)
            transformers.AutoTokenizer.from_pretrained(pair.pruned).save_pretrained(folder)
            for place in (pair.pruned, folder):
                config = transformers.AutoConfig.from_pretrained(place)
                require(type(config) is transformers.BertConfig, f"{place} has a configuration of {type(config)}")
                tokenizer = transformers.AutoTokenizer.from_pretrained(place)
                require(type(tokenizer).__module__.startswith("transformers.models.bert."), f"{place} has the tokenizer {type(tokenizer)}")
    finally:
        builtins.input = asked
    seen = [warning for warning in seen if MODELING.stem in warning.filename or "zero-element" in str(warning.message)]
    require(not seen, f"warns {[str(warning.message) for warning in seen]}")


@check("opens under every other head as the built-in class does")
def transfer(pair):
    """For a head whose weights the file lacks, both classes must report the same missing tensors."""
    for auto, name in CLASSES.items():
        options = {"num_labels": 2, "ignore_mismatched_sizes": True, "output_loading_info": True}
        (pruned, found), (stock, expected) = pair.both(auto, **options)
        require(type(pruned).__name__ == name and isinstance(pruned, getattr(transformers, name)), f"{auto} opens {type(pruned)}")
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            require(set(found[kind]) == set(expected[kind]), f"{auto}: {kind} {sorted(found[kind])}, expected {sorted(expected[kind])}")
        batch = {key: rows.flatten(0, -2) for key, rows in inputs(pair).items()}
        body = [outputs(model.base_model, **batch, output_hidden_states=True).hidden_states for model in (pruned, stock)]
        pair.agree(*body, f"hidden states under {auto}")
        new = {key for kind in ("missing_keys", "mismatched_keys") for key in map(str, expected[kind])}
        for key, tensor in pruned.named_parameters():
            if any(key in one for one in new) and tensor.dim() == 2 and tensor.numel() >= 500:
                require(0.01 < tensor.std() < 0.03, f"{auto}: new weights {key} have a standard deviation of {tensor.std():.3f}")
        with tempfile.TemporaryDirectory() as folder:
            pruned.save_pretrained(folder)
            require_complete(folder, name, pair.pruned / MODELING.name)
            again = pair.reopen(folder, auto)
            for key, tensor in pruned.state_dict().items():
                agree(again.state_dict()[key], tensor, f"{auto}: {key} after opening again", 0)


@check("a new model from the configuration")
def from_config(pair):
    auto = getattr(transformers, pair.auto)
    config = transformers.AutoConfig.from_pretrained(pair.pruned)
    with torch.device("meta"):
        model = auto.from_config(config, trust_remote_code=True, dtype=torch.bfloat16)
    places = {(parameter.device.type, parameter.dtype) for parameter in model.parameters()}
    require(places == {("meta", torch.bfloat16)}, f"on the meta device, in bfloat16, is created as {places}")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = auto.from_config(config, trust_remote_code=True, dtype=torch.float32).eval()
    seen = [str(warning.message) for warning in seen if "zero-element" in str(warning.message)]
    require(not seen, f"warns {seen}")
    stock = pair.open("stock")
    for name, tensor in stock.named_parameters():
        found = model.get_parameter(name)
        require(found.shape == pair.cut(name, tensor).shape, f"{name} has the shape {tuple(found.shape)}")
        if name.endswith("LayerNorm.weight") or name.endswith("bias"):
            require((found == name.endswith("LayerNorm.weight")).all(), f"{name} does not have the initial values of BERT")
        elif found.numel() >= 500:
            require(0.015 < found.std() < 0.025, f"{name} has a standard deviation of {found.std():.3f}, expected 0.02")
    require(outputs(model, **inputs(pair))[0].isfinite().all(), "returns values that are not finite")


@check("deepcopy, pickle, torch.save")
def copies(pair):
    model = pair.open("pruned")
    expected = outputs(model, **inputs(pair))
    pair.agree(outputs(copy.deepcopy(model), **inputs(pair)), expected, "deepcopy", 0)
    # Transformers 4 opens a masked language model of custom code as a new class, which cannot be pickled.
    if type(model) is getattr(sys.modules[type(model).__module__], type(model).__name__):
        pair.agree(outputs(pickle.loads(pickle.dumps(model)), **inputs(pair)), expected, "pickle", 0)
        file = io.BytesIO()
        torch.save(model, file)
        file.seek(0)
        pair.agree(outputs(torch.load(file, weights_only=False), **inputs(pair)), expected, "torch.save", 0)
    else:
        require(pair.auto == "AutoModelForMaskedLM", f"cannot be pickled, because its class is not in {type(model).__module__}")
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    again = getattr(transformers, pair.auto).from_config(model.config, trust_remote_code=True).eval()
    again.load_state_dict(torch.load(file, weights_only=True))
    pair.agree(outputs(again, **inputs(pair)), expected, "state_dict", 0)


@check("low_cpu_mem_usage, device_map and offloading to disk")
def placed(pair):
    expected = outputs(pair.open("pruned"), **inputs(pair))
    with tempfile.TemporaryDirectory() as folder:
        prefix = "" if pair.auto == "AutoModel" else "bert."
        layers = len(pair.kept)
        places = {name: "cpu" for name, _ in pair.open("stock").named_children()} if prefix else {}
        places.pop("bert", None)
        places |= {f"{prefix}embeddings": "cpu", f"{prefix}pooler": "cpu"}
        places |= {f"{prefix}encoder.layer.{at}": "cpu" if at % 2 else "disk" for at in range(layers)}
        for options in (
            {"low_cpu_mem_usage": True},
            {"device_map": "cpu"},
            {"device_map": "auto"},
            {"device_map": places, "offload_folder": folder},
        ):
            pair.agree(outputs(pair.open("pruned", **options), **inputs(pair)), expected, str(options))


@check("init_empty_weights, load_checkpoint_and_dispatch")
def dispatched(pair):
    from accelerate import init_empty_weights, load_checkpoint_and_dispatch

    config = transformers.AutoConfig.from_pretrained(pair.pruned)
    with init_empty_weights():
        model = getattr(transformers, pair.auto).from_config(config, trust_remote_code=True)
    require(all(parameter.is_meta for parameter in model.parameters()), "some weights are not on the meta device")
    model.tie_weights()
    model = load_checkpoint_and_dispatch(model, str(pair.pruned / "model.safetensors"), device_map={"": "cpu"}, dtype=torch.float32).eval()
    pair.agree(outputs(model, **inputs(pair)), outputs(pair.open("pruned"), **inputs(pair)), "dispatched", 0)


@check("refuses a configuration that does not fit")
def refuses(pair):
    layers = len(pair.kept)
    for message, settings in (
        (f"heads_per_layer has {layers - 1} entries for {layers} layers", {"heads_per_layer": [1] * (layers - 1)}),
        ("intermediate_size_per_layer has 0 entries", {"intermediate_size_per_layer": []}),
        ("is_decoder must be false", {"is_decoder": True}),
        ("position_embedding_type must be absolute", {"position_embedding_type": "relative_key"}),
        (f"query_size_per_layer has 1 entries for {layers} layers", {"query_size_per_layer": [6]}),
        (f"value_size_per_layer has {layers + 1} entries", {"value_size_per_layer": [6] * (layers + 1)}),
        ("query_size_per_layer has the entry -1", {"query_size_per_layer": [-1] * layers}),
        ("value_size_per_layer has the entry 1.5", {"value_size_per_layer": [1.5] * layers}),
        ("heads_per_layer has the entry -2", {"heads_per_layer": [-2] * layers}),
        ("value_size_per_layer is 0 for layer 0", {"value_size_per_layer": [0] * layers}),
    ):
        config = transformers.AutoConfig.from_pretrained(pair.pruned)
        config.update(settings)
        try:
            getattr(transformers, pair.auto).from_config(config, trust_remote_code=True)
        except ValueError as error:
            require(message in str(error), f"{settings}: {error}")
        else:
            raise Fault(f"accepts {settings}")
