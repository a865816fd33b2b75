"""The Darknet program and the GPU: where they are, what they can do, what they complain of."""
