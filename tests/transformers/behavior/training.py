"""Checks of further training: losses, gradients, checkpointing, larger vocabularies, Trainer and PEFT."""

import tempfile
from pathlib import Path

import torch
from forward import outputs
from inputs import ROWS, inputs, labels
from pairs import agree, require
from registry import CLASSIFIERS, check
from torch import nn

# Task types of PEFT.
PEFT_TASKS = {"AutoModelForSequenceClassification": "SEQ_CLS", "AutoModelForTokenClassification": "TOKEN_CLS"}


def trained(model, pair, given):
    """Returns the loss and the gradients of one batch. A model without a loss uses the square of its first output."""
    model.train()
    output = model(**inputs(pair), **given)
    loss = output.loss if given else output[0].square().mean()
    model.zero_grad()
    loss.backward()
    return loss, {name: parameter.grad for name, parameter in model.named_parameters()}


def agree_gradients(pair, found, expected):
    require(found.keys() == expected.keys(), f"other parameters: {sorted(found.keys() ^ expected.keys())[:3]}")
    for name, gradient in expected.items():
        # A parameter without a gradient would stop DistributedDataParallel.
        require((found[name] is None) == (gradient is None), f"{name} has {'no' if found[name] is None else 'a'} gradient")
        if gradient is not None:
            agree(found[name], pair.cut(name, gradient), f"gradient of {name}")


@check("losses and gradients")
def losses(pair):
    seen = []
    for name, settings, given in labels(pair) or [("no labels", {}, {})]:
        pruned, stock = pair.both(**settings)
        expected, gradients = trained(stock, pair, given)
        loss, found = trained(pruned, pair, given)
        agree(loss, expected, f"loss of {name}", 1e-6)
        agree_gradients(pair, found, gradients)
        types = (pruned.config.problem_type, stock.config.problem_type)
        require(types[0] == types[1], f"{name}: problem_type becomes {types[0]}, expected {types[1]}")
        seen.append(f"{name} {loss.item():.2f}")
    return "; ".join(seen)


@check("gradient checkpointing")
def checkpointing(pair):
    given = labels(pair)[0][2] if labels(pair) else {}
    pruned, stock = pair.both()
    expected, gradients = trained(stock, pair, given)
    layers = pruned.base_model.encoder.layer
    for reentrant in (False, True):
        calls = []
        hooks = [layer.intermediate.register_forward_hook(lambda *_, calls=calls: calls.append(1)) for layer in layers]
        pruned.gradient_checkpointing_enable({"use_reentrant": reentrant})
        if reentrant:
            pruned.enable_input_require_grads()
        loss, found = trained(pruned, pair, given)
        agree(loss, expected, "loss", 1e-6)
        agree_gradients(pair, found, gradients)
        require(len(calls) == 2 * len(layers), f"ran {len(calls)} layers, expected each of {len(layers)} twice")
        for hook in hooks:
            hook.remove()
    pruned.gradient_checkpointing_disable()
    require(not pruned.is_gradient_checkpointing, "cannot be disabled")


@check("DistributedDataParallel", autos=CLASSIFIERS)
def distributed(pair):
    given = labels(pair)[0][2]
    pruned, stock = pair.both(**labels(pair)[0][1])
    expected, gradients = trained(stock, pair, given)
    with tempfile.TemporaryDirectory() as folder:
        torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/group", world_size=1, rank=0)
        try:
            parallel = nn.parallel.DistributedDataParallel(pruned)
            # The second step fails if a parameter has no gradient in the first.
            for _ in range(2):
                loss, found = trained(parallel, pair, given)
                agree(loss, expected, "loss", 1e-6)
        finally:
            torch.distributed.destroy_process_group()
    agree_gradients(pair, {name.removeprefix("module."): gradient for name, gradient in found.items()}, gradients)


@check("dropout", autos=CLASSIFIERS)
def dropout(pair):
    pruned, stock = pair.both(hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.2, classifier_dropout=0.5)

    def settings(model):
        return [(name, module.p) for name, module in model.named_modules() if isinstance(module, nn.Dropout)]

    require(settings(pruned) == settings(stock), "other dropout layers than the built-in class")
    first, second = (outputs(pruned, **inputs(pair))[0] for _ in range(2))
    require(torch.equal(first, second), "dropout is active in eval mode")
    pruned.train()
    first, second = (outputs(pruned, **inputs(pair))[0] for _ in range(2))
    require(not torch.equal(first, second), "dropout is inactive in train mode")


@check("resize_token_embeddings")
def resize(pair):
    pruned, stock = pair.both()
    size = pair.config["vocab_size"] + 6
    for model in (pruned, stock):
        model.resize_token_embeddings(size, mean_resizing=False)
    require(pruned.config.vocab_size == size, f"vocab_size is {pruned.config.vocab_size}, expected {size}")
    for name, tensor in stock.named_parameters():
        require(pruned.get_parameter(name).shape == pair.cut(name, tensor).shape, f"{name} has another shape")
    found, expected = outputs(pruned, **inputs(pair)), outputs(stock, **inputs(pair))
    for key in expected:
        old = slice(pair.config["vocab_size"]) if expected[key].shape[-1] == size else slice(None)
        agree(found[key][..., old], expected[key][..., old], key)
    with tempfile.TemporaryDirectory() as folder:
        pruned.save_pretrained(folder)
        again = type(pruned).from_pretrained(folder).eval()
        pair.agree(outputs(again, **inputs(pair)), found, "opened again", 0)


def rows(pair):
    """Returns the batch as a list of examples with labels, as `Trainer` expects them."""
    batch = inputs(pair) | labels(pair)[0][2]
    return [{key: values[at] for key, values in batch.items()} for at in range(ROWS)]


@check("Trainer: one step, evaluation, prediction, saving", autos=CLASSIFIERS)
def trainer(pair):
    from transformers import PrinterCallback, Trainer, TrainingArguments

    results = []
    with tempfile.TemporaryDirectory() as folder:
        for model in pair.both(**labels(pair)[0][1]):
            start = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
            # A step of SGD without clipping changes a kept parameter alike in both models.
            settings = TrainingArguments(
                output_dir=folder, max_steps=1, per_device_train_batch_size=ROWS, per_device_eval_batch_size=ROWS, optim="sgd",
                learning_rate=0.1, max_grad_norm=0.0, lr_scheduler_type="constant", report_to=[], use_cpu=True, disable_tqdm=True,
                save_strategy="no", logging_strategy="no", dataloader_pin_memory=False,
            )  # fmt: skip
            run = Trainer(model=model, args=settings, train_dataset=rows(pair), eval_dataset=rows(pair))
            run.remove_callback(PrinterCallback)
            predicted = run.predict(rows(pair)).predictions
            losses = (run.evaluate()["eval_loss"], run.train().training_loss)
            unchanged = [name for name, tensor in model.named_parameters() if tensor.numel() and torch.equal(tensor, start[name])]
            results.append((run, model, torch.tensor(losses), torch.tensor(predicted), unchanged))
        (run, pruned, found, logits, unchanged), (_, stock, expected, expected_logits, _) = results
        agree(found, expected, "losses of evaluation and training", 1e-6)
        agree(logits, expected_logits, "predictions")
        # The bias of the keys adds the same value to all scores of a query, so its gradient is zero.
        unchanged = [name for name in unchanged if not name.endswith("key.bias")]
        require(not unchanged, f"the step does not change {unchanged[:3]}")
        for name, tensor in stock.named_parameters():
            agree(pruned.get_parameter(name), pair.cut(name, tensor), f"{name} after the step")
        run.save_model(folder)
        pair.agree(outputs(pair.reopen(folder), **inputs(pair)), outputs(pruned.eval(), **inputs(pair)), "opened again", 0)
    return f"loss {found[0]:.3f}"


def with_adapter(pair, model, **settings):
    from peft import LoraConfig, get_peft_model

    return get_peft_model(model, LoraConfig(task_type=PEFT_TASKS[pair.auto], r=3, lora_alpha=6, lora_dropout=0.0, **settings))


def step(pair, model):
    """Trains for one step of SGD and returns the loss before it."""
    model.train()
    loss = model(**inputs(pair), **labels(pair)[0][2]).loss
    loss.backward()
    torch.optim.SGD([parameter for parameter in model.parameters() if parameter.requires_grad], lr=0.1).step()
    model.eval()
    return loss


@check("PEFT: LoRA of queries and values", autos=tuple(PEFT_TASKS))
def lora(pair):
    from peft import PeftModel

    pruned, stock = pair.both(**labels(pair)[0][1])
    before = outputs(pruned, **inputs(pair))
    pruned, stock = (with_adapter(pair, model, target_modules=["query", "value"]) for model in (pruned, stock))
    pair.agree(outputs(pruned, **inputs(pair)), before, "with a new adapter", 0)
    # Both adapters start from the same random values.
    with torch.no_grad():
        for seed, (name, parameter) in enumerate(stock.named_parameters()):
            if parameter.requires_grad:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed)))
                pruned.get_parameter(name).copy_(pair.cut(name, parameter))
    agree(step(pair, pruned), step(pair, stock), "loss", 1e-6)
    expected = outputs(stock, **inputs(pair))
    pair.agree(outputs(pruned, **inputs(pair)), expected, "after a step")
    with tempfile.TemporaryDirectory() as folder:
        pruned.save_pretrained(folder + "/adapter")
        pruned.merge_and_unload().save_pretrained(folder + "/merged")
        again = PeftModel.from_pretrained(pair.open("pruned"), folder + "/adapter").eval()
        pair.agree(outputs(again, **inputs(pair)), expected, "the adapter on a new model")
        pair.agree(outputs(pair.reopen(folder + "/merged"), **inputs(pair)), expected, "merged")
        files = {file.name for file in Path(folder, "merged").iterdir()}
        require("modeling_optin_bert.py" in files, f"the merged model has only the files {sorted(files)}")


@check("PEFT: LoRA of every linear layer, opened by AutoPeftModel", autos=tuple(PEFT_TASKS))
def lora_everywhere(pair):
    import peft

    model = pair.open("pruned", **labels(pair)[0][1])
    before = outputs(model, **inputs(pair))[0]
    model = with_adapter(pair, model, target_modules="all-linear", exclude_modules=["classifier"])
    step(pair, model)
    step(pair, model)
    expected = outputs(model, **inputs(pair))
    require(not torch.allclose(expected[0], before, atol=1e-3), "two steps change nothing")
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        auto = getattr(peft, pair.auto.replace("Auto", "AutoPeft", 1))
        again = auto.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32).eval()
        pair.agree(outputs(again, **inputs(pair)), expected, "opened again")
    pair.agree(outputs(model.merge_and_unload(), **inputs(pair)), expected, "merged")
