"""A run's folder and what is read and written there: data, events, outcome, notes."""
