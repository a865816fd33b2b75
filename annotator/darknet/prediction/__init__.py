"""What a network sees in pictures, videos and cameras."""
