"""Inputs and labels for each class of model."""

import torch

ROWS, LENGTH, CHOICES = 4, 9, 3


def generator(seed):
    return torch.Generator().manual_seed(seed)


def inputs(pair, seed=0, length=LENGTH):
    """Returns a padded batch with two segments. A model for multiple choice gets several texts for each row."""
    shape = (ROWS, CHOICES, length) if pair.auto == "AutoModelForMultipleChoice" else (ROWS, length)
    ids = torch.randint(5, pair.config["vocab_size"], shape, generator=generator(seed))
    attention_mask = torch.ones(shape, dtype=torch.long)
    attention_mask[1, ..., length - 3 :] = 0
    token_type_ids = (torch.arange(length) >= length // 2).long().expand(shape).contiguous()
    return {"input_ids": ids * attention_mask, "attention_mask": attention_mask, "token_type_ids": token_type_ids}


def token_labels(classes, seed=1):
    """Returns the class of each token, and -100 (no class) for every third token."""
    labels = torch.randint(0, classes, (ROWS, LENGTH), generator=generator(seed))
    labels[:, ::3] = -100
    return labels


def labels(pair):
    """Returns the forms of labels for the pair: a name, settings of the configuration, and the arguments."""
    auto = pair.auto
    ids = torch.tensor([0, 1, 1, 0])
    vocabulary = pair.config["vocab_size"]
    if auto == "AutoModelForSequenceClassification":
        classes = len(pair.config["id2label"])
        values = torch.randn(ROWS, generator=generator(2))
        forms = [("values [n]", "regression", values), ("values [n, 1]", "regression", values[:, None])]
        if classes > 1:
            several = torch.randn(ROWS, classes, generator=generator(2))
            forms = [
                ("class ids [n]", "single_label_classification", ids),
                ("class ids [n, 1]", "single_label_classification", ids[:, None]),
                ("several classes", "multi_label_classification", (several > 0).float()),
                ("several values", "regression", several),
            ]
        explicit = [(f"{name}, {kind}", {"problem_type": kind}, {"labels": given}) for name, kind, given in forms]
        # Without a problem type, the class derives it from the data type of the labels. It never guesses several values.
        return explicit + [(name, {"problem_type": None}, {"labels": given}) for name, _, given in forms if name != "several values"]
    if auto == "AutoModelForTokenClassification":
        return [("token classes", {}, {"labels": token_labels(len(pair.config["id2label"]))})]
    if auto == "AutoModelForMaskedLM":
        return [("masked tokens", {}, {"labels": token_labels(vocabulary)})]
    if auto == "AutoModelForPreTraining":
        return [("masked tokens and order", {}, {"labels": token_labels(vocabulary), "next_sentence_label": ids})]
    if auto == "AutoModelForMultipleChoice":
        return [("choices", {}, {"labels": torch.tensor([0, 2, 1, 0])})]
    if auto == "AutoModelForNextSentencePrediction":
        return [("order", {}, {"labels": ids})]
    if auto == "AutoModelForQuestionAnswering":
        # A position behind the end of the text is ignored.
        positions = torch.tensor([1, 2, 3, LENGTH + 5])
        return [("spans", {}, {"start_positions": positions, "end_positions": positions + 1})]
    return []
