"""Writes arrays.npz (deflated) and stored.npz with NumPy, for the tests of the reader."""
import numpy as np

arrays = dict(
    bytes=np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    whole=np.array([[-1], [2**40]], dtype=np.int64),
    real=np.array([0.5, -2.25, 3e38], dtype=np.float32),
    scalar=np.array(7, dtype=np.int64),
    none=np.zeros((0, 5), dtype=np.uint8),
    double=np.zeros(3),
    swapped=np.zeros(3, dtype=">f4"),
    columns=np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3)),
)
np.savez_compressed("arrays.npz", **arrays)
np.savez("stored.npz", **{k: arrays[k] for k in ("bytes", "whole")})
