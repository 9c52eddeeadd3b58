from math import prod

import pytest
import yaml

from spmvbench import shapes
from spmvbench.errors import ExperimentError
from spmvbench.shapes import Shape

MODELS = yaml.safe_load(shapes._FILE.read_text(encoding="utf-8"))

# What a model has beside its linear layers: the vocabulary's embeddings (twice where lm_head is a
# matrix of its own), the vectors of a block (norms, biases), those outside blocks, and positions.
REST = {
    "llama2-7b": {"vocabulary": 32000, "heads": 2, "block": 2 * 4096, "outside": 4096},
    "llama2-13b": {"vocabulary": 32000, "heads": 2, "block": 2 * 5120, "outside": 5120},
    "llama2-70b": {"vocabulary": 32000, "heads": 2, "block": 2 * 8192, "outside": 8192},
    "llama3-8b": {"vocabulary": 128256, "heads": 2, "block": 2 * 4096, "outside": 4096},
    "llama3-70b": {"vocabulary": 128256, "heads": 2, "block": 2 * 8192, "outside": 8192},
    "llama3.2-1b": {"vocabulary": 128256, "heads": 1, "block": 2 * 2048, "outside": 2048},
    "mistral-7b": {"vocabulary": 32000, "heads": 2, "block": 2 * 4096, "outside": 4096},
    "qwen2.5-7b": {
        "vocabulary": 152064,
        "heads": 2,
        "block": 2 * 3584 + 3584 + 512 + 512,  # biases of q, k, v
        "outside": 3584,
    },
    "gemma2-9b": {"vocabulary": 256000, "heads": 1, "block": 4 * 3584, "outside": 3584},
    "phi-3-mini": {"vocabulary": 32064, "heads": 2, "block": 2 * 3072, "outside": 3072},
    "opt-1.3b": {
        "vocabulary": 50272,
        "heads": 1,
        "block": 4 * 2048 + 5 * 2048 + 8192,  # two layer norms, six biases
        "outside": 2 * 2048 + 2050 * 2048,  # last norm, positions
    },
    "opt-13b": {
        "vocabulary": 50272,
        "heads": 1,
        "block": 4 * 5120 + 5 * 5120 + 20480,
        "outside": 2 * 5120 + 2050 * 5120,
    },
}


@pytest.mark.parametrize("name", shapes.names())
def test_linear_layers_and_the_rest_are_exactly_the_published_number_of_parameters(name):
    model, rest = MODELS[name], REST[name]
    linear = sum(shape.rows * shape.cols * shape.count for shape in shapes.preset(name))
    embeddings = rest["heads"] * rest["vocabulary"] * model["config"]["hidden_size"]
    vectors = model["blocks"] * rest["block"] + rest["outside"]
    assert linear + embeddings + vectors == model["parameters"]


@pytest.mark.parametrize("name", shapes.names())
def test_linear_layers_are_three_quarters_or_more_of_the_parameters(name):
    linear = sum(shape.rows * shape.cols * shape.count for shape in shapes.preset(name))
    assert 0.75 < linear / MODELS[name]["parameters"] < 1


@pytest.mark.parametrize("name", shapes.names())
def test_layers_follow_from_the_cited_config(name):
    config, layers = MODELS[name]["config"], MODELS[name]["layers"]
    hidden = config["hidden_size"]
    head = config.get("head_dim", hidden // config["num_attention_heads"])
    queries = head * config["num_attention_heads"]
    keys = head * config.get("num_key_value_heads", config["num_attention_heads"])
    inner = config.get("intermediate_size") or config["ffn_dim"]
    expected = {
        "q_proj": [queries, hidden],
        "k_proj": [keys, hidden],
        "v_proj": [keys, hidden],
        "qkv_proj": [queries + 2 * keys, hidden],
        "o_proj": [hidden, queries],
        "out_proj": [hidden, queries],
        "gate_proj": [inner, hidden],
        "up_proj": [inner, hidden],
        "gate_up_proj": [2 * inner, hidden],
        "down_proj": [hidden, inner],
        "fc1": [inner, hidden],
        "fc2": [hidden, inner],
    }
    assert layers == {layer: expected[layer] for layer in layers}
    assert MODELS[name]["blocks"] == config["num_hidden_layers"]


@pytest.mark.parametrize("name", shapes.names())
def test_each_model_cites_its_config(name):
    assert MODELS[name]["source"].startswith("https://huggingface.co/")
    assert MODELS[name]["source"].endswith("/config.json")


def test_a_preset_has_one_shape_per_layer_as_often_as_there_are_blocks():
    assert shapes.preset("llama2-7b")[-1] == Shape(4096, 11008, "llama2-7b", "down_proj", 32)
    assert len(shapes.preset("llama2-7b")) == 7


def test_a_glob_takes_some_layers():
    found = shapes.preset("llama2-70b", "[kv]_proj")
    assert [shape.layer for shape in found] == ["k_proj", "v_proj"]


def test_merged_shapes_are_distinct_and_keep_every_parameter():
    layers = shapes.preset("llama3-8b")
    merged = shapes.merge(layers)
    sizes = [(shape.rows, shape.cols) for shape in merged]
    assert sizes == [(4096, 4096), (1024, 4096), (14336, 4096), (4096, 14336)]
    assert sum(prod((s.rows, s.cols, s.count)) for s in merged) == sum(
        prod((s.rows, s.cols, s.count)) for s in layers
    )


def test_labels_of_one_size_are_joined_and_counts_summed():
    both = shapes.preset("llama2-7b", "q_proj") + shapes.preset("mistral-7b", "o_proj")
    joined = Shape(4096, 4096, "llama2-7b,mistral-7b", "q_proj,o_proj", 64)
    assert shapes.merge(both) == [joined]


def test_a_layer_named_twice_counts_once():
    twice = shapes.preset("llama2-7b") + shapes.preset("llama2-7b", "down_proj")
    assert shapes.merge(twice) == shapes.merge(shapes.preset("llama2-7b"))


def test_a_shape_without_a_model_adds_nothing_to_the_count_of_one_with():
    plain = [Shape(4096, 4096)]
    layer = shapes.preset("llama2-7b", "q_proj")
    assert shapes.merge(plain + layer) == layer
    assert shapes.merge(plain + plain) == plain


def test_an_unknown_preset_is_refused_with_the_nearest_and_all():
    with pytest.raises(ExperimentError, match=r"'llama2-7'; did you mean 'llama2-7b'\? Presets: l"):
        shapes.preset("llama2-7")


def test_a_glob_that_matches_no_layer_is_refused_with_the_layers():
    with pytest.raises(ExperimentError, match=r"'fc1' matches no layer of llama2-7b; its .*q_proj"):
        shapes.preset("llama2-7b", "fc1")
