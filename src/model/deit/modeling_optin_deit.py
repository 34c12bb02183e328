"""DeiT whose layers differ in heads, in widths of the heads, in neurons, and in positions: see `modeling_optin_vit.py`.

    AutoModelForImageClassification.from_pretrained(folder, trust_remote_code=True)
"""

import transformers
from transformers.models.deit import modeling_deit

from .modeling_optin_vit import TRANSFORMERS_4, Narrow, NarrowAttention, NarrowLayer, OneClassifier, shortened

BUILT_IN = modeling_deit.DeiTSelfAttention if TRANSFORMERS_4 else modeling_deit.DeiTAttention


class NarrowDeiTAttention(NarrowAttention, BUILT_IN):
    pass


class DeiTLayer(NarrowLayer, modeling_deit.DeiTLayer):
    """It has the name of the built-in class, because transformers and accelerate look for layers by that name."""


class NarrowDeiT(Narrow):
    attention_class, layer_class = NarrowDeiTAttention, DeiTLayer

    @classmethod
    def _can_set_attn_implementation(cls):
        # Transformers searches the file of the class for an attention class, which is not in this file.
        return transformers.DeiTModel._can_set_attn_implementation()


class TwoClassifiers:
    """The head of a class with a classifier for each special token."""

    leading = 2

    def answer(self, hidden_states, labels, **kwargs):
        logits = self.cls_classifier(hidden_states[:, 0]), self.distillation_classifier(hidden_states[:, 1])
        output = modeling_deit.DeiTForImageClassificationWithTeacherOutput
        return output(logits=(logits[0] + logits[1]) / 2, cls_logits=logits[0], distillation_logits=logits[1])


class DeiTModel(NarrowDeiT, transformers.DeiTModel):
    pass


class DeiTForImageClassification(OneClassifier, NarrowDeiT, transformers.DeiTForImageClassification):
    forward = shortened(transformers.DeiTForImageClassification.forward)


class DeiTForImageClassificationWithTeacher(
    TwoClassifiers, NarrowDeiT, transformers.DeiTForImageClassificationWithTeacher
):
    forward = shortened(transformers.DeiTForImageClassificationWithTeacher.forward)


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
DeiTModel.register_for_auto_class("AutoModel")
DeiTForImageClassification.register_for_auto_class("AutoModelForImageClassification")
DeiTForImageClassificationWithTeacher.register_for_auto_class("AutoModelForImageClassification")
