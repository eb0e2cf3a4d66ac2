"""How the engine's kernels are compiled: as everything compiled is."""

from compiling import B1, F64, I32, I64, U8, U64, Kernel, borrowing, brief, compiled, fusing

__all__ = ["B1", "F64", "I32", "I64", "U8", "U64", "Kernel", "borrowing", "brief", "compiled", "fusing"]
