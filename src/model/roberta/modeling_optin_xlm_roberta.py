"""XLM-RoBERTa whose layers differ in heads, in widths of the heads, and in neurons: see `modeling_optin_bert.py`.

    AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
"""

import transformers
from transformers.models.xlm_roberta import modeling_xlm_roberta

from .modeling_optin_bert import FirstOnlyLayer, Narrow, NarrowHeads, NoHeads, first_only


class XLMRobertaHeads(NarrowHeads, modeling_xlm_roberta.XLMRobertaSelfAttention):
    pass


class NoXLMRobertaHeads(NoHeads, modeling_xlm_roberta.XLMRobertaSelfAttention):
    pass


class XLMRobertaLayer(FirstOnlyLayer, modeling_xlm_roberta.XLMRobertaLayer):
    """It has the name of the built-in class, because transformers and accelerate look for layers by that name."""


class NarrowXLMRoberta(Narrow):
    built_in, layer_class = transformers.XLMRobertaModel, XLMRobertaLayer
    heads_class, no_heads_class = XLMRobertaHeads, NoXLMRobertaHeads


class XLMRobertaModel(NarrowXLMRoberta, transformers.XLMRobertaModel):
    pass


class XLMRobertaForSequenceClassification(NarrowXLMRoberta, transformers.XLMRobertaForSequenceClassification):
    reads_only_first = True
    forward = first_only(transformers.XLMRobertaForSequenceClassification.forward)


class XLMRobertaForTokenClassification(NarrowXLMRoberta, transformers.XLMRobertaForTokenClassification):
    pass


class XLMRobertaForQuestionAnswering(NarrowXLMRoberta, transformers.XLMRobertaForQuestionAnswering):
    pass


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
XLMRobertaModel.register_for_auto_class("AutoModel")
XLMRobertaForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
XLMRobertaForTokenClassification.register_for_auto_class("AutoModelForTokenClassification")
XLMRobertaForQuestionAnswering.register_for_auto_class("AutoModelForQuestionAnswering")
