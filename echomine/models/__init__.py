"""Torch networks: classification backbones by name, and the transform into text space. Trains nothing."""
