"""ELECTRA whose layers differ in heads, in widths of the heads, and in neurons: see `modeling_optin_bert.py`.

    AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
"""

import transformers
from transformers.models.electra import modeling_electra

from .modeling_optin_bert import FirstOnlyLayer, Narrow, NarrowHeads, NoHeads, first_only


class ElectraHeads(NarrowHeads, modeling_electra.ElectraSelfAttention):
    pass


class NoElectraHeads(NoHeads, modeling_electra.ElectraSelfAttention):
    pass


class ElectraLayer(FirstOnlyLayer, modeling_electra.ElectraLayer):
    """It has the name of the built-in class, because transformers and accelerate look for layers by that name."""


class NarrowElectra(Narrow):
    built_in, layer_class = transformers.ElectraModel, ElectraLayer
    heads_class, no_heads_class = ElectraHeads, NoElectraHeads


class ElectraModel(NarrowElectra, transformers.ElectraModel):
    pass


class ElectraForSequenceClassification(NarrowElectra, transformers.ElectraForSequenceClassification):
    reads_only_first = True
    forward = first_only(transformers.ElectraForSequenceClassification.forward)


class ElectraForTokenClassification(NarrowElectra, transformers.ElectraForTokenClassification):
    pass


class ElectraForQuestionAnswering(NarrowElectra, transformers.ElectraForQuestionAnswering):
    pass


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
ElectraModel.register_for_auto_class("AutoModel")
ElectraForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
ElectraForTokenClassification.register_for_auto_class("AutoModelForTokenClassification")
ElectraForQuestionAnswering.register_for_auto_class("AutoModelForQuestionAnswering")
