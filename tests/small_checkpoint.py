"""A language model's checkpoint in small: two shards with an index, config and tokenizer.

python tests/small_checkpoint.py FOLDER [SCALE]: as wide as SCALE times 64; 64 is Llama-2-7B, 13 GB.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from toy_network import write_safetensors

from spmvbench.checkpoint.shard import ShardWriter

WIDTH, HIDDEN, VOCABULARY, BLOCKS = 64, 172, 500, 2


def shapes(scale: int = 1, blocks: int = BLOCKS) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor, as a Llama has them."""
    width, hidden, vocabulary = WIDTH * scale, HIDDEN * scale, VOCABULARY * scale
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, width)}
    for block in range(blocks):
        name = f"model.layers.{block}"
        found |= {f"{name}.self_attn.{n}_proj.weight": (width, width) for n in "qkvo"}
        found |= {f"{name}.mlp.{n}_proj.weight": (hidden, width) for n in ("gate", "up")}
        found[f"{name}.mlp.down_proj.weight"] = (width, hidden)
        found[f"{name}.input_layernorm.weight"] = (width,)
    return found | {"model.norm.weight": (width,), "lm_head.weight": (vocabulary, width)}


LINEAR = [name for name in shapes() if "_proj" in name]


def tensors(seed: int = 47, dtype: type = np.float16) -> dict[str, np.ndarray]:
    """Every tensor of the small model, normally distributed."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal(shape, np.float32).astype(dtype)
        for name, shape in shapes().items()
    }


def write_small(folder: Path, values: dict[str, np.ndarray] | None = None) -> Path:
    """The small checkpoint, in two shards; returns its folder."""
    values = values or tensors()
    folder.mkdir(parents=True, exist_ok=True)
    names = list(values)
    homes = {}
    for number, own in enumerate((names[:9], names[9:]), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        write_safetensors(folder / file, {name: values[name] for name in own})
        homes |= dict.fromkeys(own, file)
    _surroundings(folder, homes, sum(v.nbytes for v in values.values()))
    return folder


def write_large(folder: Path, scale: int, blocks: int, per_shard: int = 3) -> Path:
    """The same in any size, tensor by tensor: 64 and 32 blocks are Llama-2-7B."""
    folder.mkdir(parents=True)
    wanted = list(shapes(scale, blocks).items())
    size = -(-len(wanted) // per_shard)
    groups = [wanted[i : i + size] for i in range(0, len(wanted), size)]
    rng = np.random.default_rng(47)
    homes: dict[str, str] = {}
    total = 0
    for number, group in enumerate(groups, 1):
        file = f"model-{number:05}-of-{len(groups):05}.safetensors"
        with (folder / file).open("w+b") as stream:
            shard = ShardWriter(stream, [(n, len(s)) for n, s in group], {"format": "pt"})
            for name, shape in group:
                array = np.concatenate(list(_blocks(rng, shape)))
                shard.add(name, array)
                total += array.nbytes
            shard.close({"format": "pt"})
        homes |= {name: file for name, _ in group}
    _surroundings(folder, homes, total)
    return folder


def _blocks(rng: np.random.Generator, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    rows, rest = shape[0], shape[1:]
    for start in range(0, rows, 1024):
        block = (min(1024, rows - start), *rest)
        yield (rng.standard_normal(block, np.float32) * np.float32(0.02)).astype(np.float16)


def _surroundings(folder: Path, homes: dict[str, str], total: int) -> None:
    index = {"metadata": {"total_size": total}, "weight_map": homes}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (folder / "tokenizer.json").write_text("{}")


if __name__ == "__main__":
    print(write_large(Path(sys.argv[1]), int(sys.argv[2]), 32))
