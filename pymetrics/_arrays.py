"""Names for arrays in annotations: numpy arrays on the host, torch tensors on a GPU.

The dtype in a name is documentation, not a check: type checkers see Any. Shapes stand in the docstrings. Kernels check
dtypes and shapes of what they get.
"""

from typing import Any, TypeAlias

U8: TypeAlias = Any
U64: TypeAlias = Any
I32: TypeAlias = Any
I64: TypeAlias = Any
F64: TypeAlias = Any
Bool: TypeAlias = Any
Ids: TypeAlias = Any  # int64 or str, on the host
