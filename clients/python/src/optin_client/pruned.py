"""Runs a pruned model in ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import OptinError

MODEL = "model.onnx"
# transformers writes larger limits for models without one.
LONGEST = 1_000_000


@dataclass(frozen=True)
class Label:
    """An answer: the name of a label, and its score."""

    name: str
    score: float


class Pruned:
    """A downloaded result. Needs the extra `onnx` of this package: numpy, onnxruntime and tokenizers."""

    def __init__(self, folder: str | Path, threads: int | None = None) -> None:
        import onnxruntime

        self._folder = Path(folder)
        path = self._folder / MODEL
        if not path.is_file():
            raise OptinError(f'{self._folder} has no {MODEL}; submit the job with outputs=["safetensors", "onnx"]')
        options = onnxruntime.SessionOptions()
        if threads is not None:
            options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        properties = self.session.get_modelmeta().custom_metadata_map
        self.task: str = properties["task"]
        # Embeddings and answers to questions have no labels.
        self.labels: list[str] = json.loads(properties.get("labels", "[]"))
        names = [own.name for own in self.session.get_outputs()]
        # The start and the end of an answer to a question are two outputs.
        self._outputs = names if names[0] == "start_logits" else names[:1]
        self._inputs = [own.name for own in self.session.get_inputs()]
        self._tokenizer: Any = None

    def run(self, **inputs: Any) -> Any:
        """Returns the logits, or the embeddings, for arrays with the names of the graph's inputs.

        The logits of the start and of the end of an answer are the last dimension.
        """
        import numpy

        outputs = self.session.run(self._outputs, inputs)
        return outputs[0] if len(outputs) == 1 else numpy.stack(outputs, axis=-1)

    def logits(self, texts: Sequence[str | tuple[str, str]]) -> Any:
        """Returns the logits, or the embeddings, of texts or of pairs of texts."""
        import numpy

        if "input_ids" not in self._inputs:
            raise OptinError("the model reads images; pass their pixels to run(pixel_values=...)")
        encoded = self._open_tokenizer().encode_batch(list(texts))
        arrays = {
            "input_ids": [row.ids for row in encoded],
            "attention_mask": [row.attention_mask for row in encoded],
            "token_type_ids": [row.type_ids for row in encoded],
        }
        return self.run(**{name: numpy.array(arrays[name], dtype=numpy.int64) for name in self._inputs})

    def __call__(self, text: str, pair: str | None = None) -> Label:
        """Returns the label of a text, or of a pair of texts."""
        import numpy

        if not self.labels:
            raise OptinError("the model does not answer with labels; use logits(...)")
        logits = self.logits([text if pair is None else (text, pair)])[0]
        if logits.ndim != 1:
            raise OptinError("the model answers at every token; use logits(...)")
        if len(logits) == 1:
            return Label(self.labels[0], float(logits[0]))
        shares = numpy.exp(logits - logits.max())
        best = int(logits.argmax())
        return Label(self.labels[best], float(shares[best] / shares.sum()))

    def _open_tokenizer(self) -> Any:
        if self._tokenizer is None:
            from tokenizers import Tokenizer

            self._tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
            # Rows are padded to the longest one. The mask tells the graph.
            self._tokenizer.enable_padding()
            settings = json.loads((self._folder / "tokenizer_config.json").read_text())
            limit = settings.get("model_max_length")
            if isinstance(limit, int) and limit < LONGEST:
                self._tokenizer.enable_truncation(limit)
        return self._tokenizer
