"""Types that NumPy lacks, held against PyTorch's own conversions."""

import numpy as np
import pytest

from shallows.checkpoints.stored_numbers import all_finite, check_memory, from_real, small_floats, stored_dtype, to_real
from shallows.errors import CannotRead

torch = pytest.importorskip("torch")

SMALL = ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"]


@pytest.mark.parametrize("dtype", [*SMALL, "float8_e8m0fnu"])
def test_every_code_of_8_bits_means_what_pytorch_says(dtype):
    if not hasattr(torch, dtype):
        pytest.skip("this PyTorch lacks the type")
    codes = np.arange(256, dtype=np.uint8)
    expected = torch.from_numpy(codes).view(getattr(torch, dtype)).float().numpy()
    np.testing.assert_array_equal(small_floats(dtype)[codes], expected)


def test_every_code_of_bfloat16_means_what_pytorch_says():
    codes = np.arange(1 << 16, dtype=np.uint16)
    expected = torch.from_numpy(codes.view(np.int16)).view(torch.bfloat16).float().numpy()
    np.testing.assert_array_equal(to_real(codes, "bfloat16"), expected)


def values_for(dtype):
    """Numbers of all sizes, exact ones, and the ties between neighbours."""
    rng = np.random.default_rng(0)
    if dtype == "bfloat16":
        codes = rng.integers(0, 0x7F7F, 4000).astype(np.uint16)
        exact, following = to_real(codes, dtype), to_real(codes + 1, dtype)
    else:
        table = small_floats(dtype)[:128]
        table = table[np.isfinite(table)]
        exact, following = table[:-1], table[1:]
    ties = (exact.astype(float) + following) / 2
    some = np.concatenate([exact, ties, ties * (1 + 1e-6), ties * (1 - 1e-6)]).astype(np.float32)
    return np.concatenate([some, -some])


@pytest.mark.parametrize("dtype", [*SMALL, "bfloat16", "float16"])
def test_rounding_is_pytorchs(dtype):
    values = values_for(dtype) if dtype != "float16" else np.random.default_rng(0).standard_normal(1000, np.float32)
    expected = torch.from_numpy(values).to(getattr(torch, dtype)).float().numpy()
    found = to_real(from_real(values, dtype), dtype)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [*SMALL, "bfloat16", "float16"])
def test_what_is_too_large_is_refused(dtype):
    with pytest.raises(OverflowError, match=dtype):
        from_real(np.array([1.0, 1e39]), dtype)


def test_single_and_double_precision_stay_views_and_other_byte_orders_are_turned():
    for dtype in ("float32", "float64"):
        array = np.arange(6, dtype=dtype)
        assert to_real(array, dtype) is array
    swapped = np.arange(6, dtype=">f4")
    assert to_real(swapped, "float32").dtype.isnative
    assert to_real(swapped, "float32").tolist() == [0, 1, 2, 3, 4, 5]
    assert to_real(np.arange(3, dtype=np.int32), "int32").dtype == np.float64
    assert to_real(np.arange(3, dtype=np.int8), "int8").dtype == np.float32


def test_unknown_types_are_none():
    assert stored_dtype("float4") is None
    with pytest.raises(ValueError, match="int8"):
        from_real(np.ones(2), "int8")


def test_finite_looks_at_every_block():
    values = np.zeros((3000, 1000), np.float32)
    assert all_finite(values)
    values[-1, -1] = np.inf
    assert not all_finite(values)
    assert not all_finite(np.array(np.nan))


def test_what_no_machine_holds_is_refused_before_it_is_allocated():
    with pytest.raises(CannotRead, match=r"takes 4e\+07 GB of memory"):
        check_memory((10**8, 10**8), 4)


def test_four_fifths_of_the_memory_may_be_taken(monkeypatch):
    monkeypatch.setattr("shallows.checkpoints.stored_numbers.physical_memory", lambda: 10 * 10**9)
    check_memory((2, 10**9), 4)
    with pytest.raises(CannotRead, match="takes 8 GB of memory, this machine has 10"):
        check_memory((2, 10**9 + 1), 4)
    monkeypatch.setattr("shallows.checkpoints.stored_numbers.physical_memory", lambda: None)
    check_memory((2, 10**9 + 1), 4)


@pytest.mark.parametrize("dtype", SMALL)
def test_what_rounds_to_the_largest_is_kept_and_what_lies_beyond_is_not(dtype):
    table = small_floats(dtype)[:128].astype(float)
    below, largest = table[np.isfinite(table)][-2:]
    near, beyond = largest + 0.4 * (largest - below), largest + 0.6 * (largest - below)
    assert to_real(from_real(np.array([near, -near]), dtype), dtype).tolist() == [largest, -largest]
    with pytest.raises(OverflowError, match=dtype):
        from_real(np.array([beyond]), dtype)
