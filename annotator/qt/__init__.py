"""The window: canvas, painting, panels. The only package (with annotator.app) that imports PyQt5."""
