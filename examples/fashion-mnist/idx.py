"""Reads the files of Debian's package dataset-fashion-mnist."""

import gzip

import numpy as np


def read_idx(path):
    """Reads a gzipped idx file of unsigned bytes."""
    content = gzip.decompress(path.read_bytes())
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def read(data, part):
    """Images `[images, 28, 28]` and labels of a part, `train` or `t10k`."""
    return read_idx(data / f"{part}-images-idx3-ubyte.gz"), read_idx(data / f"{part}-labels-idx1-ubyte.gz")
