"""Array kernels: NumPy and Numba only. They trust their input; shapes are checked where arrays are built."""
