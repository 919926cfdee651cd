"""The compiled modules against the Python kernels and against their stubs."""

import ast
from pathlib import Path

import pytest
from cuda_emu import emulated
from helpers.absent import absent, need_module

import pymetrics
from pymetrics.kernels import KERNELS

ADDED = {"_native": ("n_threads",), "_cuda": ("stream", "allocate")}  # behind a kernel's own arguments


@pytest.fixture(params=ADDED)
def module(request):
    """A compiled module, and its name; the emulated one stands for _cuda."""
    if request.param == "_native":
        return need_module("pymetrics._native"), request.param
    why_not = emulated.why_not()
    if why_not:
        absent("cuda_emu", why_not)
    return emulated.module(), request.param


def test_arguments_are_those_of_the_python_kernels(module):
    module, name = module
    wanted = {each.name: list(each.parameters) for each in KERNELS.values() if name == "_native" or each.has_cuda}
    assert wanted == module.ARGUMENTS


def test_stub(module):
    """It names all that the module holds, and the kernels' arguments in their order."""
    module, name = module
    stub = ast.parse((Path(pymetrics.__file__).parent / f"{name}.pyi").read_text())
    functions = {node.name: node.args for node in stub.body if isinstance(node, ast.FunctionDef)}
    classes = [node.name for node in stub.body if isinstance(node, ast.ClassDef)]
    values = [node.target.id for node in stub.body if isinstance(node, ast.AnnAssign)]
    assert sorted([*functions, *classes, *values]) == [each for each in dir(module) if not each.startswith("_")]
    for kernel, arguments in module.ARGUMENTS.items():
        has_threads = name == "_cuda" or KERNELS[kernel].parallel
        given = [each.arg for each in functions[kernel].posonlyargs]
        assert given == [*arguments, *(ADDED[name] if has_threads else ())], kernel


def test_a_call_with_too_few_arguments_says_so(module):
    module, _ = module
    with pytest.raises(TypeError, match=r"index_ids: expected \d arguments, got 1"):
        module.index_ids(1)
