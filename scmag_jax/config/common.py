"""What all run files share: they are TOML, validated as a whole, and wrong in one line that names the key."""

import difflib
import pathlib
import tomllib
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

Model = TypeVar("Model", bound="RunFile")


class RunFileError(Exception):
    """What is wrong with a run file, in one line that names the key and the file."""


class Section(BaseModel):
    """A table of a run file: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RunFile(Section):
    """A whole run file: its tables, and where the answer goes, beside the file."""

    suffix: ClassVar[str]

    output: pathlib.Path
    folder: pathlib.Path = Field(default=pathlib.Path(), exclude=True)

    @field_validator("output")
    @classmethod
    def _ends_well(cls, output: pathlib.Path) -> pathlib.Path:
        if output.suffix != cls.suffix:
            raise ValueError(f"must end in {cls.suffix}, got {output}")
        return output

    @property
    def output_path(self) -> pathlib.Path:
        """Where the answer goes.

        Raises:
            RunFileError: there is no such folder.
        """
        path = self.folder / self.output
        if not path.parent.is_dir():
            raise RunFileError(f"output: there is no folder {path.parent}")
        return path


def load(path: str | pathlib.Path, model: type[Model]) -> Model:
    """Read and validate a run file.

    Args:
        path: a TOML file; the paths in it are relative to its folder.
        model: of the whole file.

    Raises:
        RunFileError: the file cannot be read, or a key is unknown, missing or has a wrong value.
    """
    path = pathlib.Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunFileError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunFileError(f"{path} is not valid TOML: {error}") from None
    try:
        return model.model_validate({**values, "folder": path.parent})
    except ValidationError as error:
        found = [_sentence(each, model) for each in error.errors()]
        raise RunFileError(f"{path}: {'; '.join(found)}") from None


def nearest(name: str, known: Any) -> str:
    """The known name that is most like another."""
    return difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)[0]


def _sentence(error: Any, model: type[BaseModel]) -> str:
    """One of pydantic's errors in our words: an unknown key comes with the nearest known one."""
    *parents, name = [str(part) for part in error["loc"]] or [""]
    where = f"[{'.'.join(parents)}]" if parents else "the top level"
    if error["type"] == "extra_forbidden":
        known = _section(model, parents).model_fields.keys() - {"folder"}
        return f"unknown key '{name}' in {where}, nearest known key: '{nearest(name, known)}'"
    if error["type"] == "missing":
        return f"missing key '{name}' in {where}"
    key = ".".join([*parents, name])
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input should ")
    got = "" if error["type"] == "value_error" else f", got {error['input']!r}"
    return f"{key} {'should ' if error['type'] != 'value_error' else ''}{message}{got}"


def _section(model, parents):
    """The model of the table that a path of keys leads to."""
    for name in parents:
        annotation = model.model_fields[name].annotation
        inner = [a for a in (annotation, *getattr(annotation, "__args__", ())) if isinstance(a, type)]
        model = next(a for a in inner if issubclass(a, BaseModel))
    return model
