"""The networks' layers, a module a family: each function adds a network to a stack."""
