"""Composes scenes of Fashion-MNIST items on textured ground, with their label maps."""

import numpy as np
from PIL import Image

SIDE = 64
ITEM = 28
ITEMS = (2, 3)
# Size of an item in a scene, as a multiple of its own.
SCALES = (1.1, 1.5)
# Least share of an item that later items leave visible.
VISIBLE = 0.9
# Number of attempts to place the items.
ATTEMPTS = 60


def silhouettes(images):
    """The pixels of each item, holes filled, `[images, 28, 28]`: all that the black frame does not reach from outside."""
    dark = images < 12
    outside = np.zeros((len(images), ITEM + 2, ITEM + 2), bool)
    outside[:, [0, -1], :] = outside[:, :, [0, -1]] = True
    while True:
        reached = outside.copy()
        for axis in (1, 2):
            for step in (-1, 1):
                reached[:, 1:-1, 1:-1] |= dark & np.roll(outside, step, axis)[:, 1:-1, 1:-1]
        if (reached == outside).all():
            return ~outside[:, 1:-1, 1:-1]
        outside = reached


def ground(generator):
    """Two gratings and noise between two colours, `[SIDE, SIDE, 3]` in 0..1."""
    down, right = np.mgrid[:SIDE, :SIDE] / SIDE
    wave = np.zeros((SIDE, SIDE))
    for _ in range(2):
        angle, turns, phase = generator.uniform(0, [np.pi, 12, 2 * np.pi])
        wave += np.sin(2 * np.pi * turns * (down * np.cos(angle) + right * np.sin(angle)) + phase)
    wave = wave / 4 + 0.5 + generator.normal(0, 0.05, (SIDE, SIDE))
    low, high = generator.uniform(0.05, 0.75, (2, 3))
    return low + (high - low) * wave[:, :, None]


def placed(generator, image, silhouette):
    """An item at a random size and place: its brightness and its silhouette on the whole scene."""
    side = round(ITEM * generator.uniform(*SCALES))
    top, left = generator.integers(0, SIDE - side + 1, 2)
    if generator.random() < 0.5:
        image, silhouette = image[:, ::-1], silhouette[:, ::-1]
    brightness = np.zeros((SIDE, SIDE))
    inside = np.zeros((SIDE, SIDE), bool)
    window = np.s_[top : top + side, left : left + side]
    brightness[window] = np.asarray(Image.fromarray(image).resize((side, side), Image.BILINEAR)) / 255
    cover = Image.fromarray(silhouette.astype(np.uint8) * 255).resize((side, side), Image.BILINEAR)
    inside[window] = np.asarray(cover) >= 128
    return brightness, inside


def scene(generator, images, masks):
    """A scene, its items from the back to the front.

    Returns the picture, `[SIDE, SIDE, 3]` in uint8, the row of the item at each pixel, `[SIDE, SIDE]`, and -1 on the ground."""
    picture = ground(generator)
    owner = np.full((SIDE, SIDE), -1)
    whole = {}
    count, attempts = generator.integers(ITEMS[0], ITEMS[1] + 1), 0
    while len(whole) < count and attempts < ATTEMPTS:
        attempts += 1
        row = int(generator.integers(len(images)))
        brightness, inside = placed(generator, images[row], masks[row])
        if row in whole or any(
            ((owner == other) & ~inside).sum() < VISIBLE * size for other, size in whole.items()
        ):
            continue
        whole[row] = inside.sum()
        tint = generator.uniform(0.6, 1.0, 3)
        picture[inside] = (0.1 + 0.9 * brightness[inside, None]) * tint
        owner[inside] = row
    return (picture.clip(0, 1) * 255).round().astype(np.uint8), owner
