"""State evolution: the scalar equations that predict training, solved by nested bracketing."""
