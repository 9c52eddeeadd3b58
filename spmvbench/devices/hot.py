"""Products repeated in a CUDA graph: what a product takes that has just been done."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from spmvbench.devices.base import Launch

PRODUCTS_OF_GRAPH = 20
"""Products that a graph repeats: its own launch is shared by so many."""


def graph_of(launch: Launch, stream: Any) -> Any:
    """The graph, on the device already: else its first launch would bring it there.

    Raises: RuntimeError for a product that no graph can hold.
    """
    stream.begin_capture()
    try:
        for _ in range(PRODUCTS_OF_GRAPH):
            launch.matvec(launch.x, launch.y)
    except Exception as error:
        with suppress(Exception):  # it is void already, and says so again
            stream.end_capture()
        raise RuntimeError(
            f"hot timing repeats a product in a CUDA graph, which cannot hold this one: {error}"
        ) from error
    graph = stream.end_capture()
    graph.upload(stream)
    return graph
