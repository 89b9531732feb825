"""What kind of box a chain of compression works for, and how this machine stands in for it while it measures."""

from dataclasses import dataclass

from devices.errors import EdgekitError
from devices.library import profile, suggest
from devices.machine import Machine
from devices.profile import Match, Profile
from edge.model.choice import Choice

THIS_BOX = "this-box"
_HINTS = {"bf16": "bf16", "fp16": "f16"}


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of box.

    Attributes:
        name: Of its profile, or `this-box`.
        engines: Its engines, in the order of preference.
        precisions: That models may have there: `int8`, `bf16`, `fp16`, `fp32`.
        isa: What to hold this machine's CPU to while it measures, as oneDNN names it; None: nothing.
    """

    name: str
    engines: tuple[str, ...]
    precisions: tuple[str, ...]
    isa: str | None

    @classmethod
    def of(cls, name: str, machine: Machine) -> "Target":
        """Return the target of a name, for a machine that measures for it.

        Raises:
            EdgekitError: There is no such profile, it is not supported, or this machine cannot stand in for it.
        """
        if name == THIS_BOX:
            found = suggest(machine)
            if found is None:
                raise EdgekitError("no profile fits this machine: name one with --target, see `edgekit devices list`")
            return cls(name, *_wanted(found), isa=None)
        wanted = profile(name)
        if not _stands_in(wanted.match, machine):
            raise EdgekitError(
                f"{name} cannot be measured on this machine ({machine.architecture}): run this command on such a box "
                f"with --target {THIS_BOX}, or name a target that this machine contains"
            )
        return cls(name, *_wanted(wanted), isa=_isa(wanted, machine))

    def float_ways(self) -> tuple[Choice, ...]:
        """Return the ways to run a float file here, those that compute most exactly first."""
        ways = [Choice(engine, "fp32") for engine in ("openvino", "onnxruntime") if engine in self.engines]
        if "openvino" in self.engines:
            ways += [Choice("openvino", "fp32", "bf16")] if "bf16" in self.precisions else []
            ways += [Choice("openvino", "fp32", "f16")] if "fp16" in self.precisions else []
        return tuple(ways)

    def int8_ways(self) -> tuple[Choice, ...]:
        """Return the ways to run INT8 files here."""
        if "int8" not in self.precisions:
            return ()
        return tuple(Choice(engine, "int8") for engine in ("openvino", "onnxruntime") if engine in self.engines)


def _wanted(found: Profile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return engines and precisions of a profile.

    Raises:
        EdgekitError: It is not supported.
    """
    if found.runtime is None or found.inference is None:
        raise EdgekitError(f"{found.name} is not supported: {found.reason}")
    return tuple(backend.value for backend in found.runtime.backends), tuple(found.inference.precisions)


def _stands_in(match: Match, machine: Machine) -> bool:
    """Whether a machine's CPU knows all that a profile's does; boards and accelerators stand for themselves alone."""
    return (
        match.architecture == machine.architecture
        and match.model is None
        and match.gpu is None
        and not match.l4t_major
        and machine.cpu_flags.issuperset(match.cpu_flags)
        and (not match.any_cpu_flag or not machine.cpu_flags.isdisjoint(match.any_cpu_flag))
    )


def _isa(wanted: Profile, machine: Machine) -> str | None:
    """Return what oneDNN may use at most, so that a larger CPU computes as the profile's does."""
    flags = {*wanted.match.cpu_flags, *wanted.match.any_cpu_flag}
    if "amx_tile" in flags or wanted.match.architecture != "x86_64":
        return None
    if "avx512_vnni" in flags and "avx512_vnni" in machine.cpu_flags:
        return "AVX512_CORE_VNNI"
    if "avx_vnni" in flags:
        return "AVX2_VNNI"
    return "AVX2" if "avx2" in flags else "SSE41"
