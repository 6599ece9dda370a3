"""The build: a wheel also carries what ganinv reads from a clone's top level.

It is copied into the wheel alone, to ganinv/_shipped/, never into the source tree; an editable
install reads the clone. All else is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SHIPPED = (
    "checkpoints/manifest.yaml",
    "checkpoints/domain_encoder_ffhq.json",
    "checkpoints/domain_encoder_ffhq.safetensors",
    "checkpoints/directions_ffhq-student.json",
    "checkpoints/directions_ffhq-student.safetensors",
    "data/samples.yaml",
    "data/sets.yaml",
    "data/*.sha256",
    "data/portraits/*",
    "notebooks/*.ipynb",
    "params/**/*.yaml",
    "reports/benchmarks/*.json",
)


def shipped() -> list[str]:
    """List the files to carry, as paths below the top level. Raises FileNotFoundError."""
    found = []
    for pattern in SHIPPED:
        files = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))
        if not files:
            raise FileNotFoundError(f"{ROOT} holds no {pattern}; the package would not work")
        found += files
    return found


class BuildPy(build_py):
    """Build the package, and lay what it reads beside it."""

    def run(self) -> None:
        """Build as setuptools does, then copy."""
        super().run()
        if not self.editable_mode:
            shutil.rmtree(self._folder(), ignore_errors=True)  # setuptools keeps build/
        for source, target in self._copies().items():
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def _folder(self) -> Path:
        return Path(self.build_lib, "ganinv", "_shipped")

    def _copies(self) -> dict[str, str]:
        """Where each file is copied to (file: copy); nowhere in an editable install."""
        if self.editable_mode:
            return {}
        return {str(ROOT / name): str(self._folder() / name) for name in shipped()}

    def get_source_files(self) -> list[str]:
        """Name what an sdist must carry, so that a wheel can be built from it."""
        return [*super().get_source_files(), *shipped()]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Name what `run` writes."""
        return [*super().get_outputs(include_bytecode), *self._copies().values()]

    def get_output_mapping(self) -> dict[str, str]:
        """Map what `run` writes to where it comes from."""
        return super().get_output_mapping() | {to: source for source, to in self._copies().items()}


setup(cmdclass={"build_py": BuildPy})
