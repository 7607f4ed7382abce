"""Other people's engines, run beside ours."""
