"""Programs that are measured, each a process of its own; some run with another library's interpreter."""
