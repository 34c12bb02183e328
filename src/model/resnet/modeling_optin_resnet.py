"""ResNet whose residual blocks differ in the channels between their convolutions.

The built-in class of transformers (4.57 or 5), made narrower after construction. `inner_channels` has the number of
channels after each convolution of a residual block but the last, block by block. It may be 0. The convolution that follows
then adds nothing, and its norm gives its bias.

    AutoModelForImageClassification.from_pretrained(folder, trust_remote_code=True)
"""

import transformers
from torch import nn


class Nothing(nn.Conv2d):
    """A convolution without inputs or without outputs. Torch's convolutions have at least one of each."""

    def __init__(self, old, inputs, outputs):
        super().__init__(1, 1, old.kernel_size, old.stride, old.padding, bias=False)
        self.in_channels, self.out_channels = inputs, outputs
        self.weight = nn.Parameter(self.weight.new_zeros(outputs, inputs, *old.kernel_size))

    def reset_parameters(self):
        pass

    def forward(self, pixels):
        sizes = zip(pixels.shape[2:], self.kernel_size, self.stride, self.padding)
        sizes = [(size + 2 * padding - side) // stride + 1 for size, side, stride, padding in sizes]
        # The sum uses every parameter, because DistributedDataParallel requires a gradient for each of them.
        return pixels.new_zeros(pixels.shape[0], self.out_channels, *sizes) + self.weight.sum()


class NothingNorm(nn.BatchNorm2d):
    """A batch norm without channels, which torch computes in no mode."""

    def forward(self, pixels):
        return pixels


def narrowed(convolution, inputs, outputs):
    """Returns a new convolution with these numbers of channels."""
    if not inputs or not outputs:
        return Nothing(convolution, inputs, outputs)
    return nn.Conv2d(
        inputs, outputs, convolution.kernel_size, convolution.stride, convolution.padding, bias=False
    )


def narrow(block, inner):
    """Reduces a residual block to these numbers of channels between its convolutions."""
    layers = list(block.layer)
    widths = [layers[0].convolution.in_channels, *inner, layers[-1].convolution.out_channels]
    for layer, inputs, outputs in zip(layers, widths, widths[1:]):
        layer.convolution = narrowed(layer.convolution, inputs, outputs)
        layer.normalization = (nn.BatchNorm2d if outputs else NothingNorm)(outputs)


class ResNetForImageClassification(transformers.ResNetForImageClassification):
    def __init__(self, config):
        super().__init__(config)
        blocks = [block for stage in self.resnet.encoder.stages for block in stage.layers]
        places = [len(block.layer) - 1 for block in blocks]
        widths = list(config.inner_channels)
        if len(widths) != sum(places):
            raise ValueError(f"inner_channels has {len(widths)} entries for {sum(places)} places between convolutions")
        for width in widths:
            if not isinstance(width, int) or width < 0:
                raise ValueError(f"inner_channels has the entry {width}, which is not a whole number from 0")
        for block, count in zip(blocks, places):
            narrow(block, widths[:count])
            del widths[:count]
        self.post_init()


# With this, `save_pretrained` of an opened model copies this file to the folder of the weights.
ResNetForImageClassification.register_for_auto_class("AutoModelForImageClassification")
