"""Checks of the forward pass."""

import torch
import transformers
from inputs import LENGTH, inputs
from pairs import CLASSES, agree, require
from registry import FIRST_ONLY, check
from torch import nn


@torch.no_grad()
def outputs(model, **arguments):
    return model(**arguments)


@check("opens as a subclass with each tensor of the file")
def opens(pair):
    (pruned, loading), (stock, expected) = pair.both(output_loading_info=True)
    faults = {kind: sorted(map(str, names)) for kind, names in loading.items() if names}
    require(not faults, f"the weights do not fit: {faults}")
    require(loading.keys() == expected.keys(), f"reports {sorted(loading)}, expected {sorted(expected)}")
    builtin = getattr(transformers, CLASSES[pair.auto])
    require(isinstance(pruned, builtin) and type(pruned) is not builtin, f"opens as {type(pruned)}")
    require(type(pruned).__name__ == builtin.__name__, f"has the class name {type(pruned).__name__}")
    require(type(stock) is builtin, f"the original opens as {type(stock)}, not as the built-in class")
    expected = dict(stock.named_modules())
    require(dict(pruned.named_modules()).keys() == expected.keys(), "has other modules than the built-in class")
    prefix = "" if pair.auto == "AutoModel" else "bert."
    own = {f"{prefix}encoder.layer.{at}.attention.self" for at, kept in enumerate(pair.kept) if kept.sizes != (pair.head_size,) * 2}
    if pair.auto in FIRST_ONLY:
        own |= {f"{prefix}encoder.layer.{len(pair.kept) - 1}{part}" for part in ("", ".attention.self")}
    for name, module in pruned.named_modules():
        weights = [parameter.numel() for parameter in module.parameters() if parameter.dim() == 2]
        # Only a module whose weights are all empty, narrow heads, and a last layer of which only the first position is read
        # may have a class of their own.
        alike = module is pruned or type(module) is type(expected[name]) or (weights and not any(weights)) or name in own
        require(alike, f"{name} is {type(module)}, expected {type(expected[name])}")
        if isinstance(module, nn.Linear):
            shape = (module.out_features, module.in_features)
            require(module.weight.shape == shape, f"{name} has a weight of {tuple(module.weight.shape)}, but says {shape}")
    for at, layer in enumerate(pruned.base_model.encoder.layer):
        heads, width = layer.attention.self.num_attention_heads, layer.attention.self.all_head_size
        count = len(pair.kept[at].heads)
        expected = (count, count * pair.kept[at].sizes[1])
        require((heads, width) == expected, f"layer {at} says that it has {heads} heads of width {width}, expected {expected}")
    for name, tensor in stock.named_parameters():
        agree(pruned.get_parameter(name), pair.cut(name, tensor), name, 0)
    return f"{sum(p.numel() for p in pruned.parameters()):,} of {sum(p.numel() for p in stock.parameters()):,} parameters"


@check("eager: outputs, hidden states and attentions")
def eager(pair):
    flags = {"output_hidden_states": True, "output_attentions": True}
    pruned, stock = pair.both(attn_implementation="eager")
    found = outputs(pruned, **inputs(pair), **flags)
    pair.agree(found, outputs(stock, **inputs(pair), **flags), "eager")
    for at, kept in enumerate(pair.kept):
        require(found.attentions[at].shape[1] == len(kept.heads), f"layer {at} has attentions of {found.attentions[at].shape[1]} heads")
    pair.agree(outputs(pruned, **inputs(pair), return_dict=False), outputs(stock, **inputs(pair), return_dict=False), "tuple")


@check("sdpa: outputs and hidden states")
def sdpa(pair):
    pruned, stock = pair.both(attn_implementation="sdpa")
    require(pruned.config._attn_implementation == "sdpa", f"runs {pruned.config._attn_implementation}")
    expected = outputs(stock, **inputs(pair), output_hidden_states=True)
    pair.agree(outputs(pruned, **inputs(pair), output_hidden_states=True), expected, "sdpa")
    # Transformers 4 computes these with the eager code, and transformers 5 returns none.
    expected = outputs(stock, **inputs(pair), output_attentions=True)
    pair.agree(outputs(pruned, **inputs(pair), output_attentions=True), expected, "sdpa with attentions")


@check("flex attention", autos=("AutoModelForSequenceClassification",))
def flex(pair):
    if not transformers.BertModel._supports_flex_attn:
        return "the built-in class does not support it"
    pruned, stock = pair.both(attn_implementation="flex_attention")
    pair.agree(outputs(pruned, **inputs(pair)), outputs(stock, **inputs(pair)), "flex attention")


@check("set_attn_implementation")
def change_attention(pair):
    pruned, stock = pair.both(attn_implementation="sdpa")
    for name in ("eager", "sdpa"):
        pruned.set_attn_implementation(name)
        stock.set_attn_implementation(name)
        found, expected = pruned.config._attn_implementation, stock.config._attn_implementation
        require(found == expected, f"after {name}, runs {found}, expected {expected}")
        expected = outputs(stock, **inputs(pair), output_attentions=True)
        pair.agree(outputs(pruned, **inputs(pair), output_attentions=True), expected, name)


@check("inputs_embeds, position_ids, and inputs without a mask or segments")
def other_inputs(pair):
    pruned, stock = pair.both()
    batch = inputs(pair)
    embedded = batch | {"inputs_embeds": stock.get_input_embeddings()(batch["input_ids"]).detach()}
    del embedded["input_ids"]
    positions = (torch.arange(LENGTH) * 2 % 17).expand(batch["input_ids"].shape)
    plain = outputs(stock, **batch)
    for name, arguments in (
        ("inputs_embeds", embedded),
        ("position_ids", batch | {"position_ids": positions}),
        ("input_ids alone", {"input_ids": batch["input_ids"]}),
        ("short texts", inputs(pair, length=4)),
    ):
        expected = outputs(stock, **arguments)
        pair.agree(outputs(pruned, **arguments), expected, name)
        if name == "position_ids":
            require(not torch.equal(expected[0], plain[0]), "position_ids have no effect")


@check("half precision")
def half(pair):
    for dtype in (torch.float16, torch.bfloat16):
        pruned, stock = pair.both(dtype=dtype)
        require(pruned.dtype == dtype and {p.dtype for p in pruned.parameters()} == {dtype}, f"opens as {pruned.dtype}")
        # Sums of another length have other rounding errors.
        pair.agree(outputs(pruned, **inputs(pair)), outputs(stock, **inputs(pair)), str(dtype), 40 * torch.finfo(dtype).eps)
    pruned, stock = pair.both(dtype="auto")
    require(pruned.dtype == stock.dtype, f"opens as {pruned.dtype}, expected {stock.dtype}")
