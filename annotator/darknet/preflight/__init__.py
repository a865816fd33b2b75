"""Looking at everything before a training starts."""
