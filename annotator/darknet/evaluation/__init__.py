"""How good the weights of a run are: numbers, curves, mistakes, reports, run against run."""
