"""A disk of a few megabytes of one's own, which tests fill; skips where none may be mounted."""

import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest


class SmallDisk:
    """A file system in memory, at a folder that every user may enter."""

    def __init__(self, size):
        folder = Path(tempfile.mkdtemp(prefix="disk-"))
        folder.chmod(0o755)
        self.folder, self._filler = folder, folder / "filler"
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        try:
            subprocess.run(mount, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            folder.rmdir()
            pytest.skip(f"no file system may be mounted here: {error}")

    def fill(self, leave=0):
        """Leave as many bytes as are said, and no more."""
        with self._filler.open("wb", buffering=0) as file:
            for size in (65_536, 4_096, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))
            if leave:
                file.truncate(file.tell() - leave)

    def free(self):
        """Make room again."""
        self._filler.unlink()

    def writable(self, is_writable):
        """Let files be written, or not."""
        way = "remount,rw" if is_writable else "remount,ro"
        subprocess.run(["mount", "-o", way, str(self.folder)], check=True, capture_output=True)

    def remove(self):
        """Take the disk away, with everything on it."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
        self.folder.rmdir()
