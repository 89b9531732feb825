"""Accelerators that an engine claims to have, each put to a real inference: being listed proves nothing.

A package may list a provider whose kernels do not fit the board, and then computes on the processor with no more than a
word in the log; a driver may be there without its firmware.
"""

from collections.abc import Iterator, Sequence

from devices.errors import EdgekitError
from edge.doctor.finding import Finding, fine, warning
from edge.model.bundle import Bundle
from edge.model.detector import Backend, load_detector
from edge.model.engine import Device, Placement

_OF_ONNX_RUNTIME: dict[str, Device] = {
    "TensorrtExecutionProvider": "tensorrt",
    "CUDAExecutionProvider": "cuda",
    "OpenVINOExecutionProvider": "openvino",
}
_OF_OPENVINO: dict[str, Device] = {"GPU": "gpu", "NPU": "npu"}


def check_providers(bundle: Bundle) -> Iterator[Finding]:
    """Let the bundle's model prove itself on each accelerator that is claimed; the processor is tried elsewhere."""
    for backend, device in claimed(_providers_of_onnx_runtime(), _devices_of_openvino()):
        yield try_device(bundle, backend, device)


def claimed(providers: Sequence[str], devices: Sequence[str]) -> Iterator[tuple[Backend, Device]]:
    """Return engine and device, as a configuration names them, of what the engines list.

    Args:
        providers: Of ONNX Runtime.
        devices: Of OpenVINO; several of one kind are numbered, as GPU.0.
    """
    for provider in providers:
        if provider in _OF_ONNX_RUNTIME:
            yield "onnxruntime", _OF_ONNX_RUNTIME[provider]
    for kind in dict.fromkeys(device.partition(".")[0] for device in devices):
        if kind in _OF_OPENVINO:
            yield "openvino", _OF_OPENVINO[kind]


def try_device(bundle: Bundle, backend: Backend, device: Device) -> Finding:
    """Say whether a model of the bundle proves itself on a device."""
    check = f"{backend} on {device}"
    try:
        detector = load_detector(bundle, backend=backend, precision="auto", requests=1, placement=Placement(device))
    except EdgekitError as exc:
        return warning(
            check,
            str(exc),
            "it is listed, and every inference would fail or fall back to the processor",
            f"leave device = {device!r} out of [inference], or install the runtime and drivers of the profile",
        )
    return fine(check, f"proved itself on the bundle's picture ({detector.info.device})")


def _providers_of_onnx_runtime() -> list[str]:
    try:
        import onnxruntime  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        return []
    return list(onnxruntime.get_available_providers())


def _devices_of_openvino() -> list[str]:
    try:
        import openvino  # noqa: PLC0415
    except ImportError:
        return []
    return list(openvino.Core().available_devices)
