"""Builds the wheel, installs it into a clean environment outside the checkout, and imports every module of it there.

An editable or in-place run hides a package that the wheel forgets; this does not.
"""

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    assert "site-packages" in package.__file__, package.__file__
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__") and ".versions" not in module.name and not module.name.endswith(".env"):
            importlib.import_module(module.name)
"""


def main() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]
    with tempfile.TemporaryDirectory() as folder:
        away = Path(folder)
        _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, str(ROOT))
        # The dependencies are the locked ones that are installed here: only the project itself comes from the wheel.
        venv.create(away / "env", with_pip=False)
        target = next((away / "env").glob("lib/python*/site-packages"))
        wheel = next(away.glob("*.whl"))
        _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel))
        here = next(Path(sys.prefix).glob("lib/python*/site-packages"))
        (target / "locked.pth").write_text(str(here))
        _run(str(away / "env/bin/python"), "-c", _IMPORT_ALL, *packages, cwd=away)
    print(f"wheel: {', '.join(packages)} install and import outside the checkout")


def _run(*command: str, cwd: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
