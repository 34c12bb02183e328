"""RoBERTa whose layers differ in heads, in widths of the heads, and in neurons: see `modeling_optin_bert.py`.

    AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
"""

import transformers
from transformers.models.roberta import modeling_roberta

from .modeling_optin_bert import FirstOnlyLayer, Narrow, NarrowHeads, NoHeads, first_only


class RobertaHeads(NarrowHeads, modeling_roberta.RobertaSelfAttention):
    pass


class NoRobertaHeads(NoHeads, modeling_roberta.RobertaSelfAttention):
    pass


class RobertaLayer(FirstOnlyLayer, modeling_roberta.RobertaLayer):
    """It has the name of the built-in class, because transformers and accelerate look for layers by that name."""


class NarrowRoberta(Narrow):
    built_in, layer_class = transformers.RobertaModel, RobertaLayer
    heads_class, no_heads_class = RobertaHeads, NoRobertaHeads


class RobertaModel(NarrowRoberta, transformers.RobertaModel):
    pass


class RobertaForSequenceClassification(NarrowRoberta, transformers.RobertaForSequenceClassification):
    reads_only_first = True
    forward = first_only(transformers.RobertaForSequenceClassification.forward)


class RobertaForTokenClassification(NarrowRoberta, transformers.RobertaForTokenClassification):
    pass


class RobertaForQuestionAnswering(NarrowRoberta, transformers.RobertaForQuestionAnswering):
    pass


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
RobertaModel.register_for_auto_class("AutoModel")
RobertaForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
RobertaForTokenClassification.register_for_auto_class("AutoModelForTokenClassification")
RobertaForQuestionAnswering.register_for_auto_class("AutoModelForQuestionAnswering")
