"""In which form ONNX Runtime's INT8 files are written: it depends on what will compute them."""

from enum import Enum


class Int8Scheme(str, Enum):
    """For what an INT8 file for ONNX Runtime is made.

    Weights are symmetric and have a scale for each channel, whatever the scheme.
    """

    ANY_CPU = "any-cpu"
    """Weights use seven of their eight bits: CPUs without VNNI add two products of a u8 and an s8 in 16 bits, which
    saturates with eight."""

    VNNI = "vnni"
    """Weights use all eight bits; right on CPUs that add such products in 32 bits alone."""

    TENSORRT = "tensorrt"
    """Activations are symmetric too, since TensorRT knows no zero points."""

    @property
    def seven_bits(self) -> bool:
        """Whether weights leave a bit unused."""
        return self is Int8Scheme.ANY_CPU

    @property
    def symmetric_activations(self) -> bool:
        """Whether zero is in the middle of every activation's range."""
        return self is Int8Scheme.TENSORRT
