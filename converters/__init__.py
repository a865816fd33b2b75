"""The data set and every file format it is read from or written to. No Qt, no Darknet process."""
