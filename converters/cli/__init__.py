"""The commands ``convert-cli``, ``check-cli`` and ``balance-cli``: arguments and output, nothing else."""
