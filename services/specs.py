"""Find a capability's spec by its name: the one place where a service is imported by a computed name."""

from importlib import import_module

from shared.serving.capability_spec import AnySpec


def spec_of(name: str) -> AnySpec:
    """Import what a capability of the table declares; nothing of another one is loaded.

    Raises:
        ModuleNotFoundError: the table names a capability that has no folder.
    """
    spec: AnySpec = import_module(f"services.{name}.capability").CAPABILITY
    return spec
