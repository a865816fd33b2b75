"""Networks: cfg text, the layers it stands for, what they cost, anchors, options and weights."""
