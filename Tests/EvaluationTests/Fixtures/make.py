"""Writes classes.npz: splits of tiny images with labels that do or do not belong to them."""
import numpy as np

grey = np.arange(24, dtype=np.uint8).reshape(3, 2, 4)
np.savez_compressed(
    "classes.npz",
    good_images=grey, good_labels=np.array([[0], [1], [1]], dtype=np.uint8),
    short_images=grey, short_labels=np.array([0, 1]),
    real_images=grey.astype(np.float32), real_labels=np.array([0, 1, 1]),
    flat_images=grey.reshape(3, 8), flat_labels=np.array([0, 1, 1]),
    colour_images=np.zeros((2, 3, 3, 3), dtype=np.uint8), colour_labels=np.array([0, 1]),
)
