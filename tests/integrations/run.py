"""Real callers with this library in the place of the one that they import, and with that one: the same results?

    python tests/integrations/run.py FOLDER [NAME ...]     # FOLDER holds checkouts; docs/replacing.md lists them

Each caller runs twice, in processes of its own. Prints a row for each; the exit status is 1 if one differs.
"""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "coco"), str(HERE.parents[1])]
SECONDS = 600


def take_places() -> None:
    """What a caller imports is this library from now on."""
    import pymetrics.coco
    from pymetrics.coco import faster, mask

    pymetrics.coco.init_as_pycocotools()
    for name, module in (
        ("faster_coco_eval", faster), ("faster_coco_eval.core", faster), ("faster_coco_eval.core.mask", mask),
        ("faster_coco_eval.utils", faster), ("faster_coco_eval.utils.pytorch", faster),
    ):  # fmt: skip
        sys.modules[name] = module
    faster.core = faster


def one(name: str, side: str, checkouts: str, out: str) -> None:
    """A caller in this process; what it finds goes into a file."""
    if side == "ours":
        take_places()
    else:
        import faster_coco_eval  # noqa: F401
        import pycocotools.coco
        import pycocotools.cocoeval  # noqa: F401
    import callers

    with tempfile.TemporaryDirectory() as scratch:
        try:
            found: Any = callers.CALLERS[name](Path(checkouts), Path(scratch))
        except BaseException as error:
            traceback.print_exc()
            found = f"{type(error).__name__}: {error}"
        used = sorted(m for m in sys.modules if m.split(".")[0] in ("pycocotools", "faster_coco_eval"))
        foreign = [m for m in used if "site-packages" in str(getattr(sys.modules[m], "__file__", ""))]
    Path(out).write_bytes(pickle.dumps((found, foreign)))


def results(name: str, side: str, checkouts: Path, folder: Path) -> tuple[Any, Any]:
    out = folder / f"{side}.pickle"
    command = [sys.executable, __file__, "--one", name, side, str(checkouts), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, cwd=folder)
    if not out.exists():
        return f"ended with {done.returncode}: {done.stderr.strip().splitlines()[-1:]}", []
    (folder / f"{side}.log").write_text(done.stdout + done.stderr)
    return pickle.loads(out.read_bytes())  # type: ignore[no-any-return]


def compared(name: str, checkouts: Path) -> str:
    import callers

    need = callers.NEEDS[name]
    if "/" in need and not (checkouts / need).exists():
        return f"not run: there is no {need}"
    if "/" not in need and importlib.util.find_spec(need) is None:
        return f"not run: {need} is not installed"
    with tempfile.TemporaryDirectory() as folder:
        (theirs, _), (ours, foreign) = (results(name, side, checkouts, Path(folder)) for side in ("theirs", "ours"))
    if isinstance(theirs, str):
        return f"not run: {theirs}"
    if isinstance(ours, str):
        return f"FAILS: {ours}"
    if foreign:
        return f"FAILS: it still used {foreign}"
    return (
        "equal"
        if pickle.dumps(ours) == pickle.dumps(theirs) or same(theirs, ours)
        else f"DIFFERS: {where(theirs, ours)}"
    )


def same(a: Any, b: Any) -> bool:
    return where(a, b) == ""


def where(a: Any, b: Any, path: str = "") -> str:
    """The first place at which two values are not equal; empty where they are. NaN is equal to NaN."""
    if isinstance(a, dict) and isinstance(b, dict):
        if list(a) != list(b):
            return f"{path}: keys {list(a)}, not {list(b)}"
        return next((text for key in a if (text := where(a[key], b[key], f"{path}[{key!r}]"))), "")
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        if len(a) != len(b):
            return f"{path}: {len(a)} values, not {len(b)}"
        return next((text for i in range(len(a)) if (text := where(a[i], b[i], f"{path}[{i}]"))), "")
    if a == b or (a != a and b != b):
        return ""
    return f"{path}: {str(a)[:100]}, not {str(b)[:100]}"


def main() -> int:
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:6])
        return 0
    import callers

    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    wrong = 0
    for name in sys.argv[2:] or callers.CALLERS:
        text = compared(name, Path(sys.argv[1]).resolve())
        wrong += not text.startswith(("equal", "not run"))
        print(f"{name:52s} {text}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
