"""Dialogs of the window: export, adding pictures, runs, trash, diagnostics, about."""
