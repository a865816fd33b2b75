"""A training from its start to its end: the process, the queue, the weights measured meanwhile."""
