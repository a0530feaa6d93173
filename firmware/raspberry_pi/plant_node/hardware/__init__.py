"""The kernel's devices, without a library between: nothing to compile, nothing that an index may lack for a Pi."""
