"""The list of checks. A check is a function of a pair that raises `Fault`, and may return a remark."""

ALL = []

CLASSIFIERS = ("AutoModelForSequenceClassification", "AutoModelForTokenClassification")
# The heads that read only the first position.
FIRST_ONLY = ("AutoModelForNextSentencePrediction", "AutoModelForSequenceClassification", "AutoModelForMultipleChoice")


def check(name, autos=None):
    """Adds a check. With `autos`, it applies only to pairs of these auto classes."""

    def add(function):
        ALL.append((name, function, autos))
        return function

    return add


def checks_of(pair):
    return [(name, function) for name, function, autos in ALL if autos is None or pair.auto in autos]
