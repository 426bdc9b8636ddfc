"""Memory: what is read is one matrix, whatever the checkpoint holds."""

import json
import tracemalloc

import numpy as np
import pytest

from shallows.checkpoints import open_checkpoint, weight_matrices

ROWS, COLUMNS, COUNT = 1024, 512, 8


def checkpoint_of(path, dtype, itemsize):
    """Matrices of ones (as float32) or of small codes, and an attention of three in one."""
    header, begin = {}, 0
    for index in range(COUNT):
        end = begin + ROWS * COLUMNS * itemsize
        header[f"{index}.weight"] = {"dtype": dtype, "shape": [ROWS, COLUMNS], "data_offsets": [begin, end]}
        begin = end
    end = begin + 3 * COLUMNS * COLUMNS * itemsize
    header["attn.qkv.weight"] = {"dtype": dtype, "shape": [3 * COLUMNS, COLUMNS], "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # numbers that are not aligned are copied
    rng = np.random.default_rng(0)
    path.write_bytes(len(text).to_bytes(8, "little") + text + rng.integers(0, 60, end).astype(np.uint8).tobytes())
    return path


@pytest.mark.parametrize(
    "dtype,itemsize,share", [("F32", 4, 0.7), ("BF16", 2, 1.5), ("F16", 2, 1.5), ("F8_E4M3", 1, 1.5)]
)
def test_no_more_than_one_matrix_is_held(tmp_path, dtype, itemsize, share):
    largest = 4 * ROWS * COLUMNS  # in single precision, in which it is given
    with open_checkpoint(checkpoint_of(tmp_path / "m.safetensors", dtype, itemsize)) as checkpoint:
        tracemalloc.start()
        matrices, _ = weight_matrices(checkpoint)
        listed = tracemalloc.get_traced_memory()[1]
        for matrix in matrices:
            assert float(matrix.read()[0, 0]) >= 0.0
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(matrices) == COUNT + 3
    assert listed < 0.2 * largest
    assert peak < share * largest
