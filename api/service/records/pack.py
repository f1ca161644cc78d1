"""A data pack as the service names it: a folder of files, and the hash over their names and contents."""

from __future__ import annotations

import atexit
import hashlib
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from capitation.pack.layers import PACK_FILE, alone, default_data_folder, files_of, layers, put_together
from capitation.pack.sources import DataPack
from capitation.records.documents import read_mapping
from capitation.records.identity import canonical, digest


@dataclass(frozen=True)
class Pack:
    """A data pack, its files with their checksums, and the hash over them."""

    folder: Path

    @cached_property
    def files(self) -> dict[str, str]:
        """Checksums of all files by their path inside the pack."""
        return {name: hashlib.sha256(self.content(name)).hexdigest() for name in self.paths}

    @cached_property
    def paths(self) -> dict[str, Path]:
        """All files by their path inside the pack, those of the packs that it extends among them."""
        return files_of(layers(self.folder))

    @property
    def whole(self) -> Path:
        """A folder with every file of the pack: its own, or a copy with those of the packs that it extends, made when first needed."""
        return self.folder if len(layers(self.folder)) == 1 else self._together

    @cached_property
    def _together(self) -> Path:
        folder = mkdtemp(prefix="capitation-pack-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return put_together(self.folder, Path(folder) / "pack")

    def documents(self, folder: str) -> list[Path]:
        """The TOML documents of a folder of the pack in order of name, those of the packs that it extends among them."""
        inside = {Path(name): path for name, path in self.paths.items()}
        return [inside[name] for name in sorted(inside) if name.parent == Path(folder) and name.suffix == ".toml"]

    def content(self, name: str) -> bytes:
        """What a file holds; a pack.toml as it stands in a pack that needs no other."""
        content = self.paths[name].read_bytes()
        return alone(content) if name == PACK_FILE else content

    @cached_property
    def digest(self) -> str:
        """The hash over names and contents of all files."""
        return digest(canonical(self.files))

    @cached_property
    def about(self) -> dict[str, Any]:
        """Id, title, version, description and licence, as pack.toml gives them."""
        return read_mapping(self.folder / "pack.toml")

    def opened(self) -> DataPack:
        """The pack, afresh.

        Raises:
            SourceError: the folder is no data pack.
        """
        return DataPack(self.folder)


def pack_at(folder: Path | None) -> Pack:
    """The pack in a folder; the one that ships where none is given.

    Raises:
        SourceError: the folder is no data pack.
    """
    pack = Pack(folder or default_data_folder())
    pack.opened()
    return pack
