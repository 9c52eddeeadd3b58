"""`spmvbench.torch`: a packed layer is where a dense one was, and says what it cannot do."""

from __future__ import annotations

import copy
import io
import warnings
from types import SimpleNamespace

import pytest

torch = pytest.importorskip(
    "torch", reason="torch is not installed: pip install 'spmvbench[torch]'"
)

from torch import nn  # noqa: E402

import spmvbench.torch  # noqa: E402
from spmvbench.api import arrays as arrays_seen  # noqa: E402
from spmvbench.api import tensors  # noqa: E402
from spmvbench.api.places import Place  # noqa: E402
from spmvbench.errors import DtypeError, MatrixError, UserError  # noqa: E402
from spmvbench.torch import Linear, op  # noqa: E402

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}


@pytest.fixture(autouse=True)
def said_anew():
    op._say_that_many_are_slow.cache_clear()


def dense(dtype=torch.float32, cols=96, rows=40, bias=True, sparsity=0.5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    layer = nn.Linear(cols, rows, bias)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(rows, cols, generator=generator))
        layer.weight[torch.rand(rows, cols, generator=generator) < sparsity] = 0
        if bias:
            layer.bias.copy_(torch.randn(rows, generator=generator))
    return layer.to(dtype).eval()


def some(*shape, dtype=torch.float32, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def close(y, wanted):
    roundoff = torch.finfo(wanted.dtype).eps
    assert y.dtype == wanted.dtype
    torch.testing.assert_close(y, wanted, rtol=4 * roundoff, atol=40 * roundoff)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@torch.no_grad()
def test_a_packed_layer_gives_what_the_dense_one_does(dtype, bias):
    layer = dense(DTYPES[dtype], bias=bias)
    x = some(96, dtype=DTYPES[dtype])
    close(Linear.from_dense(layer)(x), layer(x))


@pytest.mark.parametrize("shape", [(), (1,), (3,), (8,), (1, 1), (2, 3), (2, 1, 4), (0,)])
@torch.no_grad()
def test_inputs_of_any_leading_shape_are_taken(shape):
    layer = dense()
    x = some(*shape, 96)
    close(Linear.from_dense(layer)(x), layer(x))


@torch.no_grad()
def test_strided_inputs_are_taken():
    layer = dense()
    x = some(96, 5).t()
    close(Linear.from_dense(layer)(x), layer(x))


@torch.no_grad()
def test_more_than_eight_vectors_are_right_and_said_to_be_slow_once():
    layer = dense()
    packed = Linear.from_dense(layer)
    x = some(19, 96)
    with pytest.warns(UserWarning, match=r"8 at a time.*Linear\.to_dense\(\)"):
        close(packed(x), layer(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        packed(x)


def test_weights_are_in_memory_once():
    packed = Linear.from_dense(dense())
    products = packed.matrix.products
    products.plan(1)
    there = products.packed.arrays
    for name in op.NAMES:
        assert getattr(packed, name).data_ptr() == there[name].ctypes.data
    product = products._host.put(there["values"])
    assert product.ctypes.data == packed.values.data_ptr()


@torch.no_grad()
def test_the_dense_layer_comes_back():
    layer = dense(torch.bfloat16)
    again = Linear.from_dense(layer).to_dense()
    assert type(again) is nn.Linear
    assert torch.equal(again.weight, layer.weight)
    assert torch.equal(again.bias, layer.bias)
    assert again.weight.requires_grad


def test_a_gradient_is_refused_and_not_forgotten():
    packed = Linear.from_dense(dense())
    x = some(96).requires_grad_()
    with pytest.raises(MatrixError, match=r"x requires grad.*torch\.no_grad\(\)"):
        packed(x)
    with torch.no_grad():
        assert not packed(x).requires_grad
    with torch.inference_mode():
        assert packed(x).is_inference()
    assert not packed(x.detach()).requires_grad


MISTAKES = {
    "wrong length": (some(95), MatrixError, r"x has shape \(95,\); expected \(\.\.\., 96\)"),
    "another type": (some(96).half(), DtypeError, r"x is torch\.float16; expected .*float32"),
    "elsewhere": (some(96).to("meta"), MatrixError, "x lives on meta, the weights on cpu"),
}


@pytest.mark.parametrize("x", MISTAKES.values(), ids=MISTAKES)
def test_what_is_no_input_is_refused_in_one_line(x):
    value, kind, line = x
    with pytest.raises(kind, match=line):
        Linear.from_dense(dense())(value)


def test_a_state_dict_goes_into_another_layer():
    packed = Linear.from_dense(dense())
    file = io.BytesIO()
    torch.save(packed.state_dict(), file)
    file.seek(0)
    other = Linear(96, 40)
    assert not other(some(96)).any()
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(some(96)), packed(some(96)))
    assert other.values.data_ptr() != packed.values.data_ptr()
    other.load_state_dict(Linear.from_dense(dense(sparsity=0.9)).state_dict())
    close(other(some(96)), dense(sparsity=0.9)(some(96)).detach())


def test_a_state_dict_is_cast_unless_it_is_assigned():
    state = Linear.from_dense(dense(torch.float16)).state_dict()
    cast, assigned = Linear(96, 40), Linear(96, 40)
    cast.load_state_dict(state)
    assigned.load_state_dict(state, assign=True)
    assert cast.values.dtype == torch.float32
    assert assigned.values.dtype == assigned.bias.dtype == torch.float16


def broken(name, change):
    state = Linear.from_dense(dense()).state_dict()
    return {**state, name: change(state[name].clone())}


STATES = {
    "rows missing": (broken("row_pointers", lambda p: p[:-1]), "the weights have 39 rows"),
    "falling": (broken("row_pointers", lambda p: p.flip(0)), "row_pointers do not rise"),
    "codes missing": (broken("deltas", lambda d: d[:-1]), "deltas has shape"),
    "too wide": (broken("deltas", lambda d: d.fill_(255)), "entries reach column"),
    "no codes": (
        {k: v for k, v in broken("deltas", lambda d: d).items() if k != "deltas"},
        "Missing key.*deltas",
    ),
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_weights_that_would_lead_a_kernel_astray_are_not_loaded(state):
    found, line = state
    layer = Linear(96, 40)
    with pytest.raises(RuntimeError, match=line):
        layer.load_state_dict(found)


@pytest.mark.parametrize("name", DTYPES)
def test_casts_are_those_of_the_dense_layer(name):
    layer = dense(torch.float32)
    packed = Linear.from_dense(layer).to(DTYPES[name])
    assert packed.values.dtype == packed.bias.dtype == DTYPES[name]
    assert str(packed.matrix.dtype) == name
    assert packed.matrix.packed.arrays["values"].ctypes.data == packed.values.data_ptr()
    assert torch.equal(packed.to_dense().weight, layer.to(DTYPES[name]).weight)
    x = some(96, dtype=DTYPES[name])
    close(packed(x), layer.to(DTYPES[name])(x).detach())


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda m: m.double(), r"cannot be torch\.float64; expected float16"),
        (lambda m: m.to("meta"), "cannot live on meta"),
        (lambda m: m.type(torch.float16), r"cannot be cast by type\(\)"),
    ],
)
def test_a_cast_without_kernels_is_refused_and_changes_nothing(change, line):
    packed = Linear.from_dense(dense())
    before = packed(some(96))
    with pytest.raises(UserError, match=line):
        change(packed)
    assert torch.equal(packed(some(96)), before)


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda m: torch.load(saved(m), weights_only=False)]
)
def test_a_layer_can_be_copied_and_saved_whole(again):
    packed = Linear.from_dense(dense())
    other = again(packed)
    assert torch.equal(other(some(96)), packed(some(96)))
    assert other.values.data_ptr() != packed.values.data_ptr()


def test_a_layer_that_is_saved_whole_has_its_weights_once():
    packed = Linear.from_dense(dense(cols=4096))
    assert saved(packed).getbuffer().nbytes < 1.2 * packed.matrix.nbytes


def saved(module):
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return file


def test_only_a_linear_layer_can_be_packed():
    with pytest.raises(DtypeError, match=r"got a Conv1d; expected a torch\.nn\.Linear"):
        Linear.from_dense(nn.Conv1d(1, 1, 1))
    with pytest.raises(DtypeError, match=r"cannot be torch\.float64"):
        Linear.from_dense(nn.Linear(3, 3).double())
    with pytest.raises(MatrixError, match="cannot live on meta"):
        Linear.from_dense(nn.Linear(3, 3, device="meta"))


def test_the_text_of_a_layer_says_its_size_against_dense():
    words = repr(Linear.from_dense(dense(torch.float16)))
    assert words.startswith(
        "Linear(in_features=96, out_features=40, bias=True, dtype=torch.float16"
    )
    assert words.endswith(" % of dense)")


# The operator


def arrays():
    packed = Linear.from_dense(dense())
    return packed, [getattr(packed, name) for name in op.NAMES]


def test_the_operator_is_what_pytorch_expects_of_one():
    _, known = arrays()
    torch.library.opcheck(op.product, (*known, some(3, 96)))


def test_the_operator_takes_arrays_that_no_layer_holds():
    packed, known = arrays()
    y = op.product(*[tensor.clone() for tensor in known], some(3, 96))
    close(y + packed.bias, packed(some(3, 96)))


def test_a_matrix_is_forgotten_with_its_layer():
    packed, known = arrays()
    key = op._key(known[-1], op.CPU)
    assert op._known[key] is packed.matrix
    del packed
    assert key not in op._known


@torch.no_grad()
def test_a_compiled_model_is_one_graph_and_gives_the_same():
    model = nn.Sequential(Linear.from_dense(dense()), nn.ReLU(), Linear.from_dense(dense(cols=40)))
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for x in (some(1, 96), some(4, 96), some(3, 96)):
        assert torch.equal(compiled(x), model(x))


# On a GPU: tensors of the CPU are taken for such of a GPU, on which the kernels run


@pytest.fixture
def on_gpu(fake_cupy, monkeypatch):
    for module in (tensors, arrays_seen, op):
        monkeypatch.setattr(module, "place_of", lambda tensor, name: Place("cuda"))
    stream = SimpleNamespace(cuda_stream=4711)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda index: stream)
    return fake_cupy


@pytest.mark.parametrize("dtype", DTYPES)
@torch.no_grad()
def test_a_layer_on_a_gpu_gives_what_the_dense_one_does(on_gpu, dtype):
    layer = dense(DTYPES[dtype])
    packed = Linear.from_dense(layer)
    assert packed.matrix.device == "cuda:0"
    for batch in (1, 2, 3, 8):
        x = some(batch, 96, dtype=DTYPES[dtype])
        on_gpu.cuda.STATE.log.clear()
        close(packed(x), layer(x))
        assert on_gpu.cuda.STATE.log == ["kernel macko"]


@torch.no_grad()
def test_all_memory_of_a_product_on_a_gpu_is_pytorchs(on_gpu, monkeypatch):
    packed = Linear.from_dense(dense())
    x = some(11, 96)
    with pytest.warns(UserWarning, match="8 at a time"):
        wanted = packed(x)
    monkeypatch.setattr(on_gpu.cuda.POOL, "limit", 0)
    assert torch.equal(packed(x), wanted)
    assert packed.values.data_ptr() == packed.matrix.packed.arrays["values"].data.ptr


def test_a_product_is_queued_on_pytorchs_stream(on_gpu, monkeypatch):
    seen = []
    submit = on_gpu.cuda.STATE.submit

    def note(what, work):
        seen.append(on_gpu.cuda.get_current_stream().ptr)
        submit(what, work)

    packed = spmvbench.macko(dense().weight)
    monkeypatch.setattr(on_gpu.cuda.STATE, "submit", note)
    assert isinstance(packed @ some(96), torch.Tensor)
    Linear.from_dense(dense())(some(96))
    assert seen == [4711, 4711]
    assert on_gpu.cuda.get_current_stream().ptr == 0


# Models


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = dense(), dense(cols=40, rows=96)
        self.head = dense(rows=96, sparsity=0)
        self.again = self.up
        self.norm = nn.LayerNorm(96)

    def forward(self, x):
        return self.head(self.down(torch.relu(self.up(self.norm(x)))) + 0 * self.again(x).sum())


@torch.no_grad()
def test_the_sparse_layers_of_a_model_are_replaced():
    model = nn.Sequential(Block(), Block())
    wanted = model(some(2, 96))
    names = spmvbench.torch.convert(model, min_sparsity=0.4)
    assert names == ["0.up", "0.down", "0.again", "1.up", "1.down", "1.again"]
    assert model[0].again is model[0].up
    assert type(model[0].head) is nn.Linear
    torch.testing.assert_close(model(some(2, 96)), wanted, rtol=1e-4, atol=1e-3)


def test_what_is_no_plain_linear_layer_stays():
    model = nn.ModuleList([nn.MultiheadAttention(8, 2), dense().double()])
    assert spmvbench.torch.convert(model[0], min_sparsity=0.0) == []
    assert spmvbench.torch.convert(model, min_sparsity=0.0) == []


def test_mistakes_with_models_are_one_line():
    with pytest.raises(DtypeError, match=r"Linear\.from_dense\(model\)"):
        spmvbench.torch.convert(dense(), min_sparsity=0.1)
    with pytest.raises(MatrixError, match="expected a share from 0 to 1"):
        spmvbench.torch.convert(nn.Sequential(dense()), min_sparsity=40)


@pytest.mark.parametrize("device", ["cpu", "meta"])
@torch.no_grad()
def test_a_packed_model_is_loaded_into_a_dense_one(device):
    packed = Block().to(torch.bfloat16)
    spmvbench.torch.convert(packed, min_sparsity=0.4)
    with torch.device(device):
        fresh = Block().to(torch.bfloat16) if device == "cpu" else skeleton()
    spmvbench.torch.load(fresh, packed.state_dict(), assign=device == "meta")
    assert type(fresh.up) is Linear
    x = some(2, 96, dtype=torch.bfloat16)
    assert torch.equal(fresh(x), packed(x))


def skeleton():
    return copy.deepcopy(Block()).to("meta")
