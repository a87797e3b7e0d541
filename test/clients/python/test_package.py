"""The package as it is installed."""

import filecmp
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

import rig

COMMON = os.path.join(rig.CLIENT, "autocached", "_common")


def pip_version() -> tuple:
    """Of the Python that runs this; empty without one."""
    try:
        return tuple(int(part) for part in importlib.metadata.version("pip").split(".")[:2])
    except importlib.metadata.PackageNotFoundError:
        return ()


class Package(unittest.TestCase):
    def test_finding_and_believing_the_daemon_is_the_same_code_in_the_shim_and_in_the_package(self):
        names = sorted(name for name in os.listdir(COMMON) if name.endswith(".py") and name != "__init__.py")
        self.assertIn("proof.py", names)
        _, different, unread = filecmp.cmpfiles(COMMON, os.path.join(rig.PROJECT, "comfyui"), names, shallow=False)
        self.assertEqual((different, unread), ([], []))

    def test_no_name_of_a_file_steers_the_terminal_in_the_log(self):
        program = (
            "import logging, sys; sys.path.insert(0, %r); import autocached; logging.basicConfig(format='%%(message)s')\n"
            "logging.getLogger('autocached').warning('%%s is away', 'a\\x1b[2J\\nb\\u202e')"
        ) % rig.CLIENT
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
        self.assertEqual(said, "a\\u001b[2J\\u000ab\\u202e is away\n")

    def test_importing_it_imports_neither_numpy_nor_torch(self):
        program = (
            "import sys; sys.path.insert(0, %r); import autocached; print({'numpy', 'torch'} & set(sys.modules))" % rig.CLIENT
        )
        self.assertEqual(subprocess.check_output([sys.executable, "-c", program], text=True), "set()\n")

    @unittest.skipUnless(importlib.util.find_spec("ensurepip"), "pip is not installed")
    def test_pip_installs_it_without_a_network(self):
        with tempfile.TemporaryDirectory() as directory:
            python = os.path.join(directory, "Scripts" if os.name == "nt" else "bin", "python")
            # Putting a pip into the environment takes most of the time; one that is there may do.
            venv = [sys.executable, "-m", "venv", directory]
            if pip_version() >= (22, 3):
                venv, pip = [*venv, "--without-pip"], [sys.executable, "-m", "pip", "--python", python]
            else:
                pip = [python, "-m", "pip"]
            subprocess.run(venv, check=True)
            pip += ["--disable-pip-version-check", "install", "--no-index", "--quiet"]
            run = {"check": True, "cwd": directory, "env": {**os.environ, "PYTHONPATH": ""}}
            for options in ([], ["--force-reinstall", "--editable"]):
                subprocess.run([*pip, *options, rig.CLIENT], **run)
                program = "import autocached, importlib.metadata as m; print(m.version('autocached'), autocached.__file__)"
                version, file = subprocess.check_output(
                    [python, "-c", program], text=True, cwd=directory, env=run["env"]
                ).split()
                self.assertEqual((version, file.startswith(os.path.realpath(directory))), (rig.VERSION, not options))

    def test_the_source_archive_builds_the_same_package(self):
        sys.path.insert(0, rig.CLIENT)
        self.addCleanup(sys.path.remove, rig.CLIENT)
        import build_backend

        with tempfile.TemporaryDirectory() as directory:
            wheel = zipfile.ZipFile(os.path.join(directory, build_backend.build_wheel(directory)))
            archive = tarfile.open(os.path.join(directory, build_backend.build_sdist(directory)))
            with wheel, archive:
                ours = {name for name in wheel.namelist() if ".dist-info/" not in name}
                there = {name.partition("/")[2] for name in archive.getnames()}
                self.assertTrue(ours < there)
                self.assertIn("autocached/_common/proof.py", ours)


if __name__ == "__main__":
    unittest.main()
