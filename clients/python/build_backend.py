"""Builds the package for pip with the standard library alone (PEP 517, PEP 660): an install needs no network and no other package."""

import base64
import hashlib
import io
import os
import re
import tarfile
import zipfile

_here = os.path.dirname(os.path.abspath(__file__))
_package = "autocached"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return _write_wheel(wheel_directory, {name: _read(name) for name in _sources()})


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _write_wheel(wheel_directory, {_package + ".pth": _here.encode() + b"\n"})


def build_sdist(sdist_directory, config_settings=None):
    base = "%s-%s" % (_package, _version())
    with tarfile.open(os.path.join(sdist_directory, base + ".tar.gz"), "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name in ("pyproject.toml", "build_backend.py", "README.md", *_sources()):
            archive.add(os.path.join(_here, name), base + "/" + name)
        metadata = tarfile.TarInfo(base + "/PKG-INFO")
        metadata.size = len(_metadata())
        archive.addfile(metadata, io.BytesIO(_metadata()))
    return base + ".tar.gz"


def _write_wheel(directory, files):
    base = "%s-%s" % (_package, _version())
    info = base + ".dist-info/"
    files = dict(files)
    files[info + "METADATA"] = _metadata()
    files[info + "WHEEL"] = b"Wheel-Version: 1.0\nGenerator: autocached\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    rows = ["%s,sha256=%s,%d" % (name, _digest(data), len(data)) for name, data in files.items()]
    files[info + "RECORD"] = "\n".join([*rows, info + "RECORD,,", ""]).encode()
    wheel = base + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return wheel


def _sources():
    found = []
    for folder, _, names in os.walk(os.path.join(_here, _package)):
        inside = os.path.relpath(folder, _here).replace(os.sep, "/")
        found += [inside + "/" + name for name in names if name.endswith(".py")]
    return sorted(found)


def _metadata():
    head = "Metadata-Version: 2.1\nName: %s\nVersion: %s\nRequires-Python: >=3.9\nLicense: Apache-2.0\n" % (
        _package,
        _version(),
    )
    return (head + "Description-Content-Type: text/markdown\n\n").encode() + _read("README.md")


def _version():
    return re.search(r'^version = "(.+)"$', _read("pyproject.toml").decode(), re.MULTILINE).group(1)


def _read(name):
    with open(os.path.join(_here, name), "rb") as file:
        return file.read()


def _digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
