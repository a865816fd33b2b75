"""Augmentation of a data set: operations on pixels and boxes, policies, and their application. No Qt."""
