"""The pages of the window, in the order in which a person goes through them."""
