"""What the window is about, without Qt: the session, edits, the viewport, gestures, view-models."""
