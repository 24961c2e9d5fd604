"""How each kind of fault is made; ``faults.catalogue`` has their names."""
