"""A small network trained with NumPy: weights with the statistics of training, without a download.

python tests/toy_network.py weights.safetensors
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import ml_dtypes
import numpy as np

INPUTS, HIDDEN, CLASSES = 128, 256, 128
STEPS, BATCH, RATE, MOMENTUM, NOISE = 150, 128, 0.5, 0.9, 0.6

SAFETENSORS_TYPES = {
    np.dtype(np.float32): "F32",
    np.dtype(np.float16): "F16",
    np.dtype(ml_dtypes.bfloat16): "BF16",
    np.dtype(np.int64): "I64",
    np.dtype(np.uint8): "U8",
}


def train(seed: int = 47) -> tuple[dict[str, np.ndarray], list[float]]:
    """Weights of a two-layer perceptron that tells 128 noisy patterns apart, and its losses.

    Shapes: layers.0.weight (256, 128), layers.1.weight (128, 256), float32.
    """
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((CLASSES, INPUTS), dtype=np.float32)
    weights = {
        "layers.0.weight": rng.standard_normal((HIDDEN, INPUTS), np.float32) / INPUTS**0.5,
        "layers.0.bias": np.zeros(HIDDEN, np.float32),
        "layers.1.weight": rng.standard_normal((CLASSES, HIDDEN), np.float32) / HIDDEN**0.5,
        "layers.1.bias": np.zeros(CLASSES, np.float32),
    }
    speed = {name: np.zeros_like(weight) for name, weight in weights.items()}
    losses = []
    for _ in range(STEPS):
        label = rng.integers(CLASSES, size=BATCH)
        x = centres[label] + np.float32(NOISE) * rng.standard_normal((BATCH, INPUTS), np.float32)
        loss, gradients = _gradients(weights, x, label)
        losses.append(loss)
        for name, gradient in gradients.items():
            speed[name] = MOMENTUM * speed[name] - RATE * (1 - MOMENTUM) * gradient
            weights[name] = (weights[name] + speed[name]).astype(np.float32)
    return weights, losses


def _gradients(
    weights: Mapping[str, np.ndarray], x: np.ndarray, label: np.ndarray
) -> tuple[float, dict[str, np.ndarray]]:
    """Mean cross-entropy of a batch, and what to follow downhill."""
    hidden = np.maximum(0, x @ weights["layers.0.weight"].T + weights["layers.0.bias"])
    scores = hidden @ weights["layers.1.weight"].T + weights["layers.1.bias"]
    scores -= scores.max(axis=1, keepdims=True)
    chances = np.exp(scores)
    chances /= chances.sum(axis=1, keepdims=True)
    loss = float(-np.log(chances[np.arange(BATCH), label]).mean())
    chances[np.arange(BATCH), label] -= 1
    back = chances / BATCH
    behind = (back @ weights["layers.1.weight"]) * (hidden > 0)
    return loss, {
        "layers.0.weight": behind.T @ x,
        "layers.0.bias": behind.sum(axis=0),
        "layers.1.weight": back.T @ hidden,
        "layers.1.bias": back.sum(axis=0),
    }


def write_safetensors(path: Path, tensors: Mapping[str, np.ndarray]) -> Path:
    """The tensors as a `.safetensors` file, one after another; returns the path."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        kind = SAFETENSORS_TYPES[tensor.dtype]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(np.ascontiguousarray(tensor).tobytes() for tensor in tensors.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def write_toy_network(path: Path, seed: int = 47) -> Path:
    """Train, and write the weights and biases; returns the path."""
    return write_safetensors(path, train(seed)[0])


if __name__ == "__main__":
    print(write_toy_network(Path(sys.argv[1])))
