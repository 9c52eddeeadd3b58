"""Which sparse format multiplies your pruned weights fastest? Importing this is cheap."""

__version__ = "0.1.0"
