"""YAML through PyYAML and libyaml, with the safe tags only. What is read must have a form in JSON too.

Aliases are shared objects in memory and copies in any answer, so what they unfold to is counted before anything else is
done with it; merge keys (`<<`) copy while the value is made, so those are counted before that. Rejected: PyYAML's
loader in Python, ten times slower, and refusing aliases, which people use in configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import yaml

from ..errors import ConfigurationError, ContentTooLarge, DecodeError
from .guard import CODEC_ERRORS, describe_failure
from .json import encode_json
from .values import check_portable, convert, make_encode_other

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

if not yaml.__with_libyaml__:
    raise ConfigurationError("PyYAML was built without libyaml, and is ten times slower so. Install its wheel instead.")

_WHAT: Final = "The YAML body"
_SPARE: Final = 1000
"""How many values aliases may add to as many as the body has bytes."""


class _Loader(yaml.CSafeLoader):
    """The safe loader, which refuses merges that unfold beyond the size of the document."""

    merged = 0
    budget = _SPARE

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Copy what `<<` refers to into the mapping."""
        super().flatten_mapping(node)
        self.merged += len(node.value)
        if self.merged > self.budget:
            raise ValueError("its merge keys unfold beyond its size")


class _Dumper(yaml.CSafeDumper):
    """The safe dumper, which repeats what comes twice instead of referring to it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML asks for each value
        """Say yes."""
        return True


def decode_yaml(raw: bytes, model: Any = Any, *, depth: int = 100, limit: int = 1024 * 1024) -> Any:
    """Give the value of one YAML document, as `model` when one is given; an empty one is `None`.

    Raises `ContentTooLarge` (413) beyond `limit` bytes, `DecodeError` (400) with line and column for what is
    malformed, has unsafe tags, unfolds too far, is deeper than `depth`, or has no form in JSON, `Problem` (422) for
    what does not fit the model, and `ConfigurationError` for a model that cannot be filled.
    """
    if len(raw) > limit:
        raise ContentTooLarge(limit, "A YAML body")
    try:
        value = _load(raw)
        check_portable(value, depth=depth, budget=len(raw) + _SPARE)
        encode_json(value)
    except yaml.YAMLError as error:
        raise _locate(error) from error
    except CODEC_ERRORS as error:
        raise describe_failure(_WHAT, error) from error
    return value if model is Any else convert(value, model)


def _load(raw: bytes) -> Any:
    loader = _Loader(raw)
    loader.budget = len(raw) + _SPARE
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _locate(error: yaml.YAMLError) -> DecodeError:
    if not isinstance(error, yaml.MarkedYAMLError):
        return describe_failure(_WHAT, error)
    mark = error.problem_mark or error.context_mark
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    place = {"line": mark.line + 1, "column": mark.column + 1} if mark else {}
    return DecodeError(f"{_WHAT} cannot be decoded: {reason or 'it is malformed'}.", **place)


def make_yaml_encoder(encoders: Mapping[type[Any], Any]) -> Callable[[Any], bytes]:
    """Give what makes the YAML bytes of a value: the same data as in JSON, in block style.

    `encoders` are those of `make_encode_other`. It raises what JSON's raises, for the same values.
    """
    encode_other = make_encode_other(encoders)

    def encode(value: Any) -> bytes:
        plain = msgspec.to_builtins(value, str_keys=True, enc_hook=encode_other)
        text: bytes = yaml.dump(plain, Dumper=_Dumper, encoding="utf-8", allow_unicode=True, sort_keys=False)
        return text

    return encode
