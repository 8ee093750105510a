"""The layout of diagrams keeps its own tests, in JavaScript; this runs them with the others."""

import shutil
import subprocess
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "web" / "frontend"
NODE = shutil.which("node")


@pytest.mark.slow
@pytest.mark.skipif(NODE is None, reason="the layout's tests need node")
@pytest.mark.skipif(
    not (FRONTEND / "node_modules").is_dir(),
    reason="the layout's tests need the front end's packages: npm ci in web/frontend",
)
def test_the_layouts_own_tests_pass() -> None:
    """Every rule finds its planted fault; every sample is laid out and loses nothing."""
    assert NODE is not None
    run = subprocess.run(
        [NODE, "--test", "layout/test/"], cwd=FRONTEND, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-1000:]
    assert "# fail 0" in run.stdout
    assert "# tests 0" not in run.stdout
