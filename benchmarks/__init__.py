"""What README quotes, and how to measure it again: ``python -m benchmarks``. Not part of the wheel."""
