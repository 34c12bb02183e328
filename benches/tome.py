"""Accuracy and MACs of a vision transformer with token merging alone, as Bolya et al. (2023) describe it.

    pip install torch transformers numpy pillow
    python benches/tome.py MODEL DATA.npz        DATA: images `x` (uint8) and labels `y`

An implementation of its own, for comparison: the same number of pairs in every layer, similarity of the keys averaged over
the heads, sizes as weights of the means and in the attention. The MACs are counted as `optin` counts them: all linear maps,
attention over all pairs of positions, and the last layer only at the class token, of which the head reads the output.
"""

import argparse

import numpy as np
import torch
from transformers import AutoImageProcessor, ViTForImageClassification


def merged(hidden, sizes, keys, pairs):
    """Merges the most similar pairs of positions after the class token. `keys` are `[rows, positions, channels]`."""
    keys = keys[:, 1:] / keys[:, 1:].norm(dim=-1, keepdim=True)
    first, second = keys[:, ::2], keys[:, 1::2]
    similarity, partner = (first @ second.transpose(1, 2)).max(-1)
    order = similarity.argsort(dim=-1, descending=True)
    gone, kept = order[:, :pairs, None], order[:, pairs:, None]
    weighed = hidden * sizes
    parts = []
    for whole in (weighed, sizes):
        lead, first, second = whole[:, :1], whole[:, 1::2], whole[:, 2::2]
        into = partner[..., None].gather(1, gone).expand(-1, -1, whole.shape[-1])
        second = second.scatter_add(1, into, first.gather(1, gone.expand(-1, -1, whole.shape[-1])))
        parts.append(torch.cat([lead, first.gather(1, kept.expand(-1, -1, whole.shape[-1])), second], 1))
    return parts[0] / parts[1], parts[1]


def heads(projected, count):
    return projected.unflatten(-1, (count, -1)).transpose(1, 2)


@torch.inference_mode()
def answers(model, pixels, pairs):
    """The logits with `pairs` merged in every layer but the last, and the MACs of one image."""
    config, body = model.config, model.vit
    hidden = body.embeddings(pixels)
    positions, width = hidden.shape[1:]
    patch = body.embeddings.patch_embeddings.projection.weight[0].numel()
    macs = (positions - 1) * patch * width
    sizes = hidden.new_ones(*hidden.shape[:2], 1)
    for at, layer in enumerate(body.layers):
        last = at == len(body.layers) - 1
        read, attention = layer.layernorm_before(hidden), layer.attention
        query, key, value = attention.q_proj(read), attention.k_proj(read), attention.v_proj(read)
        query, key, value = (heads(one, config.num_attention_heads) for one in (query, key, value))
        scores = query @ key.transpose(2, 3) * attention.scaling + sizes.log().transpose(1, 2)[:, None]
        context = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        hidden = hidden + attention.o_proj(context)
        own = 1 if last else positions
        macs += 2 * positions * width * width + 2 * own * width * width + 2 * own * positions * width
        if not last:
            here = min(pairs, (positions - 1) // 2)
            if here:
                hidden, sizes = merged(hidden, sizes, key.mean(1), here)
                macs += ((positions - 1 + 1) // 2) * ((positions - 1) // 2) * key.shape[-1]
            positions -= here
            own = positions
        hidden = hidden + layer.mlp(layer.layernorm_after(hidden))
        macs += 2 * own * width * config.intermediate_size
    macs += width * config.num_labels
    return model.classifier(body.layernorm(hidden)[:, 0]), macs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("data")
    arguments = parser.parse_args()
    model = ViTForImageClassification.from_pretrained(arguments.model).eval()
    processor = AutoImageProcessor.from_pretrained(arguments.model)
    data = np.load(arguments.data)
    images, labels = data["x"], torch.from_numpy(data["y"]).long()
    images = images[..., None] if images.ndim == 3 else images
    batches = [
        processor(list(images[at : at + 250]), return_tensors="pt", input_data_format="channels_last")["pixel_values"]
        for at in range(0, len(images), 250)
    ]
    whole = None
    patches = model.vit.embeddings.patch_embeddings.num_patches
    step = max(1, patches // 12 // model.config.num_hidden_layers)
    for pairs in range(0, patches // 2, step):
        right, divergence, parts = 0, 0.0, []
        for at, pixels in enumerate(batches):
            logits, macs = answers(model, pixels, pairs)
            parts.append(logits.log_softmax(-1))
            right += (logits.argmax(-1) == labels[at * 250 : at * 250 + 250]).sum().item()
        if whole is None:
            whole = macs, parts
        for before, after in zip(whole[1], parts):
            divergence += (before.exp() * (before - after)).sum().item()
        print(
            f"{pairs:3} pairs: {100 * macs / whole[0]:5.1f} % of the MACs, accuracy {right / len(labels):.4f}, "
            f"divergence {divergence / len(labels):.4f}",
            flush=True,
        )
        if macs < 0.3 * whole[0]:
            break


if __name__ == "__main__":
    main()
