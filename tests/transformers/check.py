"""Checks that pruned folders open in Hugging Face transformers and give the logits in `verify.json`.

    python check.py [--major N] DIR...

Each folder contains `config.json`, `model.safetensors`, the tokenizer, `SHA256SUMS` and `verify.json`:
{"dtype": "float32", "tolerance": 1e-4, "rows": [{"text", "text_pair", "input_ids", "token_type_ids", "logits"}],
"padded": {"input_ids", "token_type_ids", "attention_mask", "logits"}}. `token_type_ids` is missing if the model reads no
segments. `tolerance` is relative to max(1, |logit|). `text`
may be null. `logits` of a row is one list, or one per token for a token classification, or the start and the end for each token
for a question answering, or the vector of each token for a body without a head. `padded` is one batch of the rows
with a text, or null. For a model that reads images, each row has "image" (its size and a formula in Python for its samples)
and "pixel_values" instead. `logits` of a segmentation are the logarithms of the scores of each class, one list per pixel of
the masks. `logits` of a folder of sentence-transformers are the vector of the text. A model of another library is opened with
the loader in its folder. Tokenizer, image processor and configuration must open without permission to run code. If a folder
fails, prints one line with its first fault and exits with 1.
"""

import argparse
import builtins
import hashlib
import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy
import torch
import transformers
from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer, pipeline

TRUSTED = {"trust_remote_code": True}


class Fault(Exception):
    """A problem that a user of the folder would have; the message describes it."""


def require(holds, fault):
    if not holds:
        raise Fault(fault)


def check_sums(folder):
    """Checks that SHA256SUMS lists exactly the files of the folder, and that their digests match."""
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    listed = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    require(listed.keys() == present, f"SHA256SUMS and the folder list different files: {sorted(listed.keys() ^ present)}")
    for path, digest in listed.items():
        found = hashlib.sha256((folder / path).read_bytes()).hexdigest()
        require(found == digest, f"{path} has digest {found}, but SHA256SUMS has {digest}")


class Loaded(torch.nn.Module):
    """A model that the folder's own loader opened, which answers as those of transformers do."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return types.SimpleNamespace(logits=self.model(pixel_values))


def open_with(loader, folder):
    """Opens the model with the function `load` of a file of the folder, as its card says."""
    spec = importlib.util.spec_from_file_location(loader.stem, loader)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Loaded(module.load(folder)).eval()


def open_model(folder, dtype):
    """Opens the model. Requires that each of its tensors is in the file and each tensor of the file is used."""
    class_name = json.loads((folder / "config.json").read_text())["architectures"][0]
    head = class_name[class_name.rindex("For"):] if "For" in class_name else ""
    auto_class = getattr(transformers, "AutoModel" + head)
    model, loading = auto_class.from_pretrained(
        folder, dtype=getattr(torch, dtype), output_loading_info=True, **TRUSTED
    )
    faults = {kind: sorted(map(str, names)) for kind, names in loading.items() if names}
    require(not faults, f"the weights do not fit the model: {faults}")
    return model.eval()


def check_config(folder, model):
    config = AutoConfig.from_pretrained(folder)
    require(type(config) is type(model.config), f"AutoConfig returns {type(config)}, but the model has {type(model.config)}")
    name = type(model).__name__
    require(config.architectures == [name], f"config.json has architectures {config.architectures}, but the opened class is {name}")


def check_logits(found, row, at, tolerance, how):
    expected = torch.tensor(row["logits"])
    require(found.shape == expected.shape, f"row {at} {how}: {len(found)} logits, expected {len(expected)}")
    error = ((found.float() - expected).abs() / expected.abs().clamp(min=1)).max().item()
    # In this form the condition is also false for NaN.
    require(error <= tolerance, f"row {at} {how}: logits {found.tolist()}, expected {expected.tolist()}, error {error:.2e}")
    return error


def logits_of(output):
    """Returns the logits. Those of the start and the end of an answer are two at each token. Those of a body are its vectors."""
    if "last_hidden_state" in output:
        return output.last_hidden_state
    return torch.stack((output.start_logits, output.end_logits), -1) if "start_logits" in output else output.logits


@torch.inference_mode()
def check_rows_alone(model, rows, tolerance):
    errors = []
    for at, row in enumerate(rows):
        inputs = {key: torch.tensor([row[key]]) for key in ("input_ids", "token_type_ids") if key in row}
        errors.append(check_logits(logits_of(model(**inputs))[0], row, at, tolerance, "alone"))
    return max(errors)


def unpadded(logits, row):
    """Returns the logits of a row of a padded batch, without those of the padding."""
    return logits[: len(row["input_ids"])] if logits.dim() == 2 else logits


@torch.inference_mode()
def check_rows_padded(model, rows, tolerance):
    longest = max(len(row["input_ids"]) for row in rows)
    pad = model.config.pad_token_id or 0

    def padded(sequences, filler):
        return torch.tensor([list(ids) + [filler] * (longest - len(ids)) for ids in sequences])

    names = [(name, filler) for name, filler in (("input_ids", pad), ("token_type_ids", 0)) if name in rows[0]]
    batch = {name: padded([row[name] for row in rows], filler) for name, filler in names}
    logits = logits_of(model(**batch, attention_mask=padded([[1] * len(row["input_ids"]) for row in rows], 0)))
    return max(check_logits(unpadded(logits[at], row), row, at, tolerance, "in a padded batch") for at, row in enumerate(rows))


def open_tokenizer(folder):
    """Opens the tokenizer without permission to run code. Fails if transformers asks for the permission."""

    def refuse(question=""):
        raise Fault(f"the tokenizer asks: {question}")

    builtins.input, asked = refuse, builtins.input
    try:
        return AutoTokenizer.from_pretrained(folder)
    finally:
        builtins.input = asked


def segments(encoded):
    """Returns the token types, or zeros if the tokenizer returns none, as the model assumes."""
    return encoded.get("token_type_ids", [[0] * len(ids) for ids in encoded["input_ids"]])


def check_texts(folder, model, rows, tolerance):
    """Checks that the tokenizer returns the expected IDs, and the standard pipeline the expected labels and scores."""
    tokenizer = open_tokenizer(folder)
    per_token = "ForTokenClassification" in type(model).__name__
    answers_questions = "ForQuestionAnswering" in type(model).__name__
    is_body = "For" not in type(model).__name__
    task = "token-classification" if per_token else "feature-extraction" if is_body else "text-classification"
    task = "question-answering" if answers_questions else task
    # Transformers 5 has no pipeline for questions.
    served = not answers_questions or transformers.__version__.startswith("4.")
    answer = pipeline(task, model=str(folder), dtype=torch.float32, **TRUSTED) if served else None
    for at, row in rows:
        encoded = tokenizer([row["text"]], None if row["text_pair"] is None else [row["text_pair"]], truncation=True)
        found = {"input_ids": encoded["input_ids"][0], "token_type_ids": segments(encoded)[0]}
        for key, ids in found.items():
            require(ids == row.get(key, ids), f"row {at}: the tokenizer returns {key} {ids}, expected {row.get(key)}")
        if answers_questions:
            check_answer(answer, tokenizer, at, row, tolerance)
        elif is_body:
            check_vectors(answer, at, row, tolerance)
        elif per_token:
            check_token_scores(answer, tokenizer, model, at, row, tolerance)
        elif len(row["logits"]) > 1:
            check_scores(answer, model, at, row, tolerance)


def check_scores(classify, model, at, row, tolerance):
    """Checks the score of each label in the standard pipeline."""
    logits = torch.tensor(row["logits"])
    applied = {"multi_label_classification": logits.sigmoid(), "regression": logits}
    expected = applied.get(model.config.problem_type, logits.softmax(0))
    text = {"text": row["text"]} if row["text_pair"] is None else {"text": row["text"], "text_pair": row["text_pair"]}
    answer = classify(text, truncation=True, top_k=None)
    scores = {one["label"]: one["score"] for one in (answer[0] if isinstance(answer[0], list) else answer)}
    for index, score in enumerate(expected.tolist()):
        label = model.config.id2label[index]
        require(abs(scores[label] - score) <= tolerance, f"row {at}: the pipeline returns {label} {scores[label]}, expected {score}")


def check_answer(answer, tokenizer, at, row, tolerance):
    """Checks the score of the best answer in the standard pipeline. It divides texts that do not fit, so they are left out."""
    if answer is None or not row["text"] or not row["text_pair"]:
        return
    sequences = tokenizer(row["text"], row["text_pair"]).sequence_ids()
    if len(sequences) != len(row["input_ids"]):
        return
    counts = torch.tensor([sequence == 1 or position == 0 for position, sequence in enumerate(sequences)])
    start, end = torch.tensor(row["logits"]).masked_fill(~counts[:, None], -10000.0).softmax(0).unbind(1)
    scores = torch.outer(start, end).triu().tril(14)[1:, 1:]
    found = answer(question=row["text"], context=row["text_pair"], max_answer_len=15, align_to_words=False)
    best = scores.max().item()
    require(abs(found["score"] - best) <= tolerance, f"row {at}: the pipeline returns {found}, expected {best}")
    require(found["answer"] in row["text_pair"], f"row {at}: the pipeline returns {found}, which is no part of the text")


def check_vectors(extract, at, row, tolerance):
    """Checks the vectors in the standard pipeline, which reads single texts only."""
    if row["text_pair"] is None:
        check_logits(torch.tensor(extract(row["text"], truncation=True)[0]), row, at, tolerance, "in the pipeline")


def check_token_scores(classify, tokenizer, model, at, row, tolerance):
    """Checks the label and the score of each token in the standard pipeline, which reads single texts only."""
    if row["text_pair"] is not None or not row["text"]:
        return
    special = tokenizer(row["text"], truncation=True, return_special_tokens_mask=True)["special_tokens_mask"]
    expected = torch.tensor(row["logits"]).softmax(-1)
    expected = [scores.max(0) for scores, hidden in zip(expected, special) if not hidden]
    found = classify(row["text"], ignore_labels=[])
    require(len(found) == len(expected), f"row {at}: the pipeline returns {len(found)} tokens, expected {len(expected)}")
    for token, (score, index) in zip(found, expected):
        label = model.config.id2label[index.item()]
        agrees = token["entity"] == label and abs(token["score"] - score.item()) <= tolerance
        require(agrees, f"row {at}: the pipeline returns {token}, expected {label} {score.item()}")


@torch.inference_mode()
def check_padded_batch(folder, model, rows, padded, tolerance):
    """Checks that the tokenizer pads the texts as expected, and that the model returns the expected logits for them."""
    tokenizer = open_tokenizer(folder)
    pairs = [row["text_pair"] or "" for _, row in rows]
    single = [at for at, pair in enumerate(pairs) if not pair]
    for chosen in (single, [at for at in range(len(rows)) if at not in single]):
        if not chosen:
            continue
        texts = [rows[at][1]["text"] for at in chosen]
        others = None if chosen == single else [pairs[at] for at in chosen]
        encoded = tokenizer(texts, others, truncation=True, padding="max_length", max_length=len(padded["input_ids"][0]), padding_side="right")
        found = {"input_ids": encoded["input_ids"], "token_type_ids": segments(encoded), "attention_mask": encoded["attention_mask"]}
        for key, batch in found.items():
            expected = [padded[key][at] for at in chosen] if key in padded else batch
            require(batch == expected, f"padded batch: the tokenizer returns {key} {batch}, expected {expected}")
    logits = logits_of(model(**{key: torch.tensor(batch) for key, batch in padded.items() if key != "logits"}))
    for at, (expected, (_, row)) in enumerate(zip(padded["logits"], rows)):
        check_logits(unpadded(logits[at], row), {"logits": expected}, at, tolerance, "of the padded batch")


@torch.inference_mode()
def check_sentences(folder, rows, tolerance):
    """Checks that sentence-transformers opens the folder, with the model code of the folder, and returns the vectors."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", trust_remote_code=True).float().eval()
    body = model[0].auto_model if hasattr(model[0], "auto_model") else model[0].model
    require("optin" in type(body).__module__, f"the encoder is {type(body)}, which is not the code of the folder")
    stored, loaded = json.loads((folder / "config.json").read_text()), body.config
    require(loaded.heads_per_layer == stored["heads_per_layer"], "the encoder is not narrow")
    errors, texts = [], 0
    for at, row in enumerate(rows):
        batch = {key: torch.tensor([row[key]]) for key in ("input_ids", "token_type_ids") if key in row}
        batch["attention_mask"] = torch.ones_like(batch["input_ids"])
        errors.append(check_logits(model(batch)["sentence_embedding"][0], row, at, tolerance, "alone"))
    single = [(at, row) for at, row in enumerate(rows) if row["text"] is not None and row["text_pair"] is None]
    for (at, row), vector in zip(single, model.encode([row["text"] for _, row in single], convert_to_tensor=True)):
        texts += 1
        errors.append(check_logits(vector, row, at, tolerance, "as text in a batch"))
    return f"{len(rows)} rows, {texts} with text; largest error {max(errors):.1e}"


def fixed_image(described):
    """Returns the samples of a fixed image, `[height, width, channels]`."""
    sizes = (described[name] for name in ("height", "width", "channels"))
    y, x, c = numpy.meshgrid(*(numpy.arange(size) for size in sizes), indexing="ij")
    formula = described["formula"].split(" for ")[0]
    return eval(formula, {"__builtins__": {}}, {"x": x, "y": y, "c": c}).astype(numpy.uint8)


def answers(model, pixels):
    """Returns the logits of each image. Those of a segmentation are the logarithms of the scores of each class at each pixel:
    the sum over the queries of the probability of the class times that of the mask."""
    output = model(pixel_values=pixels)
    if not hasattr(output, "masks_queries_logits"):
        return output.logits
    classes = output.class_queries_logits.softmax(-1)[..., :-1]
    masks = output.masks_queries_logits.sigmoid().flatten(2)
    return (torch.einsum("rqc,rqp->rpc", classes, masks) + 1e-12).log()


def check_segmentation(processor, model, pixels, row, at):
    """Checks that the processor makes the map with the class of the largest score of each pixel, at the size of the masks.
    It resizes the masks on its way, so pixels at the borders of areas may differ."""
    output = model(pixel_values=pixels)
    size = tuple(output.masks_queries_logits.shape[2:])
    found = processor.post_process_semantic_segmentation(output, target_sizes=[size])[0]
    expected = torch.tensor(row["logits"]).argmax(-1).view(size)
    agreement = (found == expected).float().mean().item()
    require(agreement >= 0.9, f"row {at}: the processor's map agrees at {agreement:.1%} of the pixels")


@torch.inference_mode()
def check_images(folder, model, rows, tolerance):
    """Checks that the image processor returns the expected numbers, and the model the expected logits, alone and in a batch."""
    from PIL import Image

    processor = AutoImageProcessor.from_pretrained(folder)
    segments_images = "ForUniversalSegmentation" in type(model).__name__
    has_pipeline = not segments_images and not isinstance(model, Loaded)
    classify = None if not has_pipeline else pipeline("image-classification", model=model, image_processor=processor)
    errors, all_pixels = [], []
    for at, row in enumerate(rows):
        samples = fixed_image(row["image"])
        pixels = processor(samples, return_tensors="pt", input_data_format="channels_last")["pixel_values"]
        expected = row["pixel_values"]
        require(list(pixels.shape) == expected["shape"], f"row {at}: pixel_values have shape {list(pixels.shape)}, expected {expected['shape']}")
        first = [channel.flatten()[: len(own)].tolist() for channel, own in zip(pixels[0], expected["first_numbers_of_each_channel"])]
        off = max(abs(a - b) for own, found in zip(expected["first_numbers_of_each_channel"], first) for a, b in zip(own, found))
        require(off <= 1e-5, f"row {at}: pixel_values begin with {first}, expected {expected['first_numbers_of_each_channel']}")
        errors.append(check_logits(answers(model, pixels)[0], row, at, tolerance, "alone"))
        all_pixels.append(pixels)
        if segments_images:
            check_segmentation(processor, model, pixels, row, at)
        if classify is None:
            continue
        scores = torch.tensor(row["logits"]).softmax(0)
        # The pipeline reads grey and colour images alike, and processors of grey images do not convert them.
        if samples.shape[2] == 3:
            best = classify(Image.fromarray(samples))[0]
            require(abs(best["score"] - scores.max().item()) <= tolerance, f"row {at}: the pipeline returns {best}, expected {scores.max()}")
    logits = answers(model, torch.cat(all_pixels))
    batch = max(check_logits(logits[at], row, at, tolerance, "in a batch") for at, row in enumerate(rows))
    return f"{len(rows)} images; largest error {max(errors):.1e} alone, {batch:.1e} in a batch"


def check(folder):
    check_sums(folder)
    verify = json.loads((folder / "verify.json").read_text())
    rows, tolerance = verify["rows"], verify["tolerance"]
    require(rows, "verify.json has no rows")
    if (folder / "modules.json").exists():
        open_tokenizer(folder)
        return check_sentences(folder, rows, tolerance)
    loader = next(folder.glob("optin_*.py"), None)
    if loader is not None:
        return check_images(folder, open_with(loader, folder), rows, tolerance)
    model = open_model(folder, verify["dtype"])
    check_config(folder, model)
    if "image" in rows[0]:
        return check_images(folder, model, rows, tolerance)
    alone = check_rows_alone(model, rows, tolerance)
    padded = check_rows_padded(model, rows, tolerance)
    texts = [(at, row) for at, row in enumerate(rows) if row["text"] is not None]
    check_texts(folder, model, texts, tolerance)
    if verify["padded"] is not None:
        check_padded_batch(folder, model, texts, verify["padded"], tolerance)
    return f"{len(rows)} rows, {len(texts)} with text; largest error {alone:.1e} alone, {padded:.1e} padded"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--major", help="required major version of transformers")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    version = transformers.__version__
    print(f"transformers {version}")
    if arguments.major not in (None, version.split(".")[0]):
        sys.exit(f"transformers {arguments.major} is required, but {version} is running")
    failed = False
    for folder in arguments.folders:
        try:
            print(f"ok   {folder}: {check(folder)}")
        except Exception as fault:
            failed = True
            kind = "" if isinstance(fault, Fault) else f"{type(fault).__name__}: "
            print(f"FAIL {folder}: {kind}{fault}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
