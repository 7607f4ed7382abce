"""Speed and accuracy tables, one command each."""
