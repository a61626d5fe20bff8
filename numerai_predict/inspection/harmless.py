"""Which calls by name, while a pickle is loaded, run no code that it carries and make nothing that it may ask for."""

import builtins
import sys

# Modules of the standard library whose functions and classes run nothing that they are given, and make no module.
_MODULES = frozenset(
    {"_codecs", "abc", "array", "collections", "copyreg", "datetime", "decimal", "enum", "fractions", "inspect"}
    | {"logging", "pathlib", "random", "re", "string", "types", "typing", "uuid", "weakref", "zoneinfo"}
)
_TYPES = {("builtins", name) for name, value in vars(builtins).items() if isinstance(value, type)}
_NAMES = frozenset(
    {("_operator", "getitem"), ("builtins", "getattr"), ("functools", "cached_property"), ("functools", "partial")}
    | {("functools", "partialmethod"), ("operator", "attrgetter"), ("operator", "itemgetter")}
    | (_TYPES - {("builtins", "filter"), ("builtins", "map")})
)


def is_harmless(module: str, name: str) -> bool:
    """Whether a call of it leaves everything as it was. What packages call counts as such: the modules that they make
    have the names of the package.
    """
    package = module.partition(".")[0]
    return package not in sys.stdlib_module_names or package in _MODULES or (module, name) in _NAMES
