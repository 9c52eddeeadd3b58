"""PyTorch layers whose weights are packed as MACKO: `spmvbench.torch.Linear.from_dense(layer)`."""

from spmvbench.torch.linear import Linear
from spmvbench.torch.models import convert, load
from spmvbench.torch.norms import activation_norms

__all__ = ["Linear", "activation_norms", "convert", "load"]
