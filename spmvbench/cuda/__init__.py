"""What runs on an NVIDIA GPU: kernels from kernels/ through CuPy, and how they are launched."""
