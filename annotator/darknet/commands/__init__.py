"""``train-cli``: one module for each of its commands."""
