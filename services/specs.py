"""Find a capability's spec by its name, and its training: the one place that imports a service by a computed name."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shared.serving.capability_spec import AnySpec

if TYPE_CHECKING:
    from shared.training.recipe import Recipe


def spec_of(name: str) -> AnySpec:
    """Import what a capability of the table declares; nothing of another one is loaded.

    Raises:
        ModuleNotFoundError: the table names a capability that has no folder.
    """
    spec: AnySpec = import_module(f"services.{name}.capability").CAPABILITY
    return spec


def recipe_of(spec: AnySpec) -> "Recipe[Any, Any, Any]":
    """Import the training of a capability, and nothing of another one.

    Raises:
        TypeError: what its spec names is no recipe.
    """
    from shared.training.recipe import Recipe

    recipe = spec.training.recipe()
    if not isinstance(recipe, Recipe):
        raise TypeError(f"the training of {spec.capability.name} is no recipe")
    return recipe
