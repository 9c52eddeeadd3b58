"""The experiments that come with spmvbench, and the schema by which editors complete them."""

import json

import pytest

from spmvbench import experiment
from spmvbench.errors import ExperimentError
from spmvbench.formats.auto import ON_CUDA
from spmvbench.paths import data_dir

SCHEMA = experiment.json_schema()

# The weights of this one are installed by an extra.
GENERATED = [name for name in experiment.shipped() if name != "real_weights"]


def walk(schema):
    """All schemas within a schema."""
    yield schema
    for value in schema.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from walk(item)


def test_the_experiments_are_shipped():
    expected = {"smoke", "quick", "sparsity_sweep", "shape_sweep", "real_weights", "cpu_formats"}
    assert expected <= set(experiment.shipped())


@pytest.mark.parametrize("name", experiment.shipped())
def test_a_shipped_experiment_loads_by_name_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert experiment.load(name).name == name
    assert experiment.load(f"{name}.yaml").description


@pytest.mark.parametrize("name", experiment.shipped())
def test_a_shipped_experiment_begins_with_the_question_it_answers(name):
    comments = (data_dir("experiments") / f"{name}.yaml").read_text().split("\n\n")[0]
    assert "?" in comments


@pytest.mark.parametrize("name", GENERATED)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_shipped_experiment_expands(name, device, monkeypatch):
    monkeypatch.setattr("spmvbench.experiment.expand._memory_bytes", lambda: 2**35)
    assert experiment.load(name).cases(device, 2)


def test_the_smoke_test_is_two_shapes_and_three_densities():
    assert len(experiment.load("smoke").cases("cpu", 2)) == 6


def test_quick_is_three_shapes_and_four_densities():
    assert len(experiment.load("quick").cases("cpu", 2)) == 12


def test_the_sparsity_sweep_has_eleven_densities_up_to_dense():
    densities = {case.problem.density for case in experiment.load("sparsity_sweep").cases("cpu", 2)}
    assert len(densities) == 11
    assert (min(densities), max(densities)) == (0.05, 1)


def test_the_shape_sweep_has_31_shapes_of_which_a_cpu_measures_12():
    sweep = experiment.load("shape_sweep", ["densities=0.5"])
    assert len(sweep.cases("cpu", 2)) == 12
    assert sweep.left_out("cpu") == 19
    assert sweep.left_out("cuda") == 0


def test_the_cpu_formats_are_measured_on_one_thread_and_two_with_targets_for_each():
    found = experiment.load("cpu_formats")
    cases = found.cases("cpu", 2)
    assert {case.threads for case in cases} == {1, 2}
    assert {case.cache for case in cases} == {"cold"}
    assert {claim.threads for claim in found.targets.claims} == {(1,), (2,)}
    assert [found.targets.share(tier) for tier in ("avx512", "avx2", "generic")] == [1, 0.5, 0]


def test_auto_on_cuda_is_judged_against_all_that_it_may_choose():
    found = experiment.load("auto_cuda")
    (claim,) = found.targets.claims
    assert set(claim.than) == set(ON_CUDA) == set(found.formats[1:10])
    assert (claim.format, claim.at_least) == ("auto", 0.97)


def test_every_density_and_shape_of_a_target_is_one_of_its_experiment():
    for name in GENERATED:
        found = experiment.load(name)
        cases = found.cases("cpu", 2)
        densities = {case.problem.density for case in cases}
        shapes = {(case.problem.rows, case.problem.cols) for case in cases}
        for claim in found.targets.claims:
            assert set(claim.densities) <= densities
            assert set(claim.shapes) <= shapes


def test_a_file_of_the_same_name_goes_before_a_shipped_experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke.yaml").write_text("formats: mako\n")
    with pytest.raises(ExperimentError, match=r"^smoke\.yaml:1: missing key 'shapes'"):
        experiment.load("smoke.yaml")


def test_a_folder_of_the_same_name_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke").mkdir()
    assert experiment.load("smoke").name == "smoke"


def test_the_schema_says_which_draft_it_is():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["type"] == "object"
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_every_key_of_the_schema_is_described():
    objects = [schema for schema in walk(SCHEMA) if "properties" in schema]
    assert len(objects) == 9
    for schema in objects:
        assert schema["additionalProperties"] is False
        for name, value in schema["properties"].items():
            assert value.get("description"), name


def test_every_reference_of_the_schema_leads_somewhere():
    references = {schema["$ref"] for schema in walk(SCHEMA) if "$ref" in schema}
    assert references == {f"#/$defs/{name}" for name in SCHEMA["$defs"]}


def test_the_schema_uses_only_keywords_of_its_draft():
    known = {
        *("$schema", "$defs", "$ref", "title", "description", "default", "type", "enum", "const"),
        *("properties", "required", "additionalProperties", "items", "prefixItems", "minItems"),
        *("maxItems", "anyOf", "oneOf", "pattern", "minimum", "maximum", "exclusiveMinimum"),
        *("exclusiveMaximum", "examples", "patternProperties"),
    }
    schemas = [SCHEMA, *SCHEMA["$defs"].values()]
    schemas += [value for schema in schemas for value in schema["properties"].values()]
    assert {keyword for schema in schemas for keyword in schema} <= known


@pytest.mark.parametrize("name", ["formats", "shapes", "densities", "seeds", "exclude"])
def test_the_schema_takes_a_list_or_one_value(name):
    forms = json.dumps(SCHEMA["properties"][name])
    assert '"anyOf"' in forms
    assert '"array"' in forms


def test_the_schema_completes_presets():
    assert "llama2-7b" in SCHEMA["$defs"]["PresetPart"]["properties"]["preset"]["enum"]


def test_the_schema_beside_the_experiments_is_current():
    text = (data_dir("experiments") / "schema.json").read_text()
    shipped = json.loads(text)
    # Compared by what editors show: other versions of pydantic may say the same in other words.
    assert described(shipped) == described(SCHEMA), "spmvbench schema > experiments/schema.json"


def described(schema):
    """Every key with its description."""
    parts = {"": schema, **schema["$defs"]}
    return {
        f"{part}.{name}": value.get("description")
        for part, found in parts.items()
        for name, value in found["properties"].items()
    }


@pytest.mark.parametrize("name", GENERATED)
def test_a_shipped_experiment_points_editors_to_the_schema(name):
    first = (data_dir("experiments") / f"{name}.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=schema.json"
