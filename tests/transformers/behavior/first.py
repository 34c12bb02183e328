"""Checks of the heads that read only the first position: the last layer computes no other position, unless it is asked for."""

import tempfile
from pathlib import Path

import torch
import transformers
from forward import outputs
from inputs import LENGTH, ROWS, generator, inputs
from pairs import MODELING, NARROW_HEADS, WHOLE_HEADS, agree, random_pair, require
from registry import FIRST_ONLY, check

LONE = ("AutoModelForSequenceClassification",)
TRANSFORMERS_4 = transformers.__version__.startswith("4.")


class Lengths:
    """Records for how many positions each layer computes its neurons."""

    def __init__(self, model):
        self.seen = []
        self.layers = len(model.base_model.encoder.layer)
        for layer in model.base_model.encoder.layer:
            layer.intermediate.dense.register_forward_hook(lambda _, args, __: self.seen.append(args[0].shape[1]))

    def require(self, last, what):
        expected = [LENGTH] * (self.layers - 1) + [last]
        seen, self.seen = self.seen, []
        require(seen == expected, f"{what}: the layers compute {seen} positions, expected {expected}")


@check("the last layer computes only the first position", autos=FIRST_ONLY)
def first_position(pair):
    batch = inputs(pair)
    unpadded = {name: rows for name, rows in batch.items() if name != "attention_mask"}
    for attention in ("eager", "sdpa"):
        pruned, stock = pair.both(attn_implementation=attention)
        lengths = Lengths(pruned)
        for name, given in (("padded", batch), ("unpadded", unpadded), ("tuple", batch | {"return_dict": False})):
            found = outputs(pruned, **given)
            lengths.require(1, f"{attention}, {name}")
            pair.agree(found, outputs(stock, **given), f"{attention}, {name}", 1e-5)


@check("the last layer computes all positions if they are asked for", autos=FIRST_ONLY)
def all_positions(pair):
    batch = inputs(pair)
    for flag in ("output_hidden_states", "output_attentions"):
        pruned, stock = pair.both(attn_implementation="eager")
        lengths = Lengths(pruned)
        found = outputs(pruned, **batch, **{flag: True})
        lengths.require(LENGTH, flag)
        pair.agree(found, outputs(stock, **batch, **{flag: True}), flag)
        # The configuration is the default, and an argument precedes it.
        for model in (pruned, stock):
            setattr(model.config, flag, True)
        found = outputs(pruned, **batch)
        lengths.require(LENGTH, f"{flag} in the configuration")
        pair.agree(found, outputs(stock, **batch), f"{flag} in the configuration")
        found = outputs(pruned, **batch, **{flag: False})
        lengths.require(1, f"{flag}, but not as argument")
        pair.agree(found, outputs(stock, **batch, **{flag: False}), f"{flag}, but not as argument")


@check("the base model returns all positions, also after an error", autos=FIRST_ONLY)
def base_model(pair):
    pruned, stock = pair.both()
    lengths = Lengths(pruned)
    rows = {name: tensor.flatten(0, -2) for name, tensor in inputs(pair).items()}

    def fail(*_):
        raise InterruptedError

    handle = pruned.base_model.pooler.register_forward_hook(fail)
    try:
        outputs(pruned, **inputs(pair))
    except InterruptedError:
        lengths.require(1, "the model that fails")
    handle.remove()
    found = outputs(pruned.base_model, **rows)
    lengths.require(LENGTH, "the base model")
    pair.agree(found, outputs(stock.base_model, **rows), "the base model")


@check("the first position with a mask for each position", autos=LONE)
def mask_of_positions(pair):
    mask = torch.rand((ROWS, LENGTH, LENGTH), generator=generator(5)) < 0.6
    mask |= torch.eye(LENGTH, dtype=torch.bool)
    for attention in ("eager", "sdpa"):
        pruned, stock = pair.both(attn_implementation=attention)
        # Transformers 5 takes a mask with four dimensions in the form that the implementation adds or applies.
        given = mask[:, None] if attention == "sdpa" else torch.zeros(mask.shape)[:, None].masked_fill(~mask[:, None], -1e9)
        batch = inputs(pair) | {"attention_mask": mask.long() if TRANSFORMERS_4 else given}
        expected = outputs(stock, **batch)
        require(not torch.allclose(expected[0], outputs(stock, **inputs(pair))[0], atol=1e-3), "the mask has no effect")
        lengths = Lengths(pruned)
        pair.agree(outputs(pruned, **batch), expected, attention, 1e-5)
        lengths.require(1, attention)


@check("the first position with causal attention and with positional arguments", autos=LONE)
def other_arguments(pair):
    pruned, stock = pair.both(attn_implementation="sdpa")
    batch = inputs(pair)
    if TRANSFORMERS_4:
        arguments = (*batch.values(), None, None, None, None, True)
        pair.agree(pruned(*arguments), stock(*arguments), "output_attentions as positional argument")
        return
    batch["attention_mask"] = torch.ones_like(batch["attention_mask"])
    expected = outputs(stock, **batch, is_causal=True)
    require(not torch.allclose(expected[0], outputs(stock, **batch)[0], atol=1e-3), "is_causal has no effect")
    pair.agree(outputs(pruned, **batch, is_causal=True), expected, "is_causal")


@check("the first position in chunks, traced and compiled", autos=LONE)
def transformed(pair):
    pruned, stock = pair.both(chunk_size_feed_forward=3)
    pair.agree(outputs(pruned, **inputs(pair)), outputs(stock, **inputs(pair)), "chunks", 1e-5)
    pruned, stock = pair.both(return_dict=False)
    expected = outputs(stock, **inputs(pair))
    lengths = Lengths(pruned)
    torch.jit.trace(pruned, example_kwarg_inputs=inputs(pair), strict=False, check_trace=False)
    lengths.require(1, "traced")
    torch._dynamo.reset()
    pair.agree(outputs(torch.compile(pruned, backend="aot_eager", fullgraph=True), **inputs(pair)), expected, "compiled", 1e-5)
    lengths.require(1, "compiled")


@check("every kind of last layer", autos=LONE)
def last_layers(pair):
    for at, last in enumerate((*WHOLE_HEADS, *NARROW_HEADS)):
        with tempfile.TemporaryDirectory() as folder:
            modeling = pair.pruned / MODELING.name
            small = random_pair(Path(folder), pair.auto, modeling, kept=(NARROW_HEADS[0], last))
            for attention in ("eager", "sdpa"):
                pruned, stock = small.both(attn_implementation=attention)
                lengths = Lengths(pruned)
                agree(outputs(pruned, **inputs(small))[0], outputs(stock, **inputs(small))[0], f"{attention}, layer {at}", 1e-5)
                lengths.require(1, f"{attention}, layer {at}")
