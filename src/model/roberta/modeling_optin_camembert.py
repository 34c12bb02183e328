"""CamemBERT whose layers differ in heads, in widths of the heads, and in neurons: see `modeling_optin_bert.py`.

    AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
"""

import transformers
from transformers.models.camembert import modeling_camembert

from .modeling_optin_bert import FirstOnlyLayer, Narrow, NarrowHeads, NoHeads, first_only


class CamembertHeads(NarrowHeads, modeling_camembert.CamembertSelfAttention):
    pass


class NoCamembertHeads(NoHeads, modeling_camembert.CamembertSelfAttention):
    pass


class CamembertLayer(FirstOnlyLayer, modeling_camembert.CamembertLayer):
    """It has the name of the built-in class, because transformers and accelerate look for layers by that name."""


class NarrowCamembert(Narrow):
    built_in, layer_class = transformers.CamembertModel, CamembertLayer
    heads_class, no_heads_class = CamembertHeads, NoCamembertHeads


class CamembertModel(NarrowCamembert, transformers.CamembertModel):
    pass


class CamembertForSequenceClassification(NarrowCamembert, transformers.CamembertForSequenceClassification):
    reads_only_first = True
    forward = first_only(transformers.CamembertForSequenceClassification.forward)


class CamembertForTokenClassification(NarrowCamembert, transformers.CamembertForTokenClassification):
    pass


class CamembertForQuestionAnswering(NarrowCamembert, transformers.CamembertForQuestionAnswering):
    pass


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
CamembertModel.register_for_auto_class("AutoModel")
CamembertForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
CamembertForTokenClassification.register_for_auto_class("AutoModelForTokenClassification")
CamembertForQuestionAnswering.register_for_auto_class("AutoModelForQuestionAnswering")
