"""modelreg: the terms of open-weights models as data."""
