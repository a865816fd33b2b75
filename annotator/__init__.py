"""What a person sees, and Darknet."""
