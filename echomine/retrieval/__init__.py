"""Text spaces, the paragraph index, the vote over what it finds, and the confidence in it."""
