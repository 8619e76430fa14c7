"""Put first on PYTHONPATH by `modelreg exec`: hooks the child, then runs the sitecustomize that it hides.

It fails closed: a child that cannot have the hooks does not run at all.
"""

import os
import sys


def _stop(error: BaseException) -> None:
    sys.stderr.write(
        f"error[exec-not-hooked]: the gate cannot be put into this Python: {type(error).__name__}: {error}\n"
        f"  hint: install modelreg for {sys.executable}\n"
    )
    sys.stderr.flush()
    os._exit(5)


def _start() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    package = os.path.dirname(os.path.dirname(here))
    try:
        try:
            import modelreg.hooks as hooks
        except ImportError:
            sys.path.append(package)  # last: nothing that lies beside modelreg may take another's place
            import modelreg.hooks as hooks
        hooks.install()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the child must not run without hooks
        _stop(error)
    _next(here)


def _next(here: str) -> None:
    """Run the sitecustomize that would have been found without this one."""
    import importlib.machinery
    import importlib.util

    others = [p for p in sys.path if os.path.abspath(p or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if os.environ.get("MODELREG_EXEC"):
    _start()
