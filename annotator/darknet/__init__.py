"""Darknet without Qt: cfg, networks, run folder, the process, its output, predictions and their measure."""
